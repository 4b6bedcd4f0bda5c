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
    from sfumato.fits import Bins, EstimatorFit, SynthesizerFit, bins
    from sfumato.frames import Frame
    from sfumato.jobs import ModelJob, Progress
    from sfumato.measures import Measure, count, count_units, histogram, mean, median, quantile, sum  # noqa: A004
    from sfumato.mesh import Mesh, connect
    from sfumato.models import EstimatorModel, Models, Sample, SynthesizerModel
    from sfumato.queries import History, Query
    from sfumato.questions import Groups, Question, Rows
    from sfumato.quotes import HalfWidth, MeasureQuote, Quote
    from sfumato.receipts import Receipt, Verified
    from sfumato.steps import (
        Step,
        decision_tree,
        gaussian_naive_bayes,
        k_means,
        linear_regression,
        logistic_regression,
        principal_components,
        random_forest,
        standard_scaler,
    )
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
    "fits": (
        "Bins",
        "EstimatorFit",
        "SynthesizerFit",
        "bins",
    ),
    "frames": ("Frame",),
    "jobs": (
        "ModelJob",
        "Progress",
    ),
    "models": (
        "EstimatorModel",
        "Models",
        "Sample",
        "SynthesizerModel",
    ),
    "steps": (
        "Step",
        "decision_tree",
        "gaussian_naive_bayes",
        "k_means",
        "linear_regression",
        "logistic_regression",
        "principal_components",
        "random_forest",
        "standard_scaler",
    ),
    "timelines": ("Timeline", "TimelinePoint"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AccessDenied",
    "Answer",
    "Bins",
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
    "EstimatorFit",
    "EstimatorModel",
    "Expression",
    "FieldProblem",
    "Frame",
    "GrantMissing",
    "Groups",
    "HalfWidth",
    "History",
    "InvalidRequest",
    "Measure",
    "MeasureQuote",
    "Mesh",
    "MissingExtra",
    "ModelJob",
    "Models",
    "NotConfigured",
    "PlanRejected",
    "PreconditionFailed",
    "PriceTooHigh",
    "Progress",
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
    "Sample",
    "ScopeLine",
    "SfumatoError",
    "SqlRejected",
    "Step",
    "SynthesizerFit",
    "SynthesizerModel",
    "Timeline",
    "TimelinePoint",
    "Unauthenticated",
    "Unavailable",
    "Verified",
    "bins",
    "col",
    "connect",
    "count",
    "count_units",
    "cut",
    "decision_tree",
    "epsilon_from_rho",
    "gaussian_naive_bayes",
    "histogram",
    "k_means",
    "linear_regression",
    "lit",
    "logistic_regression",
    "mean",
    "median",
    "principal_components",
    "quantile",
    "random_forest",
    "rho_from_epsilon",
    "standard_scaler",
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
