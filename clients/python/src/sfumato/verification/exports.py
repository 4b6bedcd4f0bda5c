"""The parts of an export, and how each is read from its ProtoJSON: strictly, since every byte is to be accounted for.

Field names are those of the proto; an unknown one, a value of another type or base64 that is not canonical is an error.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

FORMAT_VERSION: Final = 1

_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.([0-9]{3}){1,3})?Z")
_ENTRY_FIELDS: Final = frozenset(
    ("population", "sequence", "time", "previous_hash", "entry_hash", "records", "signature")
)
_LAST_CHARACTERS: Final = ("", "AQgw", "AEIMQUYcgkosw048")
"""By the length modulo 3 of what is encoded."""
_SIGNATURE_FIELDS: Final = frozenset(("key_id", "ed25519"))
_POPULATION: Final = re.compile(r"populations/[a-z][a-z0-9-]{0,62}")

Fields = Mapping[str, Any]


class Malformed(ValueError):  # noqa: N818
    """A part is not as the format says; names what."""


class Signature(NamedTuple):
    """One signature, and the id of its key."""

    key_id: str
    ed25519: bytes


class SigningKey(NamedTuple):
    """A public key of the ledger, as the header tells it."""

    key_id: str
    public_key: bytes
    start_time: str
    end_time: str
    """Empty: it signs still."""


class Header(NamedTuple):
    """First part."""

    population: str
    keys: tuple[SigningKey, ...]


class Record(NamedTuple):
    """One event: its digest, and its text where the reader may see it."""

    digest: bytes
    payload: str
    """Empty: hidden."""


class Entry(NamedTuple):
    """One append."""

    population: str
    sequence: int
    time: str
    """ProtoJSON text, as it is hashed."""
    previous_hash: bytes
    entry_hash: bytes
    records: tuple[Record, ...]
    signature: Signature


class Head(NamedTuple):
    """Last part: the signed end of the chain."""

    population: str
    sequence: int
    entry_hash: bytes
    signature: Signature


class Export(Protocol):
    """An open export. `head` is there once all entries were read."""

    @property
    def header(self) -> Header:
        """First part."""
        ...

    def entries(self) -> Iterator[Entry]:
        """Yield the entries in the order of the file.

        Raises:
            Defect: one is not as the format says.
            ExportUnreadable: the file is cut short.
        """
        ...

    @property
    def head(self) -> Head:
        """Last part."""
        ...


def read_header(fields: Fields) -> Header:
    """Return the header that such fields say; raises Malformed. The version is not looked at."""
    _known(fields, frozenset(("format_version", "population", "keys")))
    return Header(population_of(fields, "population"), tuple(_read_key(each) for each in _list(fields, "keys")))


def read_entry(fields: Fields) -> Entry:
    """Return the entry that such fields say; raises Malformed."""
    _known(fields, _ENTRY_FIELDS)
    try:
        return Entry(
            text_of(fields, "population"),
            integer_of(fields, "sequence"),
            time_of(fields, "time"),
            bytes_of(fields, "previous_hash", 32),
            bytes_of(fields, "entry_hash", 32),
            tuple([_read_record(each) for each in fields["records"]]),
            read_signature(fields["signature"]),
        )
    except KeyError as missing:
        raise Malformed(f"{missing.args[0]} is missing") from None
    except (TypeError, AttributeError):
        raise Malformed("a value is of another type than the format says") from None


def read_head(fields: Fields) -> Head:
    """Return the head that such fields say; raises Malformed."""
    _known(fields, frozenset(("population", "sequence", "entry_hash", "signature")))
    return Head(
        population_of(fields, "population"),
        integer_of(fields, "sequence"),
        bytes_of(fields, "entry_hash", 32),
        read_signature(_object(fields, "signature")),
    )


def read_signature(fields: Fields) -> Signature:
    """Return the signature that such fields say; raises Malformed."""
    _known(fields, _SIGNATURE_FIELDS)
    return Signature(text_of(fields, "key_id"), bytes_of(fields, "ed25519", 64))


def _read_key(fields: Any) -> SigningKey:
    if not isinstance(fields, dict):
        raise Malformed("a key is no object")
    _known(fields, frozenset(("key_id", "public_key", "start_time", "end_time")))
    end = time_of(fields, "end_time") if "end_time" in fields else ""
    return SigningKey(text_of(fields, "key_id"), bytes_of(fields, "public_key", 32), time_of(fields, "start_time"), end)


def _read_record(fields: Any) -> Record:
    payload = fields.get("payload", "")
    if len(fields) > (2 if payload else 1) or not isinstance(payload, str):
        raise Malformed("a record holds something else than digest and payload")
    return Record(bytes_of(fields, "digest", 32), payload)


# Values.


def text_of(fields: Fields, name: str) -> str:
    """Return a text that must be there; raises Malformed."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{name} is missing")
    return value


def population_of(fields: Fields, name: str) -> str:
    """Return the name of a population; raises Malformed."""
    value = text_of(fields, name)
    if _POPULATION.fullmatch(value) is None:
        raise Malformed(f"{name} names no population")
    return value


def integer_of(fields: Fields, name: str) -> int:
    """Return a 64-bit integer, which ProtoJSON writes as text and leaves out where it is 0; raises Malformed."""
    value = fields.get(name, "0")
    if not isinstance(value, str) or _NUMBER.fullmatch(value) is None:
        raise Malformed(f"{name} is no decimal number")
    return int(value)


def time_of(fields: Fields, name: str) -> str:
    """Return the text of an instant; raises Malformed."""
    value = fields.get(name)
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        raise Malformed(f"{name} is no time")
    return value


def bytes_of(fields: Fields, name: str, length: int) -> bytes:
    """Return so many bytes from canonical base64; raises Malformed."""
    value: Any = fields.get(name)
    try:
        found = binascii.a2b_base64(value, strict_mode=True)
    except (ValueError, TypeError):
        found = b""
    # The last character before the padding holds 2 or 4 bits that say nothing: they must be 0.
    if len(found) != length or value[-1 - (-length % 3)] not in _LAST_CHARACTERS[length % 3]:
        raise Malformed(f"{name} is not base64 of {length} bytes")
    return found


def _known(fields: Fields, names: frozenset[str]) -> None:
    if not fields.keys() <= names:
        raise Malformed(f"{min(fields.keys() - names)!r} is no field of format {FORMAT_VERSION}")


def _list(fields: Fields, name: str) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list):
        raise Malformed(f"{name} is no list")
    return value


def _object(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise Malformed(f"{name} is missing")
    return value
