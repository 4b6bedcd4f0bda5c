"""Events, read from the text that was hashed.

The text must be the RFC 8785 form of what it says: one text for one meaning, so that no two readers of it believe
different things (a name that stands there twice, an escape, a number with a leading zero).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sfumato.v1 import ledger_pb2
from sfumato.verification.defects import UnknownKind
from sfumato.verification.exports import Malformed, bytes_of, integer_of, text_of

_KINDS: Final[Mapping[str, frozenset[str]]] = {
    field.name: frozenset(part.name for part in field.message_type.fields)
    for field in ledger_pb2.LedgerEvent.DESCRIPTOR.oneofs_by_name["kind"].fields
    if field.message_type is not None
}
"""Kinds that the contract of this version knows, and their fields."""
_SALT_BYTES: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False)
_decode: Final = json.JSONDecoder().raw_decode

Versions = tuple[tuple[str, int], ...]
"""(datasets/{dataset}, version), in the order of the price."""


class Event(NamedTuple):
    """One fact."""

    kind: str
    user: str
    """users/{user} who caused it; empty: the mesh itself."""
    body: Mapping[str, Any]


def read_event(payload: str) -> Event:
    """Return the event of a text.

    Raises:
        Malformed: it is none.
        UnknownKind: it is of a kind, or has a field, that this version does not know.
    """
    try:
        fields, _ = _decode(payload)
        same = _CANONICAL.encode(fields) == payload  # what stands behind the document makes a difference, too
    except (ValueError, RecursionError):
        raise Malformed("an event is no JSON") from None
    if not same or not isinstance(fields, dict):
        raise Malformed("an event is not in canonical form")
    bytes_of(fields, "salt", _SALT_BYTES)
    del fields["salt"]
    user = fields.pop("user", "")
    if len(fields) != 1 or not isinstance(user, str):
        raise Malformed("an event says not exactly one thing")
    ((kind, body),) = fields.items()
    known = _KINDS.get(kind)
    if known is None:
        raise UnknownKind(f"an event of kind {kind!r}")
    if not isinstance(body, dict):
        raise Malformed("an event is no object")
    if not body.keys() <= known:
        raise UnknownKind(f"a field {min(body.keys() - known)!r} in an event of kind {kind!r}")
    return Event(kind, user, body)


def query_of(body: Mapping[str, Any], name: str = "query") -> str:
    """Return the id in the name of a query; raises Malformed."""
    text = text_of(body, name)
    if not text.startswith("queries/") or len(text) == len("queries/"):
        raise Malformed(f"{name} names no query")
    return text[len("queries/") :]


def versions_of(body: Mapping[str, Any]) -> Versions:
    """Return what is read; raises Malformed."""
    lines = body.get("data_versions")
    if not isinstance(lines, list) or not lines:
        raise Malformed("data_versions are missing")
    return _interned(tuple([(text_of(each, "dataset"), integer_of(each, "version")) for each in lines]))


@lru_cache(4096)
def _interned(versions: Versions) -> Versions:
    if len({dataset for dataset, _ in versions}) != len(versions) or any(version < 1 for _, version in versions):
        raise Malformed("data_versions name a dataset twice, or a version below 1")
    return versions


def flag_of(body: Mapping[str, Any], name: str) -> bool:
    """Return a truth value, left out where it is false; raises Malformed."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise Malformed(f"{name} is no truth value")
    return value


def micros_of(time: str) -> int:
    """Return the text of an instant as microseconds since 1970; raises Malformed."""
    try:
        return (datetime.fromisoformat(time) - _EPOCH) // _MICROSECOND
    except (ValueError, TypeError):
        raise Malformed("a text that is no time") from None


def duration_of(text: Any) -> int:
    """Return the ProtoJSON of a Duration as microseconds; raises Malformed."""
    seconds, point, fraction = str(text).removesuffix("s").partition(".")
    if not isinstance(text, str) or not text.endswith("s") or not seconds.isdigit() or not (fraction or not point):
        raise Malformed("a text that is no duration")
    if fraction and not fraction.isdigit():
        raise Malformed("a text that is no duration")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0") or "0")
