"""Between YAML values and protobuf messages: small codecs that say where a value is wrong. No I/O."""

import datetime
import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import yaml
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from sfumato._core import nodes
from sfumato.errors import FieldProblem, InvalidRequest

_SECONDS: Final = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
_LONGEST_SHOWN: Final = 80


class Codec(Protocol):
    """Reads a YAML value, and writes it again."""

    def load(self, value: Any, path: str) -> Any:
        """Return the value as the wire holds it; InvalidRequest names the path."""

    def dump(self, value: Any) -> Any:
        """Return it as YAML holds it."""


def wrong(path: str, description: str, hint: str = "") -> InvalidRequest:
    """Return the exception for a value of a file."""
    return InvalidRequest(
        f"{path}: {description}.", reason="REQUEST_INVALID", fields=[FieldProblem(path, description)], hint=hint
    )


def shown(value: Any) -> str:
    """Return a value of a file as the file writes it, cut where it is long."""
    if isinstance(value, str):
        text = repr(value)
    else:
        text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def under(path: str, key: str) -> str:
    """Return the path of a key inside another."""
    return f"{path}.{key}" if path else key


@dataclass(frozen=True)
class Text:
    """Text. What YAML reads as something else (NO, 1, 2013-01-01) wants quotes."""

    def load(self, value: Any, path: str) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise wrong(path, f"{shown(value)} is no text", "put it in quotes")
        return value

    def dump(self, value: str) -> str:
        """Return the text."""
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number, not below `least`."""

    least: int = 0

    def load(self, value: Any, path: str) -> int:
        """Return the number."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value < 2**63:
            raise wrong(path, f"{shown(value)} is no whole number from {self.least}")
        return value

    def dump(self, value: int) -> int:
        """Return the number."""
        return value


@dataclass(frozen=True)
class Real:
    """A finite number."""

    def load(self, value: Any, path: str) -> float:
        """Return the number; YAML reads 1e-6 as text, which is taken too."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise wrong(path, f"{shown(value)} is no number")
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise wrong(path, f"{shown(value)} is no number") from None
        if not math.isfinite(number):
            raise wrong(path, f"{shown(value)} is not finite")
        return number

    def dump(self, value: float) -> float | int:
        """Return the number; whole where it is."""
        return int(value) if value.is_integer() and abs(value) < 2**53 else value


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def load(self, value: Any, path: str) -> bool:
        """Return it."""
        if not isinstance(value, bool):
            raise wrong(path, f"{shown(value)} is neither true nor false")
        return value

    def dump(self, value: bool) -> bool:
        """Return it."""
        return value


@dataclass(frozen=True)
class Reference:
    """The name of a resource, with or without its collection: "flights" or "datasets/flights"."""

    collection: str

    def load(self, value: Any, path: str) -> str:
        """Return the full name."""
        text = Text().load(value, path)
        short = text.removeprefix(f"{self.collection}/")
        if not nodes.is_id(short):
            raise wrong(path, f"{text!r} is no id", "lower case letters, digits and hyphens, at most 63")
        return f"{self.collection}/{short}"

    def dump(self, value: str) -> str:
        """Return the id."""
        return value.removeprefix(f"{self.collection}/")


@dataclass(frozen=True)
class Choice:
    """One of a few words that stand for an enum's values."""

    numbers: Mapping[str, int]

    def load(self, value: Any, path: str) -> int:
        """Return the number."""
        if not isinstance(value, str) or value not in self.numbers:
            raise wrong(
                path, f"{shown(value)} is not one of: {', '.join(self.numbers)}", nearest(str(value), self.numbers)
            )
        return self.numbers[value]

    def dump(self, value: int) -> str:
        """Return the word."""
        return next((word for word, number in self.numbers.items() if number == value), str(value))


@dataclass(frozen=True)
class Many:
    """A list."""

    item: Codec

    def load(self, value: Any, path: str) -> list[Any]:
        """Return the items."""
        if not isinstance(value, list):
            raise wrong(path, f"{shown(value)} is no list", f"[{value}]")
        return [self.item.load(each, f"{path}[{i}]") for i, each in enumerate(value)]

    def dump(self, value: Sequence[Any]) -> list[Any]:
        """Return the items."""
        return [self.item.dump(each) for each in value]


@dataclass(frozen=True)
class Day:
    """A calendar day."""

    def load(self, value: Any, path: str) -> Date:
        """Return the day."""
        if isinstance(value, str):
            try:
                value = datetime.date.fromisoformat(value)
            except ValueError:
                raise wrong(path, f"{shown(value)} is no day", "2013-01-31") from None
        if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
            raise wrong(path, f"{shown(value)} is no day", "2013-01-31")
        return Date(year=value.year, month=value.month, day=value.day)

    def dump(self, value: Date) -> datetime.date:
        """Return the day."""
        return datetime.date(value.year, value.month, value.day)


@dataclass(frozen=True)
class Instant:
    """An instant; UTC where no zone is written, midnight where only a day is."""

    def load(self, value: Any, path: str) -> Timestamp:
        """Return the instant."""
        if isinstance(value, str):
            try:
                value = datetime.datetime.fromisoformat(value)
            except ValueError:
                raise wrong(path, f"{shown(value)} is no instant", "2013-01-31T12:00:00Z") from None
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            value = datetime.datetime.combine(value, datetime.time())
        if not isinstance(value, datetime.datetime):
            raise wrong(path, f"{shown(value)} is no instant", "2013-01-31T12:00:00Z")
        aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
        result = Timestamp()
        result.FromDatetime(aware.astimezone(datetime.UTC))
        return result

    def dump(self, value: Timestamp) -> str:
        """Return the instant as ISO 8601."""
        return value.ToJsonString()


@dataclass(frozen=True)
class Length:
    """A length of time: 30d, 12h, 90m, 2w; whole units of weeks, days, hours, minutes, seconds."""

    def load(self, value: Any, path: str) -> Duration:
        """Return the length."""
        found = re.fullmatch(r"([0-9]{1,9})\s*([wdhms])", value) if isinstance(value, str) else None
        if found is None or not int(found[1]):
            raise wrong(path, f"{shown(value)} is no length of time", "30d")
        return Duration(seconds=int(found[1]) * _SECONDS[found[2]])

    def dump(self, value: Duration) -> str:
        """Return it in the largest unit of which it is a whole number, weeks left aside."""
        unit = next(each for each in "dhms" if value.seconds % _SECONDS[each] == 0)
        return f"{value.seconds // _SECONDS[unit]}{unit}"


@dataclass(frozen=True)
class Key:
    """One key of a mapping, and the field that it sets."""

    field: str
    codec: Codec
    hint: str = ""
    """What would pass, where it is needed and missing."""


MessageT = TypeVar("MessageT", bound=Message)


@dataclass(frozen=True)
class Shape(Generic[MessageT]):
    """A mapping with known keys; what is not said keeps the field's default."""

    message: Callable[[], MessageT]
    keys: Mapping[str, Key]
    needed: tuple[str, ...] = ()

    def load(self, value: Any, path: str) -> MessageT:
        """Return the message."""
        mapping = as_mapping(value, path)
        check_keys(mapping, self.keys, path)
        for key in self.needed:
            if mapping.get(key) is None:
                raise wrong(under(path, key), "it is needed", self.keys[key].hint)
        message = self.message()
        for key, each in mapping.items():
            entry = self.keys[key]
            if each is not None:
                set_field(message, entry.field, entry.codec.load(each, under(path, key)))
        return message

    def dump(self, value: MessageT) -> dict[str, Any]:
        """Return what differs from the defaults."""
        said = {}
        for key, entry in self.keys.items():
            if is_set(value, entry.field):
                said[key] = entry.codec.dump(getattr(value, entry.field))
        return said


def as_mapping(value: Any, path: str) -> Mapping[str, Any]:
    """Return a mapping with text keys."""
    if not isinstance(value, dict):
        raise wrong(path, f"{shown(value)} is no mapping", "key: value")
    for key in value:
        if not isinstance(key, str):
            raise wrong(path, f"the key {key!r} is no text", "put it in quotes")
    return value


def check_keys(mapping: Mapping[str, Any], known: Mapping[str, Any] | Sequence[str], path: str) -> None:
    """Refuse keys that are not known, with the nearest that is."""
    for key in mapping:
        if key not in known:
            hint = nearest(key, known) or "known keys: " + ", ".join(known)
            raise wrong(under(path, key), "there is no such key", hint)


def nearest(word: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """Return "did you mean …?", or ""."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {found[0]}?" if found else ""


def set_field(message: Message, field: str, value: Any) -> None:
    """Set a field of any kind."""
    if isinstance(value, Message):
        getattr(message, field).CopyFrom(value)
    elif isinstance(value, list):
        getattr(message, field).extend(value)
    else:
        setattr(message, field, value)


def is_set(message: Message, field: str) -> bool:
    """Return whether a field differs from its default."""
    value = getattr(message, field)
    return message.HasField(field) if isinstance(value, Message) else bool(value)


TEXT: Final = Text()
WHOLE: Final = Whole()
REAL: Final = Real()
FLAG: Final = Flag()
