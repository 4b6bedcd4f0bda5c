# ruff: noqa: E501  (plans in the text form of protobuf)
"""Row 7, attack: code or state inside a question (a function that keeps state, stops, or throws on one row).

The language is closed: whatever message is made, it compiles to a program or is refused with a reason. It has no
field that could hold code, a regular expression, a file or another message of unknown type.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor
from google.protobuf.message import Message

from sfumato.v1 import expression_pb2, function_pb2, plan_pb2, query_service_pb2, relation_pb2
from sfumato_executor.engines.native.engine import exact_vectors
from sfumato_executor.engines.native.lowering import RULES
from sfumato_executor.plan.program import KeyDomain, Program
from sfumato_mesh.interceptors.guard import check
from sfumato_mesh.refusal import Refusal
from tests.attacks.tables import NAME, dataset, moved, program_or_rule, table
from tests.attacks.wire import rho

F = descriptor.FieldDescriptor
MADE = dataset(
    'columns { name: "x" nullable: true real { lower: -10 upper: 10 } } columns { name: "i" integer { upper: 5 } } '
    'columns { name: "c" nullable: true category { values: ["a", "b"] } } columns { name: "t" text { max_length: 8 } } '
    'columns { name: "b" boolean { } } columns { name: "d" date { lower { year: 1970 month: 1 day: 1 } upper { year: 2030 '
    'month: 1 day: 1 } } } columns { name: "who" text { } }',
    'column: "who" max_groups: 2 max_rows_per_group: 3',
)
ROWS: dict[str, list[Any]] = {
    "x": [-10.0, 0.0, 10.0, None],
    "i": [0, 5, 1, 2],
    "c": ["a", None, "b", "a"],
    "t": ["", "a", "é", "12"],
    "b": [True, False, True, False],
    "d": ["1970-01-01", "2030-01-01", "1999-12-31", "2000-02-29"],
    "who": ["p", "p", "q", None],
}
SCALARS: dict[int, Any] = {
    F.TYPE_BOOL: [False, True],
    F.TYPE_STRING: ["x", "i", "c", "t", "b", "d", "who", "a", "", "no such", "a b", "\0", "x" * 200, NAME],
    F.TYPE_INT64: [-(2**63), -1, 0, 1, 3, 2**53 + 1, 2**63 - 1],
    F.TYPE_INT32: [-(2**31), -1, 0, 1, 2, 12, 2024, 2**31 - 1],
    F.TYPE_UINT32: [0, 1, 2, 100_000, 2**32 - 1],
    F.TYPE_UINT64: [0, 2**64 - 1],
    F.TYPE_DOUBLE: [float("nan"), float("inf"), -0.0, 0.5, 1.0, 5e-324, 1e308, -1e300, 2.0**53, 0.15],
}


class Monkey:
    """Fills messages at random, by their descriptors alone: it knows no rule of the language."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def fill(self, message: Message, depth: int) -> None:
        for field in message.DESCRIPTOR.fields:
            if field.containing_oneof is None and self.chance.random() < self._wanted(field, depth):
                self._set(message, field, depth)
        for oneof in message.DESCRIPTOR.oneofs:
            if self.chance.random() < 0.97:
                fields = [field for field in oneof.fields if depth > 0 or not self._nests(field)] or list(oneof.fields)
                self._set(message, self.chance.choice(fields), depth)

    def _wanted(self, field: Any, depth: int) -> float:
        if field.message_type is None:
            return 0.7
        return 0.97 if depth > 0 else 0.6

    def _nests(self, field: Any) -> bool:
        nesting = ("Call", "CaseWhen", "Cast", "InList", "Bin", "Filter", "Derive")
        return field.message_type is not None and field.message_type.name in nesting

    def _set(self, message: Message, field: Any, depth: int) -> None:
        repeated = field.is_repeated
        for _ in range(self.chance.choice([1, 1, 2, 3]) if repeated else 1):
            if field.message_type is not None:
                part = getattr(message, field.name)
                inner = part.add() if repeated else part
                inner.SetInParent()
                self.fill(inner, depth - 1)
            elif repeated:
                getattr(message, field.name).append(self._scalar(field))
            else:
                setattr(message, field.name, self._scalar(field))

    def _scalar(self, field: Any) -> Any:
        if field.enum_type is not None:
            return self.chance.choice([*(value.number for value in field.enum_type.values), 999])
        return self.chance.choice(SCALARS[field.type])


def outcome(plan: plan_pb2.Plan) -> Program | str:
    """What the guard and the compiler make of a plan: a program, or the rule that it breaks."""
    try:
        check(plan)
    except Refusal as refusal:
        if refusal.reason != "REQUEST_INVALID" or not refusal.fields:
            raise
        return refusal.reason
    return program_or_rule(plan, MADE, rho(10**12, 10**12))


def plausible(seed: int) -> plan_pb2.Plan:
    """A plan whose frame is sound, so that what the monkey put inside is what is judged."""
    monkey, plan = Monkey(seed), plan_pb2.Plan()
    source = plan.source
    if monkey.chance.random() < 0.5:
        monkey.fill(source.filter.predicate, 3)
        source = source.filter.input
    source.scan.dataset = NAME
    for index in range(monkey.chance.randint(1, 2)):
        measure = plan.measures.add()
        monkey.fill(measure, 4)
        measure.alias = f"m{index}"
    if monkey.chance.random() < 0.4:
        monkey.fill(plan.group_by, 3)
        for index, key in enumerate(plan.group_by.keys):
            key.alias = f"k{index}"
    return plan


def test_whatever_is_sent_compiles_or_is_refused_with_a_reason_and_a_path() -> None:
    rules: set[str] = set()
    compiled = 0
    for seed in range(1_500):
        found = outcome(plausible(seed))
        if isinstance(found, Program):
            compiled += 1
        else:
            rules.add(found)
    assert compiled > 30, compiled
    assert len(rules) > 8, rules


def test_what_compiles_runs_on_any_rows_and_keeps_its_promise() -> None:
    """Nothing that compiles raises, and no unit moves a vector by more than was declared.

    No unit has more rows than it may, so that no row is left out at random and vectors can be compared.
    """
    pair = table(MADE, ROWS), table(MADE, {name: values[:2] for name, values in ROWS.items()})
    ran = compared = 0
    for seed in range(1_500, 4_500):
        found = outcome(plausible(seed))
        if not isinstance(found, Program) or len(found.public_keys) > 1_000:
            continue
        ran += 1
        if found.domain is KeyDomain.THRESHOLD:
            assert all(exact_vectors(found, each).vectors for each in pair)
            continue
        distances = moved(found, *pair)
        compared += any(measured > 0 for measured, _ in distances)
        assert all(measured <= declared for measured, declared in distances), seed
        if ran >= 80:
            break
    assert ran > 40, ran
    assert compared > 10, compared


def messages(root: descriptor.Descriptor) -> Iterator[descriptor.Descriptor]:
    """All message types that a message can hold."""
    seen, stack = set(), [root]
    while stack:
        each = stack.pop()
        if each.full_name in seen:
            continue
        seen.add(each.full_name)
        yield each
        stack.extend(field.message_type for field in each.fields if field.message_type is not None)


@pytest.mark.parametrize("name", ["QuoteQueryRequest", "RunQueryRequest", "RunDummyQueryRequest"])
def test_a_question_has_no_place_for_code(name: str) -> None:
    known = {"sfumato.v1", "google.type", "google.protobuf"}
    for message in messages(getattr(query_service_pb2, name).DESCRIPTOR):
        assert message.file.package in known, message.full_name
        assert message.full_name not in ("google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.Value")
        for field in message.fields:
            assert field.type != F.TYPE_BYTES, field.full_name
            assert not any(
                word in field.name for word in ("code", "script", "python", "regex", "pickle", "udf", "path")
            )


def test_kinds_of_relations_and_expressions_are_a_short_list() -> None:
    """Adding a kind is a decision of this file's readers too: joins, files and functions of users are none of them."""
    relations = {field.name for field in relation_pb2.Relation.DESCRIPTOR.fields}
    expressions = {field.name for field in expression_pb2.Expression.DESCRIPTOR.fields}
    assert relations == {"scan", "filter", "derive"}
    assert expressions == {"column", "literal", "call", "case_when", "cast", "in_list", "bin"}
    assert set(RULES) == set(function_pb2.Function.values()) - {function_pb2.FUNCTION_UNSPECIFIED}
