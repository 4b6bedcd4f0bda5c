"""Ask questions about data that you may never see: priced first, charged once, with error bars and receipts.

    import sfumato as sf

    mesh = sf.connect()
    penguins = mesh.dataset("penguins")
    question = penguins.group_by("species").agg(n=sf.count(), mass=sf.mean("body_mass_g"))
    question.quote(rho=0.02)
    answer = question.run(rho=0.02)

Names are loaded when they are first used, so that `import sfumato.v1` (the generated contract) loads nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sfumato.answers import Answer
    from sfumato.budgets import Budget, Budgets
    from sfumato.charges import Charge, ScopeLine
    from sfumato.conversion import epsilon_from_rho, rho_from_epsilon
    from sfumato.datasets import Column, Dataset, Datasets
    from sfumato.errors import (
        AccessDenied,
        BudgetExhausted,
        BudgetFrozen,
        Conflict,
        CorruptAnswer,
        FieldProblem,
        GrantMissing,
        InvalidRequest,
        MissingExtra,
        NotConfigured,
        PlanRejected,
        PreconditionFailed,
        PriceTooHigh,
        QueryCancelled,
        QueryFailed,
        ReceiptInvalid,
        RefusedError,
        RequestTooLarge,
        SfumatoError,
        SqlRejected,
        Unauthenticated,
        Unavailable,
    )
    from sfumato.expressions import Expression, col, cut, lit, when
    from sfumato.measures import Measure, count, count_units, histogram, mean, median, quantile, sum  # noqa: A004
    from sfumato.mesh import Mesh, connect
    from sfumato.queries import History, Query
    from sfumato.questions import Groups, Question, Rows
    from sfumato.quotes import HalfWidth, MeasureQuote, Quote
    from sfumato.receipts import Receipt, Verified
    from sfumato.timelines import Timeline, TimelinePoint

_HOMES = {
    "answers": ("Answer",),
    "budgets": ("Budget", "Budgets"),
    "charges": ("Charge", "ScopeLine"),
    "conversion": ("epsilon_from_rho", "rho_from_epsilon"),
    "datasets": ("Column", "Dataset", "Datasets"),
    "errors": (
        "AccessDenied",
        "BudgetExhausted",
        "BudgetFrozen",
        "Conflict",
        "CorruptAnswer",
        "FieldProblem",
        "GrantMissing",
        "InvalidRequest",
        "MissingExtra",
        "NotConfigured",
        "PlanRejected",
        "PreconditionFailed",
        "PriceTooHigh",
        "QueryCancelled",
        "QueryFailed",
        "ReceiptInvalid",
        "RefusedError",
        "RequestTooLarge",
        "SfumatoError",
        "SqlRejected",
        "Unauthenticated",
        "Unavailable",
    ),
    "expressions": ("Expression", "col", "cut", "lit", "when"),
    "measures": ("Measure", "count", "count_units", "histogram", "mean", "median", "quantile", "sum"),
    "mesh": ("Mesh", "connect"),
    "queries": ("History", "Query"),
    "questions": ("Groups", "Question", "Rows"),
    "quotes": ("HalfWidth", "MeasureQuote", "Quote"),
    "receipts": ("Receipt", "Verified"),
    "timelines": ("Timeline", "TimelinePoint"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AccessDenied",
    "Answer",
    "Budget",
    "BudgetExhausted",
    "BudgetFrozen",
    "Budgets",
    "Charge",
    "Column",
    "Conflict",
    "CorruptAnswer",
    "Dataset",
    "Datasets",
    "Expression",
    "FieldProblem",
    "GrantMissing",
    "Groups",
    "HalfWidth",
    "History",
    "InvalidRequest",
    "Measure",
    "MeasureQuote",
    "Mesh",
    "MissingExtra",
    "NotConfigured",
    "PlanRejected",
    "PreconditionFailed",
    "PriceTooHigh",
    "Query",
    "QueryCancelled",
    "QueryFailed",
    "Question",
    "Quote",
    "Receipt",
    "ReceiptInvalid",
    "RefusedError",
    "RequestTooLarge",
    "Rows",
    "ScopeLine",
    "SfumatoError",
    "SqlRejected",
    "Timeline",
    "TimelinePoint",
    "Unauthenticated",
    "Unavailable",
    "Verified",
    "col",
    "connect",
    "count",
    "count_units",
    "cut",
    "epsilon_from_rho",
    "histogram",
    "lit",
    "mean",
    "median",
    "quantile",
    "rho_from_epsilon",
    "sum",
    "when",
]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'sfumato' has no attribute {name!r}")
    return getattr(import_module(f"sfumato.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
