"""What each scope of a ledger was charged, read from its export.

Hashes are followed, so that a charge is what the chain says; signatures and limits are the verifier's.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sfumato.errors import InvalidRequest
from sfumato.reporting.receipts import Gaussian, Known
from sfumato.verification.defects import Broken, Defect, ExportUnreadable, UnknownKind
from sfumato.verification.events import Event, query_of, read_event
from sfumato.verification.exports import Entry, Export, Malformed
from sfumato.verification.links import Links
from sfumato.verification.losses import NOTHING, ZCDP, Loss, read_loss
from sfumato.verification.scopes import Scope, ScopeLosses, read_scope_losses

_PAID: Final = {"reserved": "scopes", "shared": "scopes", "genesis": "spent", "reopened": "charged"}
"""Kinds of events that charge, and the field that says whom."""


@dataclass
class ScopeSpending:
    """What one scope was charged: `total` of all of it, and its parts by what is known of them."""

    total: Loss = NOTHING
    count: int = 0
    """Charges."""
    losses: Counter[Loss] = field(default_factory=Counter)
    """Charges, or parts of charges, of which the loss alone is known."""
    gaussians: Counter[Gaussian] = field(default_factory=Counter)
    """Draws that receipts tell; their losses are not among `losses`."""

    def take(self, charge: Loss, known: Known | None) -> None:
        """Add a charge."""
        self.total = self.total.plus(charge)
        self.count += 1
        rest = charge
        if known is not None:
            self.gaussians.update(known.gaussians)
            rest = known.rest
        if not rest.is_nothing:
            self.losses[rest] += 1


@dataclass
class Spending:
    """All scopes of a population."""

    population: str
    accounting: str = ZCDP
    entries: int = 0
    scopes: dict[Scope, ScopeSpending] = field(default_factory=dict)
    told: int = 0
    """Charges of queries whose receipts were used."""


def read_spending(export: Export, known: Mapping[str, Known]) -> Spending:
    """Return what each scope was charged.

    Args:
        export: open, nothing but its header read.
        known: what receipts tell, by the id of the query that drew the release.

    Raises:
        Defect: an entry is not what was hashed, or not in its place.
        ExportUnreadable: the file is cut short, or holds what this version does not know.
        InvalidRequest: an event is hidden, or a receipt states another price than the ledger.
    """
    spending = Spending(export.header.population)
    links = Links(spending.population)
    for entry in export.entries():
        position = links.next_sequence
        try:
            links.follow(entry)
            for event in _events(entry):
                _take(spending, event, known)
        except Broken as broken:
            raise Defect(position, broken.rule, broken.description) from None
        except Malformed as problem:
            raise Defect(position, "form", str(problem)) from None
        except UnknownKind as unknown:
            raise ExportUnreadable(
                f"position {position} holds {unknown}: this version of sfumato does not know what it means.",
                reason="EXPORT_KIND_UNKNOWN",
                hint="a newer sfumato",
            ) from None
        spending.entries += 1
    return spending


def _events(entry: Entry) -> Iterator[Event]:
    for record in entry.records:
        if not record.payload:
            raise InvalidRequest(
                f"position {entry.sequence} hides an event: what it charged is not known.",
                reason="REQUEST_INVALID",
                hint="an export by a custodian or auditor holds all events",
            )
        yield read_event(record.payload)


def _take(spending: Spending, event: Event, known: Mapping[str, Known]) -> None:
    if event.kind == "genesis":
        spending.accounting = str(event.body.get("accounting", ZCDP))
    lines: ScopeLosses = ()
    if event.kind in _PAID:
        lines = read_scope_losses(event.body.get(_PAID[event.kind], []), spending.population)
    told = None
    if event.kind in ("reserved", "shared"):
        query = query_of(event.body, "query" if event.kind == "reserved" else "release_query")
        told = known.get(query)
        if told is not None and event.kind == "reserved" and told.charge != read_loss(event.body.get("charge", {})):
            raise InvalidRequest(
                f"the receipt of queries/{query} states another price than the ledger.", reason="REQUEST_INVALID"
            )
    for scope, loss in lines:
        if loss.is_nothing:
            continue
        fitting = told if told is not None and told.charge == loss else None
        spending.told += fitting is not None
        spending.scopes.setdefault(scope, ScopeSpending()).take(loss, fitting)
