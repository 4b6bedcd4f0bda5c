"""Not in the list, attack: one number asked for in many forms, to average its noise away.

A wide question holds the answers of many narrow ones. An analyst who asks for a table and for its parts must see one
noise: whatever is free shows nothing new.
"""

import itertools

from tests.attacks.wire import Attacker, question, rho
from tests.mesh_scene import MeshScene

ROWS = [{"ward": "abc"[i % 3], "sex": "fm"[i % 2], "x": i % 10} for i in range(600)]
COLUMNS = {
    "ward": {"type": "category", "values": ["a", "b", "c"]},
    "sex": {"type": "category", "values": ["f", "m"]},
    "x": {"type": "integer", "bounds": [0, 9]},
}
IN_A = 'call { function: FUNCTION_EQUAL arguments { column: "ward" } arguments { literal { text: "a" } } }'
NOT_B_OR_C = (
    'call { function: FUNCTION_NOT arguments { in_list { value { column: "ward" } '
    'items { text: "c" } items { text: "b" } } } }'
)
COUNT = 'measures { alias: "n" count { } }'
SUM = 'measures { alias: "s" sum { value { column: "x" } } }'


def plan(dataset: str, keys: tuple[str, ...], predicate: str, measures: str) -> str:
    scan = f'scan {{ dataset: "datasets/{dataset}" }}'
    source = f"filter {{ input {{ {scan} }} predicate {{ {predicate} }} }}" if predicate else scan
    grouped = " ".join(f'keys {{ alias: "{key}" expression {{ column: "{key}" }} }}' for key in keys)
    return f"source {{ {source} }} {f'group_by {{ {grouped} }}' if keys else ''} {measures}"


def test_every_form_of_a_part_shows_the_same_noise(scene: MeshScene) -> None:
    scene.publish("averaged", ROWS, COLUMNS)
    attacker = Attacker(scene)
    whole = attacker.run(question(plan("averaged", ("ward", "sex"), "", COUNT + SUM)), rho(10**11))
    before = attacker.spent("averaged")
    forms = [
        (keys, predicate, measures, picos)
        for keys, predicate, measures, picos in itertools.product(
            ((), ("sex",), ("ward",), ("sex", "ward")),
            (IN_A, NOT_B_OR_C),
            (COUNT, COUNT + SUM, SUM + COUNT),
            (10**9, 10**9 + 1),
        )
    ]
    seen: set[int] = set()
    client = scene.connect()
    for keys, predicate, measures, picos in forms:
        answered = attacker.run(question(plan("averaged", keys, predicate, measures)), rho(picos))
        query = answered.query
        assert query.origin == query.ORIGIN_DERIVED, answered.said
        assert query.receipt.statement.release_query == whole.query.name
        seen.add(sum(client.query(query.name).answer().columns["n"]))
    assert len(seen) == 1
    assert attacker.spent("averaged") == before
    attacker.close()
