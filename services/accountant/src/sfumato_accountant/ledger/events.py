"""Events of a chain, as typed values read from the payload text that was hashed.

Folds read this text, never a message parsed and encoded again: what is verified and what is believed are the same.
What a cold fold makes by the million is a tuple.
"""

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1 import charge_pb2, grant_pb2, ledger_pb2, population_pb2
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.windows import Window
from sfumato_mesh.digests import message_json

Versions: TypeAlias = tuple[tuple[str, int], ...]
"""(datasets/{dataset}, version), in the order of the price."""
ScopeLosses: TypeAlias = tuple[tuple[ScopeKey, Loss], ...]

_INTERNED: Final = 4096
"""Values that recur: charges, scopes, versions."""


class LedgerBroken(Exception):  # noqa: N818  (a state of the chain)
    """The chain has a gap, a wrong hash, or an event that cannot be read. Nothing is appended or answered from it."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """A chain begins."""

    public_key: bytes
    accounting: int = population_pb2.ACCOUNTING_UNSPECIFIED
    """How its losses add up; unspecified in chains that are older than the field: ZCDP."""
    predecessors: tuple[tuple[str, int, bytes], ...] = ()
    """populations/{population}, sequence and hash of the heads that it follows."""
    spent: ScopeLosses = ()
    """What each scope brings along."""


class Reserved(NamedTuple):
    """A query is paid."""

    query_id: str
    claim_digest: bytes
    versions: Versions
    charge: Loss
    scopes: ScopeLosses
    give_up_time: datetime
    project: str = ""
    """projects/{project} that pays; empty: none."""


class Committed(NamedTuple):
    """Terminal: answered."""

    query_id: str
    attempt: str
    release_digest: bytes
    versions: Versions


class Charged(NamedTuple):
    """Terminal: given up or cancelled."""

    query_id: str
    cancelled: bool


class Shared(NamedTuple):
    """A query is paid and answered at once."""

    query_id: str
    claim_digest: bytes
    release_query_id: str
    attempt: str
    release_digest: bytes
    versions: Versions
    scopes: ScopeLosses
    charge: Loss | None
    """Price of the release; None in chains that are older than the field: that of the release's query."""
    project: str = ""
    derived: bool = False
    """Whether the release is of a wider question."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A limit is set."""

    scope: ScopeKey
    limit: charge_pb2.LossLimit
    window: Window | None = None
    parent: str = ""
    """populations/{population}/grants/{grant} that it is lent from; empty: a custodian gave it."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A scope stops or goes on."""

    scope: ScopeKey
    frozen: bool


@dataclass(frozen=True, slots=True)
class Withheld:
    """A release may no longer be read, or may again."""

    query_id: str
    withheld: bool


@dataclass(frozen=True, slots=True)
class KeyRotated:
    """Another key signs from the next entry on."""

    public_key: bytes


@dataclass(frozen=True, slots=True)
class Reopened:
    """A chain goes on that does not contain its mark."""

    lost_sequence: int
    lost_hash: bytes
    charged: ScopeLosses
    queries: tuple[str, ...] = ()
    """UUIDs that receipts of lost entries name."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A chain ends, but for the terminals of its open queries."""

    successors: tuple[str, ...]


Fact: TypeAlias = (
    Genesis | Reserved | Committed | Charged | Shared | Granted | Frozen | Withheld | KeyRotated | Reopened | Closed
)


class Event(NamedTuple):
    """A fact, who caused it, and its salt."""

    salt: bytes
    user: str
    """users/{user}; empty: the mesh itself."""
    fact: Fact
    text: str
    """The payload."""


def event_payload(event: ledger_pb2.LedgerEvent) -> str:
    """Return an event as it is stored and hashed."""
    return message_json(event)


def read_event(payload: str) -> Event:
    """Return the event of a payload.

    Raises:
        LedgerBroken: it is of no known kind, or lacks a field. A reader that meets an unknown kind stops.
    """
    try:
        fields = orjson.loads(payload)
        salt = _bytes(fields.pop("salt"))
        user = fields.pop("user", "")
        ((kind, body),) = fields.items()
        return Event(salt, user, _READERS[kind](body), payload)
    except (KeyError, ValueError, TypeError, AttributeError, ParseError) as error:
        raise LedgerBroken(f"an event cannot be read: {type(error).__name__}") from error


def time_text(at: datetime) -> str:
    """Return an instant as ProtoJSON writes it."""
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp.ToJsonString()


def read_time(text: str) -> datetime:
    """Return the instant of such a text, to the microsecond."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def _genesis(body: Mapping[str, Any]) -> Genesis:
    heads = body.get("predecessors", ())
    return Genesis(
        public_key=_key(body["public_key"]),
        accounting=population_pb2.Accounting.Value(body.get("accounting", "ACCOUNTING_UNSPECIFIED")),
        predecessors=tuple((each["population"], int(each.get("sequence", 0)), _hash(each)) for each in heads),
        spent=scopes_of(body.get("spent", ())),
    )


def _reserved(body: Mapping[str, Any]) -> Reserved:
    return Reserved(
        _query_id(body["query"]),
        _bytes(body["claim_digest"]),
        versions_of(body["data_versions"]),
        loss_of(body["charge"]),
        scopes_of(body.get("scopes", ())),
        read_time(body["give_up_time"]),
        body.get("project", ""),
    )


def _committed(body: Mapping[str, Any]) -> Committed:
    return Committed(
        _query_id(body["query"]), body["attempt"], _bytes(body["release_digest"]), versions_of(body["data_versions"])
    )


def _charged(body: Mapping[str, Any]) -> Charged:
    return Charged(_query_id(body["query"]), body.get("cancelled", False))


def _shared(body: Mapping[str, Any]) -> Shared:
    return Shared(
        query_id=_query_id(body["query"]),
        claim_digest=_bytes(body["claim_digest"]),
        release_query_id=_query_id(body["release_query"]),
        attempt=body["attempt"],
        release_digest=_bytes(body["release_digest"]),
        versions=versions_of(body["data_versions"]),
        scopes=scopes_of(body.get("scopes", ())),
        charge=loss_of(body["charge"]) if "charge" in body else None,
        project=body.get("project", ""),
        derived=body.get("derived", False),
    )


def _granted(body: Mapping[str, Any]) -> Granted:
    grant = body["grant"]
    window = grant.get("window")
    return Granted(
        scope=ScopeKey.from_json(grant["scope"]),
        limit=ParseDict(grant["limit"], charge_pb2.LossLimit()),
        window=None if window is None else Window.from_proto(ParseDict(window, grant_pb2.BudgetWindow())),
        parent=grant.get("parent", ""),
    )


def _frozen(body: Mapping[str, Any]) -> Frozen:
    return Frozen(ScopeKey.from_json(body["scope"]), body.get("frozen", False))


def _withheld(body: Mapping[str, Any]) -> Withheld:
    return Withheld(_query_id(body["query"]), body.get("withheld", False))


def _key_rotated(body: Mapping[str, Any]) -> KeyRotated:
    return KeyRotated(_key(body["public_key"]))


def _reopened(body: Mapping[str, Any]) -> Reopened:
    lost = body["lost_head"]
    queries = tuple(_query_id(each) for each in body.get("queries", ()))
    return Reopened(int(lost.get("sequence", 0)), _hash(lost), scopes_of(body.get("charged", ())), queries)


def _closed(body: Mapping[str, Any]) -> Closed:
    successors = tuple(body["successors"])
    if not successors or not all(isinstance(each, str) for each in successors):
        raise ValueError("a closed chain names what follows")
    return Closed(successors)


_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Fact]]] = {
    "genesis": _genesis,
    "reserved": _reserved,
    "committed": _committed,
    "charged": _charged,
    "shared": _shared,
    "granted": _granted,
    "frozen": _frozen,
    "withheld": _withheld,
    "key_rotated": _key_rotated,
    "reopened": _reopened,
    "closed": _closed,
}


def _bytes(text: str) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


def _key(text: str) -> bytes:
    return _exactly(_bytes(text))


def _hash(head: Mapping[str, Any]) -> bytes:
    return _exactly(_bytes(head["entry_hash"]))


def _exactly(data: bytes) -> bytes:
    if len(data) != 32:
        raise ValueError("not 32 bytes")
    return data


def _query_id(name: str) -> str:
    if not name.startswith("queries/") or len(name) == len("queries/"):
        raise ValueError("not the name of a query")
    return name[len("queries/") :]


def versions_of(versions: Any) -> Versions:
    """Return the versions of the ProtoJSON of DataVersions."""
    return _interned_versions(tuple([(each["dataset"], each["version"]) for each in versions]))


@lru_cache(_INTERNED)
def _interned_versions(versions: tuple[tuple[str, str], ...]) -> Versions:
    return tuple((dataset, int(version)) for dataset, version in versions)


def loss_of(charge: Mapping[str, Any]) -> Loss:
    """Return the loss of the ProtoJSON of a Charge."""
    return _interned_loss(charge.get("rho_picos", "0"), charge.get("epsilon_picos"), charge.get("delta_attos", "0"))


@lru_cache(_INTERNED)
def _interned_loss(rho: str, epsilon: str | None, delta: str) -> Loss:
    return Loss(int(rho), None if epsilon is None else int(epsilon), int(delta))


def scopes_of(lines: Any) -> ScopeLosses:
    """Return the losses of the ProtoJSON of ScopeCharges."""
    return tuple([(scope_of(each["scope"]), loss_of(each["charge"])) for each in lines])


def scope_of(scope: Mapping[str, str]) -> ScopeKey:
    """Return the key of the ProtoJSON of a Scope."""
    return _interned_scope(scope.get("dataset", ""), scope.get("project", ""), scope.get("analyst", ""))


@lru_cache(_INTERNED)
def _interned_scope(dataset: str, project: str, analyst: str) -> ScopeKey:
    return ScopeKey(dataset, project, analyst)
