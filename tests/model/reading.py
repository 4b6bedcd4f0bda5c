"""The chain as a stranger reads it: JSON, sums and sets alone, every rule checked where it must hold."""

import base64
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sfumato_accountant.ledger.entries import NO_HASH, check_entry
from sfumato_accountant.ledger.events import read_time
from sfumato_accountant.stores.ports import SideKind, StoredEntry
from sfumato_mesh.v1.reservation_pb2 import Claim
from tests.model.stepping import Violation

Scope = tuple[str, str, str]
"""dataset, project, analyst."""


_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass
class Paid:
    """What the chain says of one query."""

    analyst: str
    claim: Claim
    versions: tuple[tuple[str, int], ...]
    charge: int
    give_up_time: datetime
    scopes: frozenset[Scope]
    terminal: str = ""
    """committed, charged or shared; empty: open."""
    position: int = 0
    cancelled: bool = False
    release: tuple[str, str, bytes] | None = None
    """Query and attempt that drew it, and its digest."""


@dataclass
class Reading:
    """A chain, read entry by entry."""

    population: str
    sides: Mapping[tuple[SideKind, str], bytes]
    length: int = 0
    head: bytes = NO_HASH
    at: datetime = _BEGINNING
    limits: dict[Scope, int] = field(default_factory=dict)
    frozen: set[Scope] = field(default_factory=set)
    spent: Counter[Scope] = field(default_factory=Counter)
    queries: dict[str, Paid] = field(default_factory=dict)
    payers: dict[str, set[Scope]] = field(default_factory=dict)
    """Query that drew a release → all scopes that paid for it."""
    withheld: set[str] = field(default_factory=set)
    lost: dict[tuple[int, bytes], set[str]] = field(default_factory=dict)
    """Marks that the chain has given up → queries whose receipts said what they spent."""

    @property
    def open(self) -> list[str]:
        return [query_id for query_id, paid in self.queries.items() if not paid.terminal]

    def take(self, entry: StoredEntry) -> None:
        """Read the next entry."""
        check_entry(entry, self.population, self.length, self.head)
        at = read_time(entry.at)
        require(at >= self.at, f"position {self.length} is dated before the one before it")
        self.head, self.at = entry.entry_hash, at
        for record in entry.records:
            event = json.loads(record.payload)
            kind = next(each for each in event if each not in ("salt", "user"))
            getattr(self, f"_{kind}", self._other)(event[kind], event.get("user", ""))
        self.length += 1

    def _other(self, fact: Any, user: str) -> None:
        """No rule of the protocol of one query depends on it."""

    def _granted(self, fact: Any, _: str) -> None:
        self.limits[_scope(fact["grant"]["scope"])] = int(fact["grant"]["limit"]["rho"].get("rho_picos", 0))

    def _frozen(self, fact: Any, _: str) -> None:
        (self.frozen.add if fact.get("frozen") else self.frozen.discard)(_scope(fact["scope"]))

    def _withheld(self, fact: Any, _: str) -> None:
        query_id = fact["query"].removeprefix("queries/")
        (self.withheld.add if fact.get("withheld") else self.withheld.discard)(query_id)

    def _reopened(self, fact: Any, _: str) -> None:
        for line in fact.get("charged", ()):
            self.spent[_scope(line["scope"])] += int(line["charge"].get("rho_picos", 0))
        head = fact["lost_head"]
        receipted = {each.removeprefix("queries/") for each in fact.get("queries", ())}
        self.lost[int(head.get("sequence", 0)), _bytes(head["entry_hash"])] = receipted

    def _reserved(self, fact: Any, user: str) -> None:
        query_id = fact["query"].removeprefix("queries/")
        require(query_id not in self.queries, f"{query_id} is paid twice")
        require(not any(query_id in each for each in self.lost.values()), f"{query_id} was paid in lost entries")
        claim = self._claim(query_id, fact["claim_digest"])
        scopes = self._pay(fact, claim)
        granted = {each for each in self.limits if _matches(each, claim)}
        require(scopes == granted, f"{query_id} is paid by {scopes}, not by {granted}")
        require(claim.analyst == user, f"{query_id} is paid for somebody else")
        charge = int(fact["charge"]["rho_picos"])
        self.queries[query_id] = Paid(
            user, claim, _versions(fact), charge, read_time(fact["give_up_time"]), frozenset(scopes)
        )

    def _shared(self, fact: Any, user: str) -> None:
        query_id, source_id = (fact[each].removeprefix("queries/") for each in ("query", "release_query"))
        require(query_id not in self.queries, f"{query_id} is paid twice")
        claim = self._claim(query_id, fact["claim_digest"])
        require(claim.analyst == user, f"{query_id} is paid for somebody else")
        source = self.queries[source_id]
        require(source.terminal == "committed" and source.release is not None, f"{query_id} shares what is not there")
        assert source.release is not None
        require(source.release[1] == fact["attempt"], f"{query_id} shares another attempt")
        require(self._may_share(claim, source_id), f"{query_id} shares what {claim.analyst} may not know of")
        require(source_id not in self.withheld, f"{query_id} shares what is withheld")
        paid = self._pay(fact, claim)
        require(not paid & self.payers[source_id], f"{query_id}: a scope pays twice for one release")
        self.payers[source_id] |= paid
        granted = {each for each in self.limits if _matches(each, claim)}
        require(granted <= self.payers[source_id], f"{query_id} is answered for free in {granted}")
        self.queries[query_id] = Paid(
            user, claim, _versions(fact), source.charge, self.at, frozenset(paid), "shared", self.length,
            release=source.release,
        )  # fmt: skip

    def _may_share(self, claim: Claim, source_id: str) -> bool:
        """Whether a release may answer somebody: its analyst, or members of a project that paid for it."""
        source = self.queries[source_id]
        if source.analyst == claim.analyst or (claim.project and claim.project == source.claim.project):
            return True
        payers = self.payers[source_id]
        return any(analyst == claim.analyst or (project and project == claim.project) for _, project, analyst in payers)

    def _committed(self, fact: Any, _: str) -> None:
        query_id, paid = self._end(fact, "committed")
        require(_versions(fact) == paid.versions, f"{query_id} was answered from another version than it paid for")
        price = paid.claim.task.payment.rho.rho_picos
        require(paid.charge >= price, f"{query_id} costs {price} and paid {paid.charge}")
        digest = _bytes(fact["release_digest"])
        paid.release = query_id, fact["attempt"], digest
        self.payers[query_id] = set(paid.scopes)

    def _charged(self, fact: Any, user: str) -> None:
        query_id, paid = self._end(fact, "charged")
        paid.cancelled = fact.get("cancelled", False)
        if paid.cancelled:
            require(user == paid.analyst, f"{query_id} of {paid.analyst} was cancelled by {user}")
        else:
            require(self.at >= paid.give_up_time, f"{query_id} was given up before its time")

    def _end(self, fact: Any, terminal: str) -> tuple[str, Paid]:
        query_id = fact["query"].removeprefix("queries/")
        require(query_id in self.queries, f"{query_id} ends unpaid")
        paid = self.queries[query_id]
        require(not paid.terminal, f"{query_id} has a second terminal")
        paid.terminal, paid.position = terminal, self.length
        return query_id, paid

    def _pay(self, fact: Any, claim: Claim) -> set[Scope]:
        scopes = set()
        for line in fact.get("scopes", ()):
            scope = _scope(line["scope"])
            self.spent[scope] += int(line["charge"]["rho_picos"])
            require(scope in self.limits, f"{scope} pays without a grant")
            require(
                self.spent[scope] <= self.limits[scope], f"{scope} spends {self.spent[scope]} of {self.limits[scope]}"
            )
            scopes.add(scope)
        if scopes:
            stopped = [each for each in self.frozen if _matches(each, claim)]
            require(not stopped, f"{claim.query_id} pays past the freeze of {stopped}")
        return scopes

    def _claim(self, query_id: str, digest: str) -> Claim:
        claim = Claim.FromString(self.sides[SideKind.CLAIM, query_id])
        first = claim.body_digest
        amended = self.sides.get((SideKind.AMENDED_CLAIM, _bytes(digest).hex()))
        if amended is not None:
            claim = Claim.FromString(amended)
        require(claim.body_digest == first, f"{query_id} pays for a body that it is not bound to")
        return claim


def require(condition: bool, what: str) -> None:
    """Raise Violation unless the condition holds."""
    if not condition:
        raise Violation(what)


def _matches(scope: Scope, claim: Claim) -> bool:
    dataset, project, analyst = scope
    return dataset in ("", "datasets/penguins") and project in ("", claim.project) and analyst in ("", claim.analyst)


def _scope(fields: Mapping[str, str]) -> Scope:
    return fields.get("dataset", ""), fields.get("project", ""), fields.get("analyst", "")


def _versions(fact: Any) -> tuple[tuple[str, int], ...]:
    return tuple((each["dataset"], int(each["version"])) for each in fact["data_versions"])


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
