# ruff: noqa: E501  (plans in the text form of protobuf)
"""Bad input: each a typed refusal with a field path and a hint, free, quick, and the next valid call works.

Nothing that is sent answers INTERNAL or UNKNOWN. What is above the message cap is refused by the transport.
"""

import random
import statistics
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from sfumato.v1 import function_pb2, payment_pb2, plan_pb2, query_service_pb2, question_pb2
from sfumato_embedded.identities import ISSUER
from tests.attacks.wire import (
    COUNT,
    HARMLESS,
    Attacker,
    Outcome,
    epsilon,
    methods,
    question,
    raw,
    rho,
    sql,
    varint,
    wrapped,
)
from tests.mesh_scene import MeshScene

COLUMNS = {
    "g": {"type": "category", "values": ["a", "b"]},
    "x": {"type": "integer", "bounds": [0, 10]},
    "r": {"type": "real", "bounds": [0, 30]},
    "e": {"type": "date", "bounds": ["2000-01-01", "2030-01-01"]},
}
SCAN = 'source { scan { dataset: "datasets/plain" } }'
SECONDS = 0.5
"""Of a refusal on a quiet call; the benchmark holds the precise number."""


@pytest.fixture(scope="module")
def attacker(scene: MeshScene) -> Attacker:
    rows = [{"g": "ab"[i % 2], "x": i % 10, "r": i / 7, "e": "2020-01-01"} for i in range(60)]
    scene.publish("plain", rows, COLUMNS)
    found = Attacker(scene)
    assert found.run(f"{SCAN} {COUNT}", rho(10**6)).code is grpc.StatusCode.OK
    return found


def hold(attacker: Attacker, outcome: Outcome, spent: list[int], *, path: bool = True) -> None:
    """What every refusal of bad input has in common."""
    assert outcome.code in HARMLESS, outcome.said
    assert outcome.refusal is not None, outcome.text
    assert outcome.refusal.metadata.get("hint"), outcome.said
    assert outcome.fields or not path, outcome.said
    assert outcome.seconds < SECONDS
    assert not outcome.messages
    assert attacker.spent("plain") == spent


def measure(kind: str) -> str:
    return f'{SCAN} measures {{ alias: "n" {kind} }}'


PAYMENTS = {
    "zero rho": rho(0),
    "negative rho": rho(-1),
    "least int64": rho(-(2**63)),
    "greatest int64": rho(2**63 - 1),
    "above 1000": rho(10**15 + 1),
    "negative delta": rho(10**10, -1),
    "delta of one": rho(10**10, 10**18),
    "zero epsilon": epsilon(0),
    "negative epsilon": epsilon(-5),
    "huge epsilon": epsilon(2**63 - 1),
    "epsilon with a delta below all": epsilon(10**12, -(2**63)),
    "epsilon too small for its delta": epsilon(1, 1),
    "nothing": payment_pb2.Payment(),
}


@pytest.mark.parametrize("payment", PAYMENTS.values(), ids=PAYMENTS.keys())
def test_losses(attacker: Attacker, payment: payment_pb2.Payment) -> None:
    before = attacker.spent("plain")
    hold(attacker, attacker.run(f"{SCAN} {COUNT}", payment), before)
    hold(attacker, attacker.quote(f"{SCAN} {COUNT}", payment), before)


def fixed64(number: int, value: float) -> bytes:
    """A double field as raw bytes."""
    import struct

    return varint(number << 3 | 1) + struct.pack("<d", value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -1.0, 1.0, 1e308, -5e-324], ids=repr)
def test_confidence_as_raw_bytes(attacker: Attacker, value: float) -> None:
    """The type lets any double through; NaN would pass every comparison that is written the wrong way round."""
    before = attacker.spent("plain")
    request = query_service_pb2.RunQueryRequest(
        question=question(f"{SCAN} {COUNT}"), payment=rho(10**9), request_id="5f0c7d0e-6f5b-4c57-9d43-0c8a3d0d4c11"
    )
    number = request.DESCRIPTOR.fields_by_name["confidence"].number
    body = request.SerializeToString() + fixed64(number, value)
    hold(attacker, raw(attacker.channel, "/sfumato.v1.QueryService/RunQuery", body, attacker.metadata), before)


@pytest.mark.parametrize("confidence", [5e-324, 1e-300, 0.5, 1 - 2**-53])
@pytest.mark.parametrize(
    "kind", ["count { }", 'mean { value { column: "r" } }', 'quantile { value { column: "x" } level: 1 }']
)
def test_odd_confidences_are_answered(attacker: Attacker, confidence: float, kind: str) -> None:
    for payment in (rho(10**7), epsilon(10**9), rho(10**3)):
        outcome = attacker.run(measure(kind), payment, confidence=confidence)
        assert outcome.code is grpc.StatusCode.OK, outcome.said


PLANS = {
    "unknown column": measure('sum { value { column: "y" } }'),
    "column with NUL": measure('count { value { column: "\\000" } }'),
    "category summed": measure('sum { value { column: "g" } }'),
    "wrong literal": measure(
        'count { value { call { function: FUNCTION_EQUAL arguments { column: "x" } arguments { literal { text: "a" } } } } }'
    ),
    "bounds reversed": measure('sum { value { column: "x" } bounds { lower: 3 upper: 1 } }'),
    "bounds equal": measure('sum { value { column: "x" } bounds { lower: 1 upper: 1 } }'),
    "bounds NaN": measure('sum { value { column: "x" } bounds { lower: nan upper: 1 } }'),
    "bounds infinite": measure('sum { value { column: "x" } bounds { lower: 0 upper: inf } }'),
    "bounds subnormal": measure('sum { value { column: "r" } bounds { lower: 0 upper: 5e-324 } }'),
    "bounds elsewhere": measure('sum { value { column: "x" } bounds { lower: 100 upper: 1e308 } }'),
    "level NaN": measure('quantile { value { column: "x" } level: nan }'),
    "level below": measure('quantile { value { column: "x" } level: -5e-324 }'),
    "level above": measure('quantile { value { column: "x" } level: 2 }'),
    "candidates falling": measure('quantile { value { column: "x" } level: 0.5 candidates: [3, 1] }'),
    "candidates equal": measure('quantile { value { column: "x" } level: 0.5 candidates: [1, 1] }'),
    "candidates NaN": measure('quantile { value { column: "x" } level: 0.5 candidates: [nan] }'),
    "candidates beyond": measure('quantile { value { column: "x" } level: 0.5 candidates: [1e308] }'),
    "candidates beyond the calendar": measure('quantile { value { column: "e" } level: 0.5 candidates: [-1e20, 0] }'),
    "one edge": measure('histogram { bins { bin { value { column: "x" } edges: [1] } } }'),
    "edges falling": measure('histogram { bins { bin { value { column: "x" } edges: [2, 1] } } }'),
    "no list of bins": measure('histogram { bins { column: "r" } }'),
    "alias with a dot": f'{SCAN} measures {{ alias: "n.x" count {{ }} }}',
    "alias twice": f"{SCAN} {COUNT} {COUNT}",
    "no measure": SCAN,
    "empty measure": f'{SCAN} measures {{ alias: "n" }}',
    "no source": COUNT,
    "empty filter": f'source {{ filter {{ input {{ scan {{ dataset: "datasets/plain" }} }} }} }} {COUNT}',
    "no key": f"{SCAN} group_by {{ }} {COUNT}",
    "empty key list": f'{SCAN} group_by {{ keys {{ alias: "g" expression {{ column: "g" }} }} public_keys {{ }} }} {COUNT}',
    "key too wide": f'{SCAN} group_by {{ keys {{ alias: "g" expression {{ column: "g" }} }} public_keys {{ keys {{ values '
    f'{{ text: "a" }} values {{ text: "b" }} }} }} }} {COUNT}',
    "unknown key": f'{SCAN} group_by {{ keys {{ alias: "g" expression {{ column: "g" }} }} public_keys {{ keys {{ values {{ '
    f'text: "z" }} }} }} }} {COUNT}',
    "real key": f'{SCAN} group_by {{ keys {{ alias: "r" expression {{ column: "r" }} }} }} {COUNT}',
    "threshold without delta": f'{SCAN} group_by {{ keys {{ alias: "g" expression {{ column: "g" }} }} threshold_keys {{ }} }} '
    f"{COUNT}",
    "no day": measure("count { value { literal { date { } } } }"),
    "instant beyond": measure("count { value { literal { timestamp { seconds: 9223372036854775807 nanos: -1 } } } }"),
    "real literal NaN": measure("sum { value { literal { real: nan } } }"),
    "too few arguments": measure('sum { value { call { function: FUNCTION_ADD arguments { column: "x" } } } }'),
    "no function": measure('sum { value { call { arguments { column: "x" } } } }'),
    "loosened bounds": f"{SCAN} {COUNT} contribution_bounds {{ max_rows_per_group: 2 }}",
    "integers beyond": measure(
        "sum { value { call { function: FUNCTION_MULTIPLY "
        + 'arguments { column: "x" } ' * 2
        + "arguments { literal { integer: 9223372036854775807 } } } } }"
    ),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_plans(attacker: Attacker, plan: str) -> None:
    before = attacker.spent("plain")
    hold(attacker, attacker.run(plan, rho(10**9)), before)


def nested(depth: int) -> str:
    return "call { function: FUNCTION_ABS arguments { " * depth + 'column: "x"' + " } }" * depth


def filtered(depth: int) -> str:
    predicate = 'predicate { call { function: FUNCTION_IS_NULL arguments { column: "x" } } }'
    return (
        "source { "
        + f"filter {{ {predicate} input {{ " * depth
        + 'scan { dataset: "datasets/plain" }'
        + " } }" * depth
        + f" }} {COUNT}"
    )


def test_depth_has_an_end_and_what_is_within_it_works(attacker: Attacker) -> None:
    assert attacker.run(measure(f"sum {{ value {{ {nested(15)} }} }}"), rho(10**6)).code is grpc.StatusCode.OK
    assert attacker.run(filtered(15), rho(10**6)).code is grpc.StatusCode.OK
    before = attacker.spent("plain")
    deeper = [measure(f"sum {{ value {{ {nested(depth)} }} }}") for depth in (16, 17, 40)]
    for plan in (*deeper, filtered(16), filtered(17), filtered(40)):
        outcome = attacker.run(plan, rho(10**6))
        hold(attacker, outcome, before)
        assert outcome.rule == "too_deep"


@pytest.mark.parametrize("depth", [100, 5_000])
def test_nesting_as_raw_bytes(attacker: Attacker, depth: int) -> None:
    """Calls within calls, deeper than parsers go: no recursion of ours, and none of theirs, ends the server."""
    before = attacker.spent("plain")
    plan = wrapped(wrapped(b"\x0a\x01x", [3, 2] * depth), [3, 4, 1])  # measures[0].sum.value = call(call(…))
    body = wrapped(wrapped(plan, [1]), [1])
    outcome = raw(attacker.channel, "/sfumato.v1.QueryService/QuoteQuery", body, attacker.metadata)
    hold(attacker, outcome, before, path=False)  # what does not parse has no path


def test_too_many_nodes(attacker: Attacker) -> None:
    before = attacker.spent("plain")
    wide = "call { function: FUNCTION_ADD " + 'arguments { column: "x" } ' * 60 + "}"
    parts = " ".join(f"arguments {{ {wide} }}" for _ in range(20))
    outcome = attacker.run(measure(f"sum {{ value {{ call {{ function: FUNCTION_ADD {parts} }} }} }}"), rho(10**6))
    hold(attacker, outcome, before)
    assert outcome.rule == "too_many_nodes"


def test_derived_columns_that_double_each_time_stay_small(attacker: Attacker) -> None:
    """y1 = x + x, y2 = y1 + y1, …: thirty levels would be a billion nodes."""
    before = attacker.spent("plain")
    plan = plan_pb2.Plan()
    relation = plan.source
    for level in range(14, 0, -1):
        last = "x" if level == 1 else f"y{level - 1}"
        named = relation.derive.columns.add(alias=f"y{level}")
        named.expression.call.function = function_pb2.FUNCTION_ADD
        for _ in range(2):
            named.expression.call.arguments.add().column = last
        relation = relation.derive.input
    relation.scan.dataset = "datasets/plain"
    plan.measures.add(alias="s").sum.value.column = "y14"
    hold(attacker, attacker.run(question_pb2.Question(plan=plan), rho(10**6)), before)


STATEMENTS = {
    "no aggregate": "SELECT x FROM plain",
    "a star": "SELECT * FROM plain",
    "mixed": "SELECT x, COUNT(*) FROM plain",
    "two statements": "SELECT COUNT(*) FROM plain; DROP TABLE plain",
    "another table": "SELECT COUNT(*) FROM plain, other",
    "a join": "SELECT COUNT(*) FROM plain JOIN plain AS p ON plain.x = p.x",
    "a union": "SELECT COUNT(*) FROM plain UNION ALL SELECT COUNT(*) FROM plain",
    "a subquery": "SELECT COUNT(*) FROM (SELECT * FROM plain)",
    "an order": "SELECT COUNT(*) FROM plain ORDER BY x",
    "a limit": "SELECT COUNT(*) FROM plain LIMIT 1",
    "a window": "SELECT COUNT(*) OVER () FROM plain",
    "an insert": "INSERT INTO plain VALUES (1)",
    "a function of nobody": "SELECT SUM(pg_sleep(x)) FROM plain",
    "random": "SELECT SUM(RANDOM()) FROM plain",
    "now": "SELECT COUNT(*) FROM plain WHERE e > NOW()",
    "no syntax": "SELECT COUNT(*) FROM plain WHERE g = 'abc",
    "a template": "{{ x }}",
    "parentheses": "SELECT COUNT(*) FROM plain WHERE " + "(" * 20_000 + "x > 1" + ")" * 20_000,
    "minuses": "SELECT COUNT(*) FROM plain WHERE x > " + "- " * 30_000 + "1",
    "nots": "SELECT COUNT(*) FROM plain WHERE " + "NOT " * 15_000 + "x > 1",
    "sums": "SELECT SUM(x" + "+x" * 30_000 + ") FROM plain",
    "comments": "SELECT COUNT(*) FROM plain " + "/*" * 30_000,
    "selects": "SELECT * FROM (" * 4_000,
    "a long number": "SELECT COUNT(*) FROM plain WHERE x > " + "9" * 5_000,
    "a great exponent": "SELECT COUNT(*) FROM plain WHERE x > 1e" + "9" * 400,
    "an infinity": "SELECT COUNT(*) FROM plain WHERE x > 1e999",
    "an unbound parameter": "SELECT COUNT(*) FROM plain WHERE x > :p",
    "nothing": "",
    "blanks": " " * 65_536,
    "longer than 64 KiB": "SELECT COUNT(*) FROM plain " + " " * 65_536,
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_sql(attacker: Attacker, statement: str) -> None:
    before = attacker.spent("plain")
    hold(attacker, attacker.run(sql(statement), rho(10**9)), before)


def test_ten_megabytes_of_blanks(attacker: Attacker) -> None:
    """The transport refuses what is above the cap; the SDK refuses first."""
    before = attacker.spent("plain")
    asked = query_service_pb2.QuoteQueryRequest(question=sql("SELECT COUNT(*) FROM plain" + " " * (10 << 20)))
    outcome = raw(attacker.channel, "/sfumato.v1.QueryService/QuoteQuery", asked.SerializeToString(), attacker.metadata)
    assert outcome.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert attacker.spent("plain") == before


def test_garbage_to_every_method(attacker: Attacker, scene: MeshScene) -> None:
    chance = random.Random(6)
    bodies = {
        "nothing": b"",
        "cut": b"\x0a\xff\xff\xff\x7f",
        "noise": chance.randbytes(200),
        "text that is none": b"\x0a\x02\xff\xfe",
        "deep": wrapped(b"\x0a\x01x", [1] * 5_000),
        "a group": b"\x0b" * 200,
        "a long number": b"\x08" + b"\xff" * 20,
    }
    found = methods(attacker.channel)
    assert len(found) > 40
    before = attacker.spent("plain")
    times = []
    for method in found:
        for subject in ("analyst", "admin"):
            metadata = scene.metadata(subject)
            for name, body in bodies.items():
                outcome = raw(attacker.channel, method, body, metadata)
                assert outcome.code in HARMLESS | {grpc.StatusCode.OK}, (method, name, outcome.said)
                assert outcome.refusal is not None or outcome.code is grpc.StatusCode.OK
                times.append(outcome.seconds)
    assert statistics.median(times) < 0.05
    assert attacker.spent("plain") == before


def test_reflection_with_garbage(attacker: Attacker) -> None:
    """Reflection's own service is grpc's; what does not parse is its client's fault, and said so."""
    stub = reflection_pb2_grpc.ServerReflectionStub(attacker.channel)
    [answer] = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest()]))
    assert answer.error_response.error_code
    call: Any = attacker.channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    answers = [reflection_pb2.ServerReflectionResponse.FromString(part) for part in call(iter([b"\xff" * 20]))]
    assert [each.error_response.error_code for each in answers] == [grpc.StatusCode.INVALID_ARGUMENT.value[0]]


def test_unknown_methods(attacker: Attacker) -> None:
    for method in (
        "/sfumato.v1.QueryService/Nothing",
        "/nothing.v1.Nothing/Nothing",
        "/sfumato_mesh.v1.AccountantService/ReserveQuery",
        "/sfumato_mesh.v1.ExecutorService/ReadRelease",
        "/sfumato_mesh.v1.CatalogService/ResolveUser",
    ):
        assert raw(attacker.channel, method, b"", attacker.metadata).code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.slow
def test_valid_requests_with_bytes_changed(attacker: Attacker) -> None:
    """A thousand mutations of a good request: refused, or answered as what they became."""
    chance = random.Random(7)
    plan = (
        f'{SCAN} group_by {{ keys {{ alias: "g" expression {{ column: "g" }} }} }} measures {{ alias: "n" count {{ }} }} '
        'measures { alias: "m" mean { value { call { function: FUNCTION_ROUND arguments { column: "r" } arguments { literal { '
        'integer: 2 } } } } bounds { lower: 0 upper: 4 } } } measures { alias: "q" quantile { value { column: "x" } level: 0.5 } }'
    )
    request = query_service_pb2.QuoteQueryRequest(question=question(plan), payment=rho(10**6, 10**3), confidence=0.9)
    good = request.SerializeToString()
    answered = 0
    for _ in range(1_000):
        body = bytearray(good)
        for _ in range(chance.randint(1, 2)):
            place = chance.randrange(len(body))
            pick = chance.randrange(3)
            if pick == 0:
                body[place] = chance.randrange(256)
            elif pick == 1:
                body[place] ^= 1 << chance.randrange(8)
            else:
                del body[place : place + chance.randint(1, 3)]
        outcome = raw(attacker.channel, "/sfumato.v1.QueryService/QuoteQuery", bytes(body), attacker.metadata)
        assert outcome.code in HARMLESS | {grpc.StatusCode.OK}, (outcome.said, bytes(body).hex())
        answered += outcome.code is grpc.StatusCode.OK
    assert 0 < answered < 900


def test_an_unknown_dataset_and_a_forbidden_one_are_the_same_answer(attacker: Attacker, scene: MeshScene) -> None:
    """Same status, reason, text, fields and class of time, for every form of the question."""
    scene.publish("forbidden", [{"x": 1}] * 5, {"x": {"type": "integer", "bounds": [0, 3]}})
    roles = [{"role": "analyst", "resource": "datasets/plain"}]
    scene.apply({"kind": "User", "name": "narrow", "issuer": ISSUER, "subject": "narrow", "roles": roles})
    narrow = Attacker(scene, "narrow")
    forms: dict[str, Callable[[str], question_pb2.Question]] = {
        "plan": lambda name: question(f'source {{ scan {{ dataset: "datasets/{name}" }} }} {COUNT}'),
        "sql": lambda name: sql(f"SELECT COUNT(*) AS n FROM {name}"),
        "bad plan": lambda name: question(
            f'source {{ scan {{ dataset: "datasets/{name}" }} }} measures {{ alias: "n" sum {{ value {{ column: "q" }} }} }}'
        ),
    }
    for form, ask in forms.items():
        said, medians = [], []
        for name in ("forbidden", "unheardof"):
            found = [narrow.run(ask(name), rho(10**6)) for _ in range(7)]
            assert {each.reason for each in found} == {"ACCESS_DENIED"}, (form, found[0].said)
            said.append(found[0].said.replace(name, "it"))
            medians.append(statistics.median(each.seconds for each in found))
        assert said[0] == said[1]
        assert abs(medians[0] - medians[1]) < 0.05
    narrow.close()


def test_after_all_of_it_a_valid_call_works(attacker: Attacker) -> None:
    before = attacker.spent("plain")
    outcome = attacker.run(f"{SCAN} {COUNT}", rho(10**6), fresh=True)
    assert outcome.code is grpc.StatusCode.OK, outcome.said
    assert [a - b for a, b in zip(before, attacker.spent("plain"), strict=True)] == [10**6] * 2
