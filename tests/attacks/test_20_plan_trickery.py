# ruff: noqa: E501  (plans in the text form of protobuf)
"""Row 20, attack: a plan that reads something else: a file, another table, a plugin, a library's own scan.

The server builds the scan. A plan names one dataset of the catalogue and columns of its schema; a path is no dataset,
and the column that names the privacy unit is no column.
"""

from typing import Any

import grpc
import pytest

from tests.attacks.wire import COUNT, Attacker, Outcome, rho, sql
from tests.mesh_scene import MeshScene

COLUMNS = {
    "person": {"type": "text"},
    "x": {"type": "integer", "bounds": [0, 10]},
    "c": {"type": "category", "values": ["a", "b"]},
}


@pytest.fixture(scope="module")
def attacker(scene: MeshScene) -> Attacker:
    rows = [{"person": f"p{i}", "x": i % 10, "c": "ab"[i % 2]} for i in range(60)]
    scene.publish("tricked", rows, COLUMNS, unit={"column": "person", "max_groups": 1, "max_rows_per_group": 1})
    return Attacker(scene)


def refused(attacker: Attacker, outcome: Outcome, spent: list[int]) -> None:
    assert outcome.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED), outcome.said
    assert outcome.reason in ("REQUEST_INVALID", "PLAN_REJECTED", "SQL_REJECTED", "ACCESS_DENIED")
    assert "root:" not in outcome.said
    assert attacker.spent("tricked") == spent


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "datasets/../tricked",
        "datasets/tricked/../other",
        "datasets/tricked/versions/1",
        "datasets/tricked.csv",
        "datasets/TRICKED",
        "s3://bucket/key",
        "datasets/",
        "populations/tricked",
        "datasets/tricked\\n",
        "datasets/-",
        "datasets/other",
    ],
)
def test_a_scan_reads_a_dataset_of_the_catalogue(attacker: Attacker, name: str) -> None:
    before = attacker.spent("tricked")
    refused(attacker, attacker.run(f'source {{ scan {{ dataset: "{name}" }} }} {COUNT}', rho(10**9)), before)


@pytest.mark.parametrize(
    "column",
    ["../../etc/passwd", "v:x", "unit", "exact", "hash", "first", "code", "cell", "*", "^.*$", "x\\000", "X", " x", "draw_0",
     "value:0", "__index_level_0__"],
)  # fmt: skip
def test_a_column_is_one_of_the_schema_and_no_stored_name(attacker: Attacker, column: str) -> None:
    """Prepared files hold columns of their own; Polars reads ^…$ as a pattern."""
    before = attacker.spent("tricked")
    plan = f'source {{ scan {{ dataset: "datasets/tricked" }} }} measures {{ alias: "s" sum {{ value {{ column: "{column}" }} }} }}'
    outcome = attacker.run(plan, rho(10**9))
    refused(attacker, outcome, before)
    assert outcome.rule == "unknown_column"


UNIT = {
    "itself": 'column: "person"',
    "its length": 'call { function: FUNCTION_LENGTH arguments { column: "person" } }',
    "cast": 'cast { value { column: "person" } type: DATA_TYPE_INTEGER }',
    "in a case": 'case_when { branches { condition { call { function: FUNCTION_EQUAL arguments { column: "person" } arguments { '
    'literal { text: "p1" } } } } value { literal { integer: 1 } } } otherwise { literal { integer: 0 } } }',
    "whether null": 'call { function: FUNCTION_IS_NULL arguments { column: "person" } }',
    "in a list": 'in_list { value { column: "person" } items { text: "p1" } }',
    "in a coalesce": 'call { function: FUNCTION_COALESCE arguments { column: "person" } arguments { literal { text: "" } } }',
}


@pytest.mark.parametrize("expression", UNIT.values(), ids=UNIT.keys())
@pytest.mark.parametrize("place", ["measure", "filter", "key", "derived"])
def test_the_unit_cannot_be_asked_about_in_any_disguise(attacker: Attacker, expression: str, place: str) -> None:
    before = attacker.spent("tricked")
    scan = 'scan { dataset: "datasets/tricked" }'
    plan = {
        "measure": f'source {{ {scan} }} measures {{ alias: "n" count {{ value {{ {expression} }} }} }}',
        "filter": f"source {{ filter {{ input {{ {scan} }} predicate {{ {expression} }} }} }} {COUNT}",
        "key": f'source {{ {scan} }} group_by {{ keys {{ alias: "k" expression {{ {expression} }} }} threshold_keys {{ }} }} '
        + COUNT,
        "derived": f'source {{ derive {{ input {{ {scan} }} columns {{ alias: "y" expression {{ {expression} }} }} }} }} {COUNT}',
    }[place]
    outcome = attacker.run(plan, rho(10**9, 10**9))
    refused(attacker, outcome, before)
    assert outcome.rule == "unit_column"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT COUNT(*) FROM '/etc/passwd'",
        "SELECT COUNT(*) FROM read_csv('/etc/passwd')",
        "SELECT COUNT(*) FROM parquet_scan('s3://x/y')",
        'SELECT COUNT(*) FROM "../tricked"',
        "SELECT COUNT(*) FROM information_schema.tables",
        "SELECT COUNT(*) FROM sqlite_master",
        "SELECT COUNT(*) FROM tricked AS OF TIMESTAMP '2020-01-01'",
        "SELECT COUNT(*) FROM tricked, other",
        "SELECT COUNT(*) FROM (SELECT * FROM other)",
        "SELECT COUNT(*) FROM tricked UNION SELECT COUNT(*) FROM other",
        "SELECT COUNT(*) FROM tricked WHERE x IN (SELECT x FROM other)",
        "WITH t AS (SELECT * FROM other) SELECT COUNT(*) FROM t",
        "SELECT SUM(load_extension('x')) FROM tricked",
        "SELECT COUNT(DISTINCT x) FROM tricked",
        "SELECT MAX(person) FROM tricked",
        "COPY tricked TO '/tmp/x'",
        "ATTACH DATABASE '/tmp/x' AS y",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "CALL pg_read_file('/etc/passwd')",
    ],
)
def test_sql_reads_the_one_table_and_nothing_else(attacker: Attacker, statement: str) -> None:
    before = attacker.spent("tricked")
    refused(attacker, attacker.run(sql(statement), rho(10**9)), before)
    refused(attacker, attacker.run(sql(statement, "datasets/tricked"), rho(10**9)), before)


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "a/../../secret.csv", "link.csv"])
def test_even_a_custodian_reads_no_file_outside_the_data_folder(scene: MeshScene, path: str) -> None:
    """The source of a dataset is under the folder that the operator gave; a link out of it is not followed."""
    (scene.folder.root / "secret.csv").write_text("x\n1\n")
    link = scene.folder.data / "link.csv"
    if not link.is_symlink():
        link.symlink_to(scene.folder.root / "secret.csv")
    name = f"outside-{abs(hash(path)) % 10**6}"
    documents: list[dict[str, Any]] = [
        {"kind": "Population", "name": name, "unit": "row"},
        {
            "kind": "Dataset",
            "name": name,
            "population": name,
            "source": {"path": path},
            "unit": "row",
            "columns": {"x": {"type": "integer", "bounds": [0, 3]}},
        },
    ]

    def register_and_publish() -> None:
        scene.apply(*documents)
        scene.admin("publish", name)

    with pytest.raises(AssertionError, match="exit status"):
        register_and_publish()
