"""Canonical text of messages, held against the libraries that define it."""

import random
import struct
from typing import Any

import pytest
import rfc8785
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from sfumato.v1 import budget_service_pb2, dataset_pb2, ledger_pb2, plan_pb2, query_pb2, receipt_pb2
from sfumato_mesh.canonical_text import canonical_text
from sfumato_mesh.v1 import accountant_service_pb2, reservation_service_pb2

KINDS: list[type[Message]] = [
    ledger_pb2.LedgerEvent,
    receipt_pb2.ReceiptStatement,
    plan_pb2.Plan,
    query_pb2.Query,
    dataset_pb2.Dataset,
    accountant_service_pb2.ReserveQueryRequest,
    reservation_service_pb2.ListReservationsRequest,
    budget_service_pb2.ListBudgetsResponse,
]
TEXTS = [
    "",
    "ada",
    'quote " and \\',
    "\x00\x1f\x7f\b\f\n\r\t",
    "é ü ß",
    "\u2028\u2029",
    "\ufb01\U0001f600",
    "</script>",
]
DOUBLES = [
    0.0,
    -0.0,
    0.95,
    1e-4,
    9.999999999999999e-5,
    9999999999999998.0,
    1e16,
    1e-7,
    1e-6,
    1e21,
    1e20,
    5e-324,
    1.7976931348623157e308,
    100.0,
    -1.5,
    1 / 3,
]


def reference(message: Message) -> str:
    return rfc8785.dumps(MessageToDict(message, preserving_proto_field_name=True)).decode()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.DESCRIPTOR.name)
def test_it_is_what_the_libraries_write(kind: type[Message]) -> None:
    for seed in range(300):
        message = kind()
        fill(message, random.Random(seed), depth=5)
        assert canonical_text(message) == reference(message)


def test_it_does_not_depend_on_the_order_in_which_a_map_was_filled() -> None:
    labels = ["b", "a", "\ufb01", "\U0001f600", "é"]  # UTF-16 and code points order the third and fourth differently
    first, second = query_pb2.Query(), query_pb2.Query()
    for label in labels:
        first.labels[label] = "x"
    for label in reversed(labels):
        second.labels[label] = "x"
    assert canonical_text(first) == canonical_text(second) == reference(first)


def fill(message: Message, dice: random.Random, depth: int) -> None:
    """Set a random choice of fields to random values."""
    for field in message.DESCRIPTOR.fields:
        if dice.random() < 0.4 or (field.message_type is not None and depth == 0):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _fill_map(getattr(message, field.name), field, dice, depth)
        elif field.is_repeated:
            for _ in range(dice.randrange(3)):
                _add(getattr(message, field.name), field, dice, depth)
        elif field.message_type is not None:
            inner = getattr(message, field.name)
            inner.SetInParent()
            _fill_message(inner, dice, depth)
        else:
            setattr(message, field.name, scalar(field, dice))


def _fill_map(values: Any, field: Any, dice: random.Random, depth: int) -> None:
    value = field.message_type.fields_by_name["value"]
    for _ in range(dice.randrange(4)):
        key = dice.choice(TEXTS) + str(dice.randrange(9))
        if value.message_type is not None:
            _fill_message(values[key], dice, depth)
        else:
            values[key] = scalar(value, dice)


def _add(values: Any, field: Any, dice: random.Random, depth: int) -> None:
    if field.message_type is not None:
        _fill_message(values.add(), dice, depth)
    else:
        values.append(scalar(field, dice))


def _fill_message(message: Message, dice: random.Random, depth: int) -> None:
    name = message.DESCRIPTOR.full_name
    if name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        message.seconds = dice.randrange(2**32)  # type: ignore[attr-defined]
        message.nanos = dice.choice([0, 1, 1_000, 250_000_000])  # type: ignore[attr-defined]
    else:
        fill(message, dice, depth - 1)


def scalar(field: Any, dice: random.Random) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return dice.randbytes(dice.randrange(5)) if field.type == FieldDescriptor.TYPE_BYTES else dice.choice(TEXTS)
        case FieldDescriptor.CPPTYPE_BOOL:
            return dice.random() < 0.5
        case FieldDescriptor.CPPTYPE_DOUBLE:
            drawn: float = struct.unpack("<d", dice.randbytes(8))[0]
            return dice.choice([*DOUBLES, drawn if drawn == drawn else 0.0])
        case FieldDescriptor.CPPTYPE_ENUM:
            return dice.choice([each.number for each in field.enum_type.values])
        case FieldDescriptor.CPPTYPE_UINT64 | FieldDescriptor.CPPTYPE_UINT32:
            return dice.choice([0, 1, 2**31])
        case FieldDescriptor.CPPTYPE_INT64:
            return dice.choice([0, 1, -1, 2**63 - 1, -(2**63)])
        case _:
            return dice.choice([0, 1, -1, 2**31 - 1])
