"""Equal questions written differently have equal digests and equal draws: random rewrites of random plans."""

import random
from collections.abc import Callable
from typing import cast

from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.v1 import charge_pb2, dataset_pb2, payment_pb2, plan_pb2, population_pb2
from sfumato.v1 import expression_pb2 as e
from sfumato.v1 import function_pb2 as f
from sfumato.v1 import measure_pb2 as m
from sfumato_executor.plan.canonical_plan import canonical_plan
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import Program

DATASET = text_format.Parse(
    """
    name: "datasets/d" privacy_unit { column: "person" max_groups: 3 max_rows_per_group: 5 } schema {
      columns { name: "person" integer { lower: 0 upper: 9 } }
      columns { name: "a" integer { lower: 0 upper: 100 } nullable: true }
      columns { name: "b" real { lower: -5 upper: 5 } }
      columns { name: "c" category { values: ["x", "y", "z"] } nullable: true }
      columns { name: "d" boolean { } nullable: true }
    }
    """,
    dataset_pb2.Dataset(),
)
PAYMENT = payment_pb2.Payment(rho=charge_pb2.RhoDelta(rho_picos=20_000_000_003))
MIRRORED = {1: 1, 2: 2, 3: 5, 4: 6, 5: 3, 6: 4}
IDEMPOTENT = (f.FUNCTION_AND, f.FUNCTION_OR, f.FUNCTION_LEAST, f.FUNCTION_GREATEST)
COMMUTATIVE = (*IDEMPOTENT, f.FUNCTION_ADD, f.FUNCTION_MULTIPLY)


def call(function: int, *arguments: e.Expression) -> e.Expression:
    return e.Expression(call=e.Call(function=cast("f.Function", function), arguments=arguments))


def column(name: str) -> e.Expression:
    return e.Expression(column=name)


def whole(value: int) -> e.Expression:
    return e.Expression(literal=e.Literal(integer=value))


NUMBERS = st.recursive(
    st.sampled_from(["a", "b"]).map(column) | st.integers(-3, 9).map(whole),
    lambda inner: st.one_of(
        st.builds(
            lambda g, parts: call(g, *parts),
            st.sampled_from([20, 22, 40, 41]),
            st.lists(inner, min_size=2, max_size=3),
        ),
        st.builds(lambda g, a: call(g, a), st.sampled_from([26, 27, 28]), inner),
        st.builds(lambda a, b: call(21, a, b), inner, inner),
    ),
    max_leaves=5,
)
PREDICATES = st.recursive(
    st.one_of(
        st.builds(lambda g, a, b: call(g, a, b), st.sampled_from(range(1, 7)), NUMBERS, NUMBERS),
        st.just(column("d")),
        st.lists(st.sampled_from("xyz"), min_size=1, max_size=4).map(
            lambda texts: e.Expression(in_list=e.InList(value=column("c"), items=[e.Literal(text=t) for t in texts]))
        ),
        st.builds(lambda a: call(f.FUNCTION_IS_NULL, a), NUMBERS),
    ),
    lambda inner: st.one_of(
        st.builds(lambda g, parts: call(g, *parts), st.sampled_from([10, 11]), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda a: call(f.FUNCTION_NOT, a), inner),
    ),
    max_leaves=4,
)
MEASURES = st.one_of(
    st.just(m.Measure(count=m.Count())),
    NUMBERS.map(lambda value: m.Measure(count=m.Count(value=value))),
    st.just(m.Measure(count_units=m.CountUnits())),
    st.builds(lambda w: m.Measure(sum=m.Sum(value=column("a")), weight=w), st.integers(0, 3)),
    st.just(m.Measure(mean=m.Mean(value=column("a")))),
    st.just(m.Measure(mean=m.Mean(value=column("b"), bounds=m.Bounds(lower=-1, upper=1)))),
    st.sampled_from([0.1, 0.5, 1.0]).map(
        lambda level: m.Measure(quantile=m.Quantile(value=column("a"), level=level, candidate_count=5))
    ),
    st.just(m.Measure(histogram=m.Histogram(bins=column("c")))),
)


@st.composite
def plans(draw: st.DrawFn) -> plan_pb2.Plan:
    plan = plan_pb2.Plan()
    plan.source.scan.dataset = "datasets/d"
    for predicate in draw(st.lists(PREDICATES, max_size=3)):
        inner = plan_pb2.Plan(source=plan.source).source
        plan.source.Clear()
        plan.source.filter.input.CopyFrom(inner)
        plan.source.filter.predicate.CopyFrom(predicate)
    if draw(st.booleans()):
        plan.group_by.keys.add(alias="k", expression=column("c"))
        if draw(st.booleans()):
            for text in draw(st.lists(st.sampled_from("xyz"), min_size=1, max_size=5)):
                plan.group_by.public_keys.keys.add(values=[e.Literal(text=text)])
    for index, measure in enumerate(draw(st.lists(MEASURES, min_size=1, max_size=4))):
        plan.measures.add().CopyFrom(measure)
        plan.measures[index].alias = f"m{index}"
    return plan


def rewritten_expression(node: e.Expression, source: random.Random, *, predicate: bool) -> e.Expression:
    """The same question about a row, written differently."""
    kind = node.WhichOneof("kind")
    result = e.Expression()
    result.CopyFrom(node)
    if kind == "in_list":
        items = [*node.in_list.items, source.choice(node.in_list.items)]
        source.shuffle(items)
        del result.in_list.items[:]
        result.in_list.items.extend(items)
        if source.random() < 0.3:
            value = node.in_list.value
            equal = [call(f.FUNCTION_EQUAL, value, e.Expression(literal=item)) for item in items]
            result = call(f.FUNCTION_OR, *equal)
    elif kind == "call":
        function = int(node.call.function)
        inner = [
            rewritten_expression(argument, source, predicate=function in (10, 11, 12))
            for argument in node.call.arguments
        ]
        if function in COMMUTATIVE:
            source.shuffle(inner)
        if function in IDEMPOTENT and len(inner) < 4 and source.random() < 0.3:
            inner.append(source.choice(inner))
        if function in (f.FUNCTION_AND, f.FUNCTION_OR) and len(inner) > 1 and source.random() < 0.4:
            inner = [call(function, *inner[:2]), *inner[2:]]
        if function in MIRRORED and source.random() < 0.5:
            function, inner = MIRRORED[function], [inner[1], inner[0]]
        result = call(function, *inner)
    elif kind == "literal" and source.random() < 0.3:
        result.literal.real = float(node.literal.integer)
    if predicate and source.random() < 0.2:
        result = call(f.FUNCTION_NOT, call(f.FUNCTION_NOT, result))
    return result


def rewritten(plan: plan_pb2.Plan, source: random.Random) -> plan_pb2.Plan:
    """Filters merged or split and in another order, columns derived, measures shuffled and renamed, keys shuffled."""
    predicates: list[e.Expression] = []
    relation = plan.source
    while relation.WhichOneof("kind") == "filter":
        predicates.append(rewritten_expression(relation.filter.predicate, source, predicate=True))
        relation = relation.filter.input
    source.shuffle(predicates)
    result = plan_pb2.Plan()
    result.source.scan.dataset = "datasets/d"
    _derive(result, {"twin": column("a"), "unused": call(20, column("b"), whole(1))})
    if len(predicates) > 1 and source.random() < 0.5:
        predicates = [call(f.FUNCTION_AND, *predicates)]
    for predicate in predicates:
        inner = plan_pb2.Plan(source=result.source).source
        result.source.Clear()
        result.source.filter.input.CopyFrom(inner)
        result.source.filter.predicate.CopyFrom(_renamed(predicate, "a", "twin"))
        if source.random() < 0.3:
            _derive(result, {"later": column("d")})
    if plan.HasField("group_by"):
        result.group_by.CopyFrom(plan.group_by)
        keys = list(plan.group_by.public_keys.keys)
        if keys:
            source.shuffle(keys)
            del result.group_by.public_keys.keys[:]
            result.group_by.public_keys.keys.extend([*keys, keys[0]])
    measures = list(plan.measures)
    source.shuffle(measures)
    for index, measure in enumerate(measures):
        result.measures.add().CopyFrom(measure)
        result.measures[index].alias = f"other{index}"
    return result


def _derive(plan: plan_pb2.Plan, columns: dict[str, e.Expression]) -> None:
    inner = plan_pb2.Plan(source=plan.source).source
    plan.source.Clear()
    plan.source.derive.input.CopyFrom(inner)
    for alias, expression in columns.items():
        plan.source.derive.columns.add(alias=alias, expression=expression)


def _renamed(node: e.Expression, old: str, new: str) -> e.Expression:
    result = e.Expression()
    result.CopyFrom(node)
    if result.column == old:
        result.column = new
    for argument in result.call.arguments if node.WhichOneof("kind") == "call" else ():
        argument.CopyFrom(_renamed(argument, old, new))
    return result


def compiled(plan: plan_pb2.Plan) -> Program:
    return compile_plan(plan, PAYMENT, DATASET, population_pb2.ACCOUNTING_ZCDP)


@settings(max_examples=150, deadline=None)
@given(plans(), st.integers(0, 2**32))
def test_rewriting_keeps_digest_and_draws(plan: plan_pb2.Plan, seed: int) -> None:
    program = compiled(plan)
    other = compiled(rewritten(plan, random.Random(seed)))
    assert other.filter == program.filter
    assert other.digest == program.digest
    assert other.draws == program.draws
    assert other.vectors == program.vectors
    assert other.loss == program.loss


@settings(max_examples=100, deadline=None)
@given(plans())
def test_the_canonical_plan_is_the_same_question(plan: plan_pb2.Plan) -> None:
    program = compiled(plan)
    again = compiled(canonical_plan(program))
    assert again.digest == program.digest
    assert again.draws == program.draws


CHANGES: list[Callable[[plan_pb2.Plan], None]] = [
    lambda plan: plan.measures.add(alias="added").sum.value.CopyFrom(call(20, column("a"), whole(77))),
    lambda plan: setattr(plan.contribution_bounds, "max_rows_per_group", 2),
    lambda plan: _filtered(plan, call(f.FUNCTION_LESS, column("b"), e.Expression(literal=e.Literal(real=0.123)))),
]


def _filtered(plan: plan_pb2.Plan, predicate: e.Expression) -> None:
    inner = plan_pb2.Plan(source=plan.source).source
    plan.source.Clear()
    plan.source.filter.input.CopyFrom(inner)
    plan.source.filter.predicate.CopyFrom(predicate)


@settings(max_examples=60, deadline=None)
@given(plans(), st.sampled_from(CHANGES))
def test_another_question_has_another_digest(plan: plan_pb2.Plan, change: Callable[[plan_pb2.Plan], None]) -> None:
    before = compiled(plan)
    change(plan)
    after = compiled(plan)
    if after.filter != before.filter or after.vectors != before.vectors or after.bounding != before.bounding:
        assert after.digest != before.digest
