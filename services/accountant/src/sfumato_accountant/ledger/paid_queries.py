"""Queries as a chain knows them."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple

from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import Payer
from sfumato_accountant.ledger.events import ScopeLosses, Versions


class QueryState(Enum):
    """Where a paid query is."""

    OPEN = "open"
    COMMITTED = "committed"
    CHARGED = "charged"
    SHARED = "shared"


class ClaimFacts(NamedTuple):
    """What a fold must know of a claim."""

    plan_digest: bytes
    project: str
    """projects/{project} that pays; empty: none."""
    labels: tuple[tuple[str, str], ...]
    family_digest: bytes = b""
    """Of the question without keys and noise; empty: it neither answers nor is answered by another."""


class PaidQuery(NamedTuple):
    """A query that the chain knows. Equal when asked twice, not identical.

    A tuple, since a cold fold makes millions; it begins like `events.Reserved`.
    """

    query_id: str
    claim_digest: bytes
    versions: Versions
    charge: Loss
    """Price of the release."""
    scopes: ScopeLosses
    """Who paid what with this query."""
    give_up_time: datetime
    project: str
    """projects/{project} that pays, as the chain says; empty: none."""
    analyst: str
    claim: ClaimFacts
    reserved_sequence: int
    reserved_at: datetime
    state: QueryState
    terminal_sequence: int = 0
    terminal_at: datetime | None = None
    attempt: str = ""
    release_digest: bytes = b""
    release_query_id: str = ""
    """UUID of the query that drew the release; empty until there is one."""
    cancelled: bool = False
    derived: bool = False
    """Whether the release is of a wider question."""

    @property
    def datasets(self) -> tuple[str, ...]:
        """datasets/{dataset} that it reads."""
        return tuple(dataset for dataset, _ in self.versions)

    @property
    def payer(self) -> Payer:
        """What decides which scopes it counts against."""
        return Payer(self.datasets, self.project, self.analyst)
