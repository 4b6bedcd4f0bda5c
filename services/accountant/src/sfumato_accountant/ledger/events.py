"""Events of a chain, as typed values read from the payload text that was hashed.

Folds read this text, never a message parsed and encoded again: what is verified and what is believed are the same.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato.v1 import charge_pb2, ledger_pb2
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_mesh.digests import message_json

Versions: TypeAlias = tuple[tuple[str, int], ...]
"""(datasets/{dataset}, version), in the order of the price."""
ScopeLosses: TypeAlias = tuple[tuple[ScopeKey, Loss], ...]


class LedgerBroken(Exception):  # noqa: N818  (a state of the chain)
    """The chain has a gap, a wrong hash, or an event that cannot be read. Nothing is appended or answered from it."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """A chain begins."""

    public_key: bytes


@dataclass(frozen=True, slots=True)
class Reserved:
    """A query is paid."""

    query_id: str
    claim_digest: bytes
    versions: Versions
    charge: Loss
    scopes: ScopeLosses
    give_up_time: datetime


@dataclass(frozen=True, slots=True)
class Committed:
    """Terminal: answered."""

    query_id: str
    attempt: str
    release_digest: bytes
    versions: Versions


@dataclass(frozen=True, slots=True)
class Charged:
    """Terminal: given up or cancelled."""

    query_id: str
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """A query is paid and answered at once."""

    query_id: str
    claim_digest: bytes
    release_query_id: str
    attempt: str
    release_digest: bytes
    versions: Versions
    scopes: ScopeLosses


@dataclass(frozen=True, slots=True)
class Granted:
    """A limit is set."""

    scope: ScopeKey
    limit: charge_pb2.LossLimit


@dataclass(frozen=True, slots=True)
class Frozen:
    """A scope stops or goes on."""

    scope: ScopeKey
    frozen: bool


Fact: TypeAlias = Genesis | Reserved | Committed | Charged | Shared | Granted | Frozen


@dataclass(frozen=True, slots=True)
class Event:
    """A fact, who caused it, and its salt."""

    salt: bytes
    user: str
    """users/{user}; empty: the mesh itself."""
    fact: Fact


def event_payload(event: ledger_pb2.LedgerEvent) -> str:
    """Return an event as it is stored and hashed."""
    return message_json(event)


def read_event(payload: str) -> Event:
    """Return the event of a payload.

    Raises:
        LedgerBroken: it is of no known kind, or lacks a field. A reader that meets an unknown kind stops.
    """
    try:
        fields = json.loads(payload)
        salt = base64.b64decode(fields.pop("salt"), validate=True)
        user = fields.pop("user", "")
        ((kind, body),) = fields.items()
        return Event(salt, user, _READERS[kind](body))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise LedgerBroken(f"an event cannot be read: {type(error).__name__}") from error


def time_text(at: datetime) -> str:
    """Return an instant as ProtoJSON writes it."""
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp.ToJsonString()


def read_time(text: str) -> datetime:
    """Return the instant of such a text, to the microsecond."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _genesis(body: Mapping[str, Any]) -> Genesis:
    return Genesis(_bytes(body["public_key"]))


def _reserved(body: Mapping[str, Any]) -> Reserved:
    return Reserved(
        query_id=_query_id(body["query"]),
        claim_digest=_bytes(body["claim_digest"]),
        versions=_versions(body),
        charge=Loss.from_json(body["charge"]),
        scopes=_scopes(body),
        give_up_time=read_time(body["give_up_time"]),
    )


def _committed(body: Mapping[str, Any]) -> Committed:
    return Committed(_query_id(body["query"]), body["attempt"], _bytes(body["release_digest"]), _versions(body))


def _charged(body: Mapping[str, Any]) -> Charged:
    return Charged(_query_id(body["query"]), body.get("cancelled", False))


def _shared(body: Mapping[str, Any]) -> Shared:
    return Shared(
        query_id=_query_id(body["query"]),
        claim_digest=_bytes(body["claim_digest"]),
        release_query_id=_query_id(body["release_query"]),
        attempt=body["attempt"],
        release_digest=_bytes(body["release_digest"]),
        versions=_versions(body),
        scopes=_scopes(body),
    )


def _granted(body: Mapping[str, Any]) -> Granted:
    grant = body["grant"]
    limit = ParseDict(grant["limit"], charge_pb2.LossLimit())
    return Granted(ScopeKey.from_json(grant["scope"]), limit)


def _frozen(body: Mapping[str, Any]) -> Frozen:
    return Frozen(ScopeKey.from_json(body["scope"]), body.get("frozen", False))


_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Fact]]] = {
    "genesis": _genesis,
    "reserved": _reserved,
    "committed": _committed,
    "charged": _charged,
    "shared": _shared,
    "granted": _granted,
    "frozen": _frozen,
}


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _query_id(name: str) -> str:
    collection, _, query_id = name.partition("/")
    if collection != "queries" or not query_id:
        raise ValueError("not the name of a query")
    return query_id


def _versions(body: Mapping[str, Any]) -> Versions:
    return tuple((each["dataset"], int(each["version"])) for each in body["data_versions"])


def _scopes(body: Mapping[str, Any]) -> ScopeLosses:
    return tuple((ScopeKey.from_json(each["scope"]), Loss.from_json(each["charge"])) for each in body.get("scopes", ()))
