"""Applying documents: what would change, in words, and changing it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import Message

from sfumato._core.amounts import PICO
from sfumato._core.numbers import money
from sfumato.admin.codecs import Length
from sfumato.admin.documents import Document, flatten, to_plain
from sfumato.budgets import lender_of
from sfumato.errors import InvalidRequest, RefusedError
from sfumato.v1 import budget_admin_service_pb2, charge_pb2, grant_pb2

UNCHANGED, CREATED, CHANGED, UNCHECKED = "unchanged", "created", "changed", "not checked"
_WITH_NEXT_VERSION = ("source", "unit", "columns", "max_rows")


class Records(Protocol):
    """Who reads and writes records."""

    def get(self, kind: str, name: str) -> Message | None:
        """Return a record, if there is one."""

    def update(self, kind: str, record: Message, *, validate_only: bool) -> Message:
        """Register or change a record; return it afterwards."""

    def grant(
        self, grant: grant_pb2.Grant, justification: str, *, validate_only: bool
    ) -> budget_admin_service_pb2.GrantBudgetResponse:
        """Set a limit; return the scope before and after."""


@dataclass(frozen=True)
class Change:
    """What became, or would become, of one document."""

    document: Document
    outcome: str
    """"unchanged", "created", "changed", or "not checked" where it needs what a dry run did not create."""
    lines: tuple[str, ...] = ()
    """What differs, in words."""


def apply(records: Records, documents: Sequence[Document], *, dry_run: bool) -> Iterator[Change]:
    """Bring the mesh to what the documents say, one after the other.

    Args:
        records: the mesh.
        documents: in the order of `in_order`.
        dry_run: only tell what would come of it.

    Raises:
        RefusedError: a document is refused; those before it are applied.
    """
    missing = False
    for each in documents:
        try:
            change = _grant(records, each, dry_run) if each.kind == "Grant" else _record(records, each, dry_run)
        except RefusedError as refusal:
            if not (dry_run and missing):
                if isinstance(refusal, InvalidRequest):  # its fields are those of a request, not of a file
                    refusal.message = f"{each.place}: {each.title}: {refusal.message}"
                raise
            change = Change(each, UNCHECKED, (f"it may need what is not there yet: {refusal.message}",))
        missing = missing or change.outcome == CREATED
        yield change


def _record(records: Records, document: Document, dry_run: bool) -> Change:
    present = records.get(document.kind, document.name)
    wanted = records.update(document.kind, document.message, validate_only=True)
    after = to_plain(document.kind, wanted)
    lines: tuple[str, ...] = ()
    outcome = CREATED
    if present is not None:
        lines = tuple(_differences(to_plain(document.kind, present), after, document.kind))
        outcome = CHANGED if lines else UNCHANGED
    if not dry_run and outcome != UNCHANGED:
        record = type(document.message)()
        record.CopyFrom(document.message)
        if present is not None:
            record.etag = present.etag  # type: ignore[attr-defined]
        records.update(document.kind, record, validate_only=False)
    return Change(document, outcome, lines)


def _grant(records: Records, document: Document, dry_run: bool) -> Change:
    assert isinstance(document.message, grant_pb2.Grant)
    told = records.grant(document.message, document.justification, validate_only=True)
    had = told.HasField("before") and told.before.grant.HasField("limit")
    if had and _terms(told.before.grant) == _terms(told.after.grant):
        return Change(document, UNCHANGED)
    if not dry_run:
        told = records.grant(document.message, document.justification, validate_only=False)
    return Change(document, CHANGED if had else CREATED, tuple(_budget_lines(told, had)))


def _budget_lines(told: budget_admin_service_pb2.GrantBudgetResponse, had: bool) -> Iterator[str]:
    after = told.after
    limit = limit_text(after.grant.limit)
    yield f"limit {limit_text(told.before.grant.limit)} → {limit}" if had else f"limit {limit}, where there was none"
    yield from _window_lines(told)
    if not after.spent.rho_picos and not after.limit.rho_picos and after.limit.epsilon_picos:
        yield from _epsilon_lines(after.spent.epsilon_picos, after.limit.epsilon_picos, after.remaining.epsilon_picos)
        return
    spent, left = after.spent.rho_picos / PICO, after.remaining.rho_picos / PICO
    pure = not after.limit.rho_picos and after.remaining.HasField("epsilon_picos")
    yield f"ρ {money(spent)} is spent, " + (
        f"ε {money(after.remaining.epsilon_picos / PICO)}, of pure answers, is left to spend"
        if pure
        else f"ρ {money(left)} is left to spend"
    )
    above = spent > after.limit.rho_picos / PICO or after.spent.delta_attos > after.limit.delta_attos
    if not pure and above:
        yield "the limit is below what is spent: nothing more can be spent"


def _epsilon_lines(spent: int, limit: int, left: int) -> Iterator[str]:
    """Where nothing but ε was spent and granted."""
    yield f"ε {money(spent / PICO)} is spent, ε {money(left / PICO)} is left to spend"
    if spent > limit:
        yield "the limit is below what is spent: nothing more can be spent"


def _terms(grant: grant_pb2.Grant) -> tuple[charge_pb2.LossLimit, grant_pb2.BudgetWindow, str]:
    """Return what a grant says: limit, window, and whether it was lent."""
    return grant.limit, grant.window, grant.parent


def _window_lines(told: budget_admin_service_pb2.GrantBudgetResponse) -> Iterator[str]:
    """How the window changes, and that a lent grant becomes a custodian's own."""
    before, after = told.before.grant, told.after.grant
    if before.window != after.window:
        yield f"window {window_text(before)} → {window_text(after)}"
    if before.parent:
        yield f"it was lent by {lender_of(before.parent)}, and is a custodian's own from now on"


def window_text(grant: grant_pb2.Grant) -> str:
    """Return a window in words: "ρ 0.05 every 30d", or "none"."""
    if not grant.HasField("window"):
        return "none"
    return f"{limit_text(grant.window.limit)} every {Length().dump(grant.window.length)}"


def limit_text(limit: charge_pb2.LossLimit) -> str:
    """Return a limit in words: "ρ 0.10", "ε 1.00 and δ 1e-6, of it 5e-7 for thresholds"."""
    kind = limit.WhichOneof("kind")
    if kind is None:
        return "none"
    symbol = "ρ" if kind == "rho" else "ε"
    units = limit.rho.rho_picos if kind == "rho" else limit.epsilon.epsilon_picos
    delta = limit.rho.delta_attos if kind == "rho" else limit.epsilon.delta_attos
    text = f"{symbol} {money(units / PICO)}"
    text = f"{text} and δ {money(delta / 10**18)}" if delta else text
    share = limit.threshold_delta_attos
    return f"{text}, of it {money(share / 10**18)} for thresholds" if share else text


def _differences(before: dict[str, Any], after: dict[str, Any], kind: str) -> Iterator[str]:
    old, new = dict(flatten(before)), dict(flatten(after))
    later = False
    for path in [*old, *(path for path in new if path not in old)]:
        if old.get(path) == new.get(path):
            continue
        later = later or (kind == "Dataset" and path.partition(".")[0] in _WITH_NEXT_VERSION)
        if path not in new:
            yield f"{path}: {old[path]} is taken away"
        elif path not in old:
            yield f"{path}: {new[path]} is added"
        else:
            yield f"{path}: {old[path]} → {new[path]}"
    if kind == "Dataset" and list(before.get("columns", {})) != list(after.get("columns", {})):
        later = True
        if set(before.get("columns", {})) == set(after.get("columns", {})):
            yield "columns: in another order"
    if later:
        yield "it takes effect with the next published version; budgets stay as they are"
