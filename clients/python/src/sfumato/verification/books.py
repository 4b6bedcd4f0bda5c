"""The books: what a chain says so far, folded anew from its text. Each kind of event is judged as it is taken up."""

from array import array
from collections.abc import Mapping
from typing import Final, NamedTuple

from sfumato.verification.defects import Broken
from sfumato.verification.events import Versions
from sfumato.verification.losses import NOTHING, ZCDP, Limit, Loss
from sfumato.verification.scopes import POPULATION, Payer, Scope, ScopeLosses
from sfumato.verification.signatures import Keys


class Window(NamedTuple):
    """Equal stretches of time, each with a limit."""

    length: int
    """In microseconds."""
    anchor: int
    """Start of one of them, in microseconds since 1970."""
    limit: Limit

    def start(self, at: int) -> int:
        """Return the start of the stretch that holds an instant."""
        return self.anchor + (at - self.anchor) // self.length * self.length


class Grant(NamedTuple):
    """A scope's limit."""

    limit: Limit
    window: Window | None
    parent: Scope | None
    """Scope from whose grant it is lent; None: a custodian gave it."""


OPEN: Final = "open"
COMMITTED: Final = "committed"
CHARGED: Final = "charged"
SHARED: Final = "shared"


class PaidQuery(NamedTuple):
    """A query that was paid."""

    state: str
    analyst: str
    claim_digest: str
    versions: Versions
    charge: Loss
    scopes: ScopeLosses
    sequence: int
    give_up_time: str
    attempt: str = ""
    release_digest: str = ""


class Books:
    """State after the last event. `partial` once an event was hidden: then what is missing proves nothing."""

    def __init__(self, population: str) -> None:
        self.population = population
        self.accounting = ZCDP
        self.names_projects = True
        """Whether payments say which project pays; chains that are older than the field do not."""
        self.keys = Keys()
        self.partial = False
        self.predecessors: tuple[tuple[str, int, bytes], ...] = ()
        """Heads that genesis carries: population, sequence, hash."""
        self.carried: ScopeLosses = ()
        self.grants: dict[Scope, Grant] = {}
        self.lent: dict[Scope, Loss] = {}
        """Sum of the limits that are lent from each grant, as it counts there: ρ that is lent has no ε of its own."""
        self.frozen: set[Scope] = set()
        self.spent: dict[Scope, Loss] = {}
        self.queries: dict[str, PaidQuery] = {}
        self.open_count = 0
        self.payers: dict[str, frozenset[Scope]] = {}
        """Query that drew a release → scopes that paid for it with later queries."""
        self.withheld: set[str] = set()
        self.lost: set[str] = set()
        """Queries that were paid in entries that were lost."""
        self.reopened_sequence = -1
        """Where the chain last went on after a loss."""
        self.closed_by: tuple[str, ...] = ()
        self.hashes = bytearray()
        """entry_hash of every position, 32 bytes each."""
        self._times = array("q")
        self._payments: list[ScopeLosses] = []
        self._windows: dict[Scope, tuple[int, Loss]] = {}
        """Start of the present window, and what was paid in it, of scopes that have one, with all that they lent."""
        self._lineages: dict[Scope, tuple[Scope, ...]] = {}
        self._matching: dict[Payer, tuple[Scope, ...]] = {}

    # Scopes and money.

    def matching(self, payer: Payer) -> tuple[Scope, ...]:
        """Return the granted scopes that a query counts against."""
        found = self._matching.get(payer)
        if found is None:
            found = self._matching[payer] = payer.matching(self.grants)
        return found

    def lineage(self, scope: Scope) -> tuple[Scope, ...]:
        """Return a scope, the one that lent it its grant, and so on up to a custodian's own grant."""
        found = self._lineages.get(scope)
        if found is None:
            grant = self.grants.get(scope)
            above = () if grant is None or grant.parent is None else self.lineage(grant.parent)
            found = self._lineages[scope] = (scope, *above)
        return found

    def stopping(self, scope: Scope) -> Scope | None:
        """Return the frozen scope that stops a scope: its named parts are all its own, or a lender's; None: none."""
        for each in self.lineage(scope) if self.frozen else ():
            for frozen in sorted(self.frozen):
                if all(part in ("", own) for part, own in zip(frozen, each, strict=True)):
                    return frozen
        return None

    def frozen_scope(self, payer: Payer) -> Scope | None:
        """Return a frozen scope that stops a query: one that it counts against, or a lender of one."""
        if not self.frozen:
            return None
        for scope in sorted(self.frozen):
            if payer.matches(scope):
                return scope
        stopped = (self.stopping(scope) for scope in self.matching(payer))
        return next((scope for scope in stopped if scope is not None), None)

    def spent_in(self, scope: Scope) -> Loss:
        """Return what a scope has paid in its life."""
        return self.spent.get(scope, NOTHING)

    def spent_with_loans(self, scope: Scope) -> Loss:
        """Return what a scope and all that it lent, directly or by others, have paid in their lives."""
        total = NOTHING
        for payer, loss in self.spent.items():
            if scope in self.lineage(payer):
                total = total.plus(loss)
        return total

    def spent_in_window(self, scope: Scope, window: Window, at: int) -> Loss:
        """Return what was paid in the stretch that holds an instant, which is now, by a scope and all that it lent."""
        start = window.start(at)
        known = self._windows.get(scope)
        if known is None or known[0] != start:
            known = self._windows[scope] = (start, self._paid_since(scope, start))
        return known[1]

    def _paid_since(self, scope: Scope, start: int) -> Loss:
        total = NOTHING
        for place in range(len(self._times) - 1, -1, -1):
            if self._times[place] < start:
                break
            for payer, loss in self._payments[place]:
                if scope in self.lineage(payer):
                    total = total.plus(loss)
        return total

    def pay(self, scopes: ScopeLosses, at: int) -> None:
        """Count losses against scopes."""
        if not scopes:
            return
        self._times.append(at)
        self._payments.append(scopes)
        for scope, loss in scopes:
            self.spent[scope] = self.spent.get(scope, NOTHING).plus(loss)
            if self._windows:
                for holder in self.lineage(scope):
                    known = self._windows.get(holder)
                    if known is not None:
                        self._windows[holder] = (known[0], known[1].plus(loss))

    def set_grant(self, scope: Scope, grant: Grant) -> None:
        """Set the grant of a scope."""
        if scope not in self.grants:
            self._matching.clear()
        before = self.grants.get(scope)
        self.grants[scope] = grant
        self._windows.clear()
        self._lineages.clear()
        for parent in {each.parent for each in (before, grant) if each is not None and each.parent is not None}:
            total = NOTHING
            for child in self.grants.values():
                if child.parent == parent:
                    total = total.plus(child.limit.as_loss())
            self.lent[parent] = total._replace(epsilon=None) if total.rho else total

    # Queries.

    def new_query(self, query_id: str, query: PaidQuery) -> None:
        """Take up a query that is paid now; raises Broken "query" if it was paid before."""
        if query_id in self.queries or query_id in self.lost:
            raise Broken("query", f"queries/{query_id} is paid a second time")
        self.queries[query_id] = query
        self.open_count += query.state == OPEN

    def end(self, query_id: str) -> PaidQuery | None:
        """Return a query that ends now; None where its payment is hidden. Raises Broken "terminal"."""
        query = self.queries.get(query_id)
        if query is None:
            if self.partial:
                return None
            raise Broken("terminal", f"queries/{query_id} ends, and was never paid")
        if query.state != OPEN:
            raise Broken("terminal", f"queries/{query_id} ends a second time: it is {query.state}")
        self.open_count -= 1
        return query

    def payers_of(self, query_id: str) -> frozenset[Scope]:
        """Return the scopes that have paid for a release."""
        return self.payers.get(query_id, frozenset()).union(scope for scope, _ in self.queries[query_id].scopes)

    def contains(self, sequence: int, entry_hash: bytes) -> bool:
        """Return whether the chain has that hash at that position."""
        return bytes(self.hashes[32 * sequence : 32 * (sequence + 1)]) == entry_hash if sequence >= 0 else False

    def totals(self) -> Mapping[Scope, Loss]:
        """Return what every scope has paid, population first."""
        return {scope: self.spent[scope] for scope in sorted(self.spent)}

    @property
    def population_spent(self) -> Loss:
        """What was paid in all."""
        return self.spent_in(POPULATION)
