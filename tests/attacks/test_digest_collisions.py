# ruff: noqa: E501  (plans in the text form of protobuf)
"""Not in the list, attack: two different questions that share a digest.

An equal question is answered by the stored release, free. Were a digest to leave something out, an analyst would read
a cheap question's release as the answer to a dear one, or columns of one plan under the names of another.
"""

import itertools
from typing import Any

import grpc
import pytest

from sfumato.v1 import plan_pb2
from sfumato_executor.plan.program import Program
from tests.attacks.tables import SCAN, dataset, exact, program, table
from tests.attacks.test_07_grammar_fuzz import MADE as FUZZED
from tests.attacks.test_07_grammar_fuzz import ROWS as FUZZED_ROWS
from tests.attacks.test_07_grammar_fuzz import outcome, plausible
from tests.attacks.wire import COUNT, Attacker, epsilon, question, rho
from tests.mesh_scene import MeshScene

MADE = dataset(
    'columns { name: "x" integer { upper: 10 } } columns { name: "r" nullable: true real { upper: 10 } } '
    'columns { name: "c" nullable: true category { values: ["1", "null", "a", "a,b", "true"] } } '
    'columns { name: "t" nullable: true text { } } columns { name: "b" nullable: true boolean { } } '
    'columns { name: "d" date { lower { year: 1970 month: 1 day: 1 } upper { year: 1990 month: 1 day: 1 } } } '
    'columns { name: "who" text { } }',
    'column: "who" max_groups: 4 max_rows_per_group: 4',
)


def keyed(column: str, *values: str) -> str:
    listed = " ".join(f"keys {{ values {{ {value} }} }}" for value in values)
    return f'{SCAN} group_by {{ keys {{ alias: "k" expression {{ {column} }} }} public_keys {{ {listed} }} }} {COUNT}'


def filtered(predicate: str) -> str:
    return f'source {{ filter {{ input {{ scan {{ dataset: "datasets/d" }} }} predicate {{ {predicate} }} }} }} {COUNT}'


def call(function: str, *arguments: str) -> str:
    inside = " ".join(f"arguments {{ {argument} }}" for argument in arguments)
    return f"call {{ function: FUNCTION_{function} {inside} }}"


def listed(*texts: str) -> str:
    return f'in_list {{ value {{ column: "t" }} {" ".join(f"items {{ text: {text!r} }}" for text in texts)} }}'


X, R, T, B = (f'column: "{name}"' for name in "xrtb")
TWO, FIVE = "literal { integer: 2 }", "literal { integer: 5 }"
SMALL, GREAT = call("LESS", X, TWO), call("GREATER", X, FIVE)
DIFFERENT = {
    "keys that read alike": [
        keyed(T, 'text: "1"'),
        keyed(T, 'text: "null"'),
        keyed(T, 'text: "true"'),
        keyed(B, "boolean: true"),
        keyed(X, "integer: 1"),
        keyed('column: "c"', 'text: "1"'),
        keyed('column: "d"', "date { year: 1970 month: 1 day: 2 }"),
    ],
    "lists that read alike": [
        filtered(listed("a", "b")),
        filtered(listed("a,b")),
        filtered(listed("a', 'b")),
        filtered(listed('a","b')),
        filtered(listed("a", "b", "")),
    ],
    "logic": [
        filtered(call("AND", SMALL, GREAT)),
        filtered(call("OR", SMALL, GREAT)),
        filtered(call("NOT", call("AND", SMALL, GREAT))),
        filtered(call("AND", call("NOT", SMALL), GREAT)),
        filtered(call("AND", SMALL, call("NOT", GREAT))),
        filtered(SMALL),
        filtered(GREAT),
        filtered(call("NOT", SMALL)),
        filtered(call("NOT", B)),
        filtered(call("IS_NULL", B)),
    ],
    "order where it means something": [
        f'{SCAN} measures {{ alias: "s" sum {{ value {{ {value} }} }} }}'
        for value in (
            call("SUBTRACT", X, R),
            call("SUBTRACT", R, X),
            call("ADD", R, X),
            call("MULTIPLY", R, X),
            call("LEAST", R, X),
            call("GREATEST", R, X),
            call("COALESCE", R, X),
        )
    ],
    "measures": [
        f'{SCAN} measures {{ alias: "m" {kind} }}'
        for kind in (
            "count { }",
            f"count {{ value {{ {R} }} }}",
            "count_units { }",
            f"sum {{ value {{ {X} }} }}",
            f"mean {{ value {{ {X} }} }}",
            f"sum {{ value {{ {X} }} bounds {{ lower: 0 upper: 9 }} }}",
            f"mean {{ value {{ {X} }} bounds {{ lower: 0 upper: 9 }} }}",
            "count { } noise: NOISE_LAPLACE",
            f"quantile {{ value {{ {X} }} level: 0.5 }}",
            f"quantile {{ value {{ {X} }} level: 0.25 }}",
            f"quantile {{ value {{ {X} }} level: 0.75 }}",
            f"quantile {{ value {{ {X} }} level: 0.5 candidates: [0, 5, 10] }}",
            f"histogram {{ bins {{ bin {{ value {{ {X} }} edges: [0, 5, 10] }} }} }}",
            f"histogram {{ bins {{ bin {{ value {{ {X} }} edges: [0, 6, 10] }} }} }}",
            f"histogram {{ bins {{ {X} }} }}",
        )
    ],
    "bounds of a unit": [
        f"{SCAN} {COUNT}",
        f"{SCAN} {COUNT} contribution_bounds {{ max_rows_per_group: 3 }}",
        f'{SCAN} group_by {{ keys {{ alias: "c" expression {{ column: "c" }} }} }} {COUNT}',
        f'{SCAN} group_by {{ keys {{ alias: "c" expression {{ column: "c" }} }} }} {COUNT} contribution_bounds {{ max_groups: 2 }}',
        f'{SCAN} group_by {{ keys {{ alias: "c" expression {{ column: "c" }} }} threshold_keys {{ }} }} {COUNT}',
        f'{SCAN} group_by {{ keys {{ alias: "c" expression {{ column: "c" }} }} threshold_keys {{ weight: 2 }} }} {COUNT}',
    ],
    "two keys": [
        f'{SCAN} group_by {{ keys {{ alias: "a" expression {{ column: "{one}" }} }} keys {{ alias: "b" expression {{ column: '
        f'"{two}" }} }} }} {COUNT}'
        for one, two in (("c", "b"), ("b", "c"), ("c", "c"))
    ],
}


@pytest.mark.parametrize("plans", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_different_questions_have_different_digests(plans: list[str]) -> None:
    distinct = list(dict.fromkeys(" ".join(plan.split()) for plan in plans))
    digests = {program(plan, MADE).digest for plan in distinct}
    assert len(digests) == len(distinct)


def test_every_amount_and_family_of_noise_is_in_the_digest() -> None:
    """A quantile in ε and one in ρ can have the very same scale: other noise, and a quarter of the price."""
    plan = f'{SCAN} measures {{ alias: "q" quantile {{ value {{ {X} }} level: 0.5 }} }}'
    by_scale: dict[float, Program] = {}
    met = 0
    for step in range(1, 300):
        pure = program(plan, MADE, epsilon(step * 10**10))
        by_scale[pure.draws[0].scale] = pure
    for step in range(1, 300):
        other = program(plan, MADE, rho(max(1, step * step * 10**20 // (8 * 10**12))))
        twin = by_scale.get(other.draws[0].scale)
        if twin is not None:
            met += 1
            assert twin.loss != other.loss
            assert twin.digest != other.digest
    assert met > 0


def essence(made: Program) -> tuple[Any, ...]:
    """What execution depends on, without names and prices of the plan's own making."""
    draws = tuple(
        (draw.kind, draw.vector, draw.scale, draw.threshold, draw.candidates, draw.level) for draw in made.draws
    )
    return made.bounding, draws, made.loss, made.domain, made.public_keys


def test_programs_with_one_digest_are_one_program() -> None:
    """Thousands of random plans, in each of their forms: equal digests mean equal draws, prices and exact vectors."""
    by_digest: dict[bytes, list[Program]] = {}
    for seed in range(6_000):
        plan = plausible(seed)
        for form in forms(plan):
            found = outcome(form)
            if isinstance(found, Program) and len(found.public_keys) <= 1_000:
                by_digest.setdefault(found.digest, []).append(found)
    shared = [programs for programs in by_digest.values() if len(programs) > 1]
    assert len(shared) > 15
    prepared = table(FUZZED, FUZZED_ROWS)
    for programs in shared:
        assert len({essence(each) for each in programs}) == 1
        vectors = [exact(each, prepared) for each in programs[:4]]
        assert all(one == other for one, other in itertools.pairwise(vectors))


def forms(plan: plan_pb2.Plan) -> list[plan_pb2.Plan]:
    """The plan, and the same question in other words: measures turned round, other aliases, keys listed backwards."""
    other = plan_pb2.Plan()
    other.CopyFrom(plan)
    del other.measures[:]
    other.measures.extend(reversed(plan.measures))
    for index, measure in enumerate(other.measures):
        measure.alias = f"other{index}"
    keys = list(other.group_by.public_keys.keys)
    if keys:
        del other.group_by.public_keys.keys[:]
        other.group_by.public_keys.keys.extend(reversed(keys))
    return [plan, other]


def test_a_free_repeat_answers_the_question_that_was_asked(scene: MeshScene) -> None:
    """On the wire: same question in other words is free, and its columns are under the names that were asked for."""
    rows = [{"x": i % 5, "c": "ab"[i % 2]} for i in range(400)]
    columns = {"x": {"type": "integer", "bounds": [0, 10]}, "c": {"type": "category", "values": ["a", "b"]}}
    scene.publish("worded", rows, columns)
    attacker = Attacker(scene)
    scan = 'source { scan { dataset: "datasets/worded" } }'
    two = 'measures { alias: "few" count { } } measures { alias: "many" sum { value { column: "x" } } }'
    turned = 'measures { alias: "many" sum { value { column: "x" } } } measures { alias: "few" count { } }'
    first = attacker.run(question(f"{scan} {two}"), rho(10**12))
    before = attacker.spent("worded")
    again = attacker.run(question(f"{scan} {turned}"), rho(10**12))
    assert again.code is grpc.StatusCode.OK, again.said
    assert again.query.origin == again.query.ORIGIN_REPEATED
    assert attacker.spent("worded") == before
    client = scene.connect()
    import sfumato as sf

    told = client.dataset("worded").agg(many=sf.sum("x"), few=sf.count()).run(rho=1.0).rows()[0]
    assert abs(told["few"] - 400) < 20
    assert abs(told["many"] - 800) < 200
    assert first.query.plan_digest == again.query.plan_digest
    attacker.close()
