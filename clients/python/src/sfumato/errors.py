"""Exceptions: what was refused, what failed after payment, and what is not known.

A `RefusedError` came before anything was paid. `QueryFailed` and `QueryCancelled` came after: the charge stays.
`Unavailable` says nothing about the outcome: call again with the same request_id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class FieldProblem:
    """One field of a request, and what is wrong with it."""

    field: str
    """Path in the request: "question.plan.measures[2].sum.bounds"."""
    description: str
    """The rule that it breaks, in words."""


class SfumatoError(Exception):
    """Anything that this package raises on purpose.

    Attributes:
        reason: name of an ErrorReason without its prefix ("BUDGET_EXHAUSTED"); "" where no server spoke.
        metadata: what ErrorReason documents for the reason.
        fields: which fields, and what is wrong with each.
        hint: what would pass, in words; "" if nothing is known.
    """

    reason: str
    metadata: Mapping[str, str]
    fields: tuple[FieldProblem, ...]
    hint: str

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] = NOTHING,
        fields: Sequence[FieldProblem] = (),
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.metadata = MappingProxyType(dict(metadata))
        self.fields = tuple(fields)
        self.hint = hint or self.metadata.get("hint", "")

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {name:<12} {text}" for name, text in self.details())])

    def details(self) -> list[tuple[str, str]]:
        """Return the lines under the message: (what, text)."""
        told = [each for each in self.fields if each.description and each.description not in self.message]
        lines = [(each.field or "request", each.description) for each in told]
        return [*lines, ("would pass", self.hint)] if self.hint else lines


class RefusedError(SfumatoError):
    """Refused before anything was paid; free."""


class InvalidRequest(RefusedError):  # noqa: N818  (the reason is its name)
    """A value is not allowed: `fields` says which and why."""


class RequestTooLarge(InvalidRequest):
    """The request is above the 1 MiB that a mesh takes; it was not sent."""


class PlanRejected(RefusedError):  # noqa: N818
    """The question cannot be asked of this data: `metadata["rule"]` says which rule."""


class SqlRejected(RefusedError):  # noqa: N818
    """The statement cannot be asked: `metadata` says rule, line, column and the nearest form that works."""


class Unauthenticated(RefusedError):  # noqa: N818
    """No token, or one that is not valid (any more)."""


class AccessDenied(RefusedError):  # noqa: N818
    """Not allowed, or not there: a mesh gives the same answer to both."""


class BudgetExhausted(RefusedError):  # noqa: N818
    """A scope cannot pay: `metadata["scope"]` says which."""


class BudgetFrozen(RefusedError):  # noqa: N818
    """A custodian stopped spending."""


class PriceTooHigh(RefusedError):  # noqa: N818
    """The price is above the request's own limit, or above what the dataset's policy allows one query."""


class GrantMissing(RefusedError):  # noqa: N818
    """Nobody granted a budget yet: to the population, or to the analyst or project."""


class PreconditionFailed(RefusedError):  # noqa: N818
    """Something else must change first, as the message says."""


class Conflict(RefusedError):  # noqa: N818
    """It collides with what exists: a used request_id, a changed record, a taken name."""


class QueryFailed(SfumatoError):  # noqa: N818
    """The query was paid and gave no answer. The same request_id fails for ever; a new one pays again."""


class QueryCancelled(SfumatoError):  # noqa: N818
    """The query was paid and cancelled by its analyst."""


class Unavailable(SfumatoError):  # noqa: N818
    """The mesh could not be reached, or not in time. The outcome is not known: repeat with the same request_id."""


class NotConfigured(SfumatoError):  # noqa: N818
    """No address or token is known."""


class CorruptAnswer(SfumatoError):  # noqa: N818
    """What arrived is not what was sent: a gap, a checksum, or another table than before."""


class ReceiptInvalid(SfumatoError):  # noqa: N818
    """A receipt is not what its ledger signed, or is not of this query."""


class MissingExtra(SfumatoError, ImportError):  # noqa: N818
    """A library of an optional extra is not installed; `extra` names it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra `{extra}`.", hint=f"pip install 'sfumato[{extra}]'")
        self.extra = extra
