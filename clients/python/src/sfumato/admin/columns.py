"""Columns of a dataset in YAML: `dep_delay: {type: integer, bounds: [-60, 600], unit: min, nullable: true}`. No I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from sfumato.admin.codecs import (
    FLAG,
    REAL,
    TEXT,
    WHOLE,
    Codec,
    Day,
    Instant,
    Key,
    Many,
    Whole,
    as_mapping,
    check_keys,
    is_set,
    nearest,
    set_field,
    under,
    wrong,
)
from sfumato.v1 import schema_pb2

_COMMON: Final[Mapping[str, Key]] = {
    "description": Key("description", TEXT),
    "nullable": Key("nullable", FLAG),
    "unit": Key("unit", TEXT),
    "dummy_null_share": Key("dummy_null_share", REAL),
}


@dataclass(frozen=True)
class Domain:
    """A type's own keys. Bounds are a pair: [lower, upper]."""

    message: Callable[[], Message]
    bounds: Codec | None = None
    keys: Mapping[str, Key] | None = None
    needed: str = ""

    def known(self) -> list[str]:
        """Return the keys."""
        return [*(["bounds"] if self.bounds else []), *(self.keys or {})]


_SIGNED: Final = Whole(least=-(2**63))
_DOMAINS: Final[Mapping[str, Domain]] = {
    "boolean": Domain(schema_pb2.BooleanType),
    "integer": Domain(schema_pb2.IntegerType, bounds=_SIGNED, needed="bounds"),
    "real": Domain(schema_pb2.RealType, bounds=REAL, needed="bounds"),
    "category": Domain(schema_pb2.CategoryType, keys={"values": Key("values", Many(TEXT))}, needed="values"),
    "text": Domain(schema_pb2.TextType, keys={"max_length": Key("max_length", WHOLE)}),
    "date": Domain(schema_pb2.DateType, bounds=Day(), needed="bounds"),
    "timestamp": Domain(schema_pb2.TimestampType, bounds=Instant(), needed="bounds"),
}


@dataclass(frozen=True)
class Columns:
    """A mapping from column name to what it holds; its order is kept."""

    def load(self, value: Any, path: str) -> list[schema_pb2.Column]:
        """Return the columns."""
        return [_load(name, each, under(path, name)) for name, each in as_mapping(value, path).items()]

    def dump(self, value: Sequence[schema_pb2.Column]) -> dict[str, Any]:
        """Return the mapping."""
        return {each.name: _dump(each) for each in value}


def _load(name: str, value: Any, path: str) -> schema_pb2.Column:
    mapping = as_mapping({"type": value} if isinstance(value, str) else value, path)
    kind = mapping.get("type")
    if not isinstance(kind, str) or kind not in _DOMAINS:
        hint = nearest(str(kind), _DOMAINS) or "one of " + ", ".join(_DOMAINS)
        raise wrong(under(path, "type"), "it is needed" if kind is None else f"{kind!r} is no type", hint)
    domain = _DOMAINS[kind]
    check_keys(mapping, ["type", *domain.known(), *_COMMON], path)
    if domain.needed and domain.needed not in mapping:
        raise wrong(under(path, domain.needed), f"a column of type {kind} needs it")
    column = schema_pb2.Column(name=name)
    held = domain.message()
    for key, each in mapping.items():
        if each is None or key == "type":
            continue
        if key == "bounds" and domain.bounds is not None:
            _load_bounds(held, domain.bounds, each, under(path, key))
        elif domain.keys and key in domain.keys:
            set_field(held, domain.keys[key].field, domain.keys[key].codec.load(each, under(path, key)))
        else:
            set_field(column, _COMMON[key].field, _COMMON[key].codec.load(each, under(path, key)))
    getattr(column, kind).CopyFrom(held)
    return column


def _load_bounds(held: Message, codec: Codec, value: Any, path: str) -> None:
    if not isinstance(value, list) or len(value) != 2:
        raise wrong(path, f"{value!r} is no pair", "[lower, upper]")
    set_field(held, "lower", codec.load(value[0], f"{path}[0]"))
    set_field(held, "upper", codec.load(value[1], f"{path}[1]"))


def _dump(column: schema_pb2.Column) -> dict[str, Any]:
    kind = column.WhichOneof("type") or ""
    shown: dict[str, Any] = {"type": kind}
    domain = _DOMAINS.get(kind)
    if domain is not None:
        held = getattr(column, kind)
        if domain.bounds is not None:
            shown["bounds"] = [domain.bounds.dump(held.lower), domain.bounds.dump(held.upper)]
        for key, entry in (domain.keys or {}).items():
            if is_set(held, entry.field):
                shown[key] = entry.codec.dump(getattr(held, entry.field))
    for key, entry in _COMMON.items():
        if is_set(column, entry.field):
            shown[key] = entry.codec.dump(getattr(column, entry.field))
    return shown
