"""From a plan to an answer on prepared tables: exact integers as plain counting finds them, releases, dummies."""

import datetime as dt
import math
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import json_format

from sfumato.v1 import dataset_pb2, payment_pb2, plan_pb2, population_pb2
from sfumato_executor.engines.native import keys as native_keys
from sfumato_executor.engines.native.dummy import ROWS_MAX, dummy_noise, dummy_table
from sfumato_executor.engines.native.engine import ForeignTableError, exact_vectors, execute, render
from sfumato_executor.engines.native.seeded_noise import SeededNoise
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import Program
from sfumato_executor.preparation.preparing import prepare
from sfumato_executor.preparation.table import PreparedTable

SCHEMA = {
    "columns": [
        {"name": "who", "text": {}, "nullable": True},
        {"name": "kind", "category": {"values": ["b", "a", "c"]}, "nullable": True},
        {
            "name": "day",
            "date": {"lower": {"year": 2013, "month": 1, "day": 1}, "upper": {"year": 2013, "month": 3, "day": 31}},
        },
        {"name": "at", "timestamp": {"lower": "2013-01-01T00:00:00Z", "upper": "2014-01-01T00:00:00Z"}},
        {"name": "small", "integer": {"lower": "-2", "upper": "2"}, "nullable": True},
        {"name": "wide", "integer": {"lower": "-1000000000", "upper": "1000000000"}},
        {"name": "mass", "real": {"lower": 0.0, "upper": 100.0}, "nullable": True},
        {"name": "note", "text": {}},
        {"name": "yes", "boolean": {}},
    ]
}
RICH = {"rho": {"rhoPicos": "100000000000000"}}


def dataset(unit: dict[str, Any] | None = None) -> dataset_pb2.Dataset:
    made = {"name": "datasets/d", "schema": SCHEMA, **({"privacyUnit": {"column": "who", **unit}} if unit else {})}
    return json_format.ParseDict(made, dataset_pb2.Dataset())


def program(
    measures: list[dict[str, Any]], made: dataset_pb2.Dataset, *, pay: dict[str, Any] = RICH, **plan: Any
) -> Program:
    source: dict[str, Any] = {"scan": {"dataset": "datasets/d"}}
    if "where" in plan:
        source = {"filter": {"input": source, "predicate": plan.pop("where")}}
    body = {"source": source, "measures": measures, **plan}
    parsed = json_format.ParseDict(body, plan_pb2.Plan())
    payment = json_format.ParseDict(pay, payment_pb2.Payment())
    return compile_plan(parsed, payment, made, population_pb2.ACCOUNTING_ZCDP)


def grouped(*columns: str, **more: Any) -> dict[str, Any]:
    return {"keys": [{"alias": f"k{i}", "expression": {"column": name}} for i, name in enumerate(columns)], **more}


def raw(count: int = 400) -> dict[str, list[Any]]:
    random = np.random.default_rng(3)

    def some(values: list[Any]) -> list[Any]:
        return [values[i] for i in random.integers(0, len(values), count)]

    start = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
    return {
        "who": some([None, *(f"p{i}" for i in range(60))]),
        "kind": some(["a", "b", "c", None]),
        "day": some([dt.date(2013, 1, 1), dt.date(2013, 2, 14), dt.date(2013, 3, 31)]),
        "at": some([start, start + dt.timedelta(days=40, microseconds=7)]),
        "small": some([-2, 0, 1, 2, None]),
        "wide": some([-(10**9), 0, 5, 10**9]),
        "mass": some([0.0, 12.25, 50.0, 99.75, 100.0, None]),
        "note": some(["x", "y", "é", ""]),
        "yes": some([True, False]),
    }


@pytest.fixture
def table(tmp_path: Path) -> PreparedTable:
    prepare(dataset(), [pa.record_batch(raw())], tmp_path / "rows")
    return PreparedTable.open(tmp_path / "rows")


COUNT = {"alias": "n", "count": {}}


@pytest.mark.parametrize(
    "columns",
    [["kind"], ["note"], ["small"], ["wide"], ["day"], ["at"], ["yes"], ["kind", "yes"], ["note", "small", "day"]],
    ids="-".join,
)
def test_counts_by_every_kind_of_key(table: PreparedTable, columns: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = raw()
    literal = {"note": "text", "wide": "integer", "day": "date", "at": "timestamp", "small": "integer"}
    counted = Counter(zip(*(seen[name] for name in columns), strict=True))
    by = grouped(*columns)
    if {"note", "wide", "at"} & set(columns):
        listed = [key for key in list(counted)[:7] if None not in key]
        by["publicKeys"] = {
            "keys": [{"values": [_literal(literal[n], v) for n, v in zip(columns, key, strict=True)]} for key in listed]
        }
    for cells in (1 << 20, 2):  # with and without narrowing of codes
        monkeypatch.setattr(native_keys, "_CELLS", cells)
        asked = program([COUNT], dataset(), groupBy=by)
        exact = exact_vectors(asked, table)
        assert list(exact.keys) == list(asked.public_keys)
        found = {
            tuple(_shown(v, n) for n, v in zip(columns, key, strict=True)): int(c)
            for key, c in zip(exact.keys, exact.vectors[0], strict=True)
        }
        assert found == {key: counted[key] for key in found}
        if "publicKeys" not in by:
            assert sum(found.values()) == 400


def _literal(kind: str, value: Any) -> dict[str, Any]:
    if kind == "date":
        return {"date": {"year": value.year, "month": value.month, "day": value.day}}
    if kind == "timestamp":
        return {"timestamp": value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    return {kind: str(value) if kind == "integer" else value}


def _shown(value: Any, column: str) -> Any:
    if column == "day" and value is not None:
        return dt.date(1970, 1, 1) + dt.timedelta(days=value)
    if column == "at":
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=value)
    return value


def test_sums_means_and_bins_are_exact(table: PreparedTable) -> None:
    seen = raw()
    bins = {"bin": {"value": {"column": "mass"}, "edges": [0, 12.25, 50, 100]}}
    measures = [
        {"alias": "s", "sum": {"value": {"column": "wide"}}},
        {"alias": "m", "mean": {"value": {"column": "mass"}}},
        {"alias": "cut", "sum": {"value": {"column": "mass"}, "bounds": {"lower": 10.0, "upper": 60.0}}},
        {"alias": "h", "histogram": {"bins": bins}},
        {"alias": "q", "quantile": {"value": {"column": "small"}, "level": 0.5}},
    ]
    where = {"call": {"function": "FUNCTION_NOT", "arguments": [{"column": "yes"}]}}
    asked = program(measures, dataset(), where=where, groupBy=grouped("kind"))
    exact = exact_vectors(asked, table)
    rows: dict[Any, list[tuple[Any, Any]]] = defaultdict(list)
    for kind, wide, mass, yes in zip(seen["kind"], seen["wide"], seen["mass"], seen["yes"], strict=True):
        if not yes:
            rows[kind,].append((wide, mass))
    for place, key in enumerate(exact.keys):
        masses = [mass for _, mass in rows[key] if mass is not None]
        for output in asked.outputs:
            draw = asked.draws[output.draws[0]]
            vector, found = asked.vectors[draw.vector], exact.vectors[draw.vector][place]
            if output.alias == "s":
                assert found == sum(round(wide / vector.step) for wide, _ in rows[key])
            elif output.alias == "m":
                centred = sum(round((mass - vector.offset) / vector.step) for mass in masses)
                assert found == centred
                assert exact.vectors[asked.draws[output.draws[1]].vector][place] == len(masses)
            elif output.alias == "cut":
                assert found * vector.step == pytest.approx(
                    sum(min(max(m, 10.0), 60.0) for m in masses), abs=vector.step * 200
                )
                assert min(max(0.0, 10.0), 60.0) / vector.step <= vector.high
            elif output.alias == "h":
                wanted = [
                    sum(m < 12.25 for m in masses),
                    sum(12.25 <= m < 50 for m in masses),
                    sum(m >= 50 for m in masses),
                ]
                assert found.tolist() == wanted


def test_partitions_add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows in one partition and in many give the same integers where nothing is cut off."""
    from sfumato_executor.preparation import preparing
    from sfumato_executor.preparation.spilling import RowSpool

    made = dataset({"maxGroups": 9, "maxRowsPerGroup": 900})
    measures = [COUNT, {"alias": "u", "countUnits": {}}, {"alias": "m", "mean": {"value": {"column": "mass"}}}]
    asked = program(measures, made, groupBy=grouped("kind"))
    found = []
    for name, held in (("one", 10_000), ("many", 50)):
        monkeypatch.setattr(
            preparing, "RowSpool", lambda folder, held=held: RowSpool(folder, held_rows=held, group_rows=60)
        )
        prepare(made, [pa.record_batch(raw()).slice(i, 100) for i in range(0, 400, 100)], tmp_path / name)
        opened = PreparedTable.open(tmp_path / name)
        assert (len(opened.sources) > 1) == (name == "many")
        found.append([vector.tolist() for vector in exact_vectors(asked, opened).vectors])
    assert found[0] == found[1]


def test_threshold_releases_only_what_many_have(tmp_path: Path) -> None:
    made = dataset({"maxGroups": 1})
    rows = raw(3_000)
    rows["who"] = [f"p{i}" for i in range(3_000)]
    rows["note"] = ["common"] * 1_500 + ["also"] * 1_499 + ["singleton"]
    prepare(made, [pa.record_batch(rows)], tmp_path / "v")
    pay = {"rho": {"rhoPicos": "500000000000", "deltaAttos": "1000000000000"}}
    measures = [COUNT, {"alias": "m", "mean": {"value": {"column": "mass"}}}]
    asked = program(measures, made, pay=pay, groupBy=grouped("note", thresholdKeys={}))
    table = PreparedTable.open(tmp_path / "v")
    assert [key for (key,) in exact_vectors(asked, table).keys] == ["also", "common", "singleton"]
    answer = render(asked, execute(asked, table), 0.95).to_pydict()
    assert answer["k0"] == ["also", "common"]
    assert all(abs(n - 1_500) < 100 for n in answer["n"])


def test_rendered_intervals_hold_the_exact_answer(table: PreparedTable) -> None:
    pay = {"rho": {"rhoPicos": "50000000000"}}
    measures = [
        COUNT,
        {"alias": "s", "sum": {"value": {"column": "small"}}},
        {"alias": "m", "mean": {"value": {"column": "mass"}}},
    ]
    asked = program(measures, dataset(), pay=pay)
    seen = raw()
    masses = [mass for mass in seen["mass"] if mass is not None]
    truth = {"n": 400, "s": sum(v for v in seen["small"] if v is not None), "m": sum(masses) / len(masses)}
    inside: Counter[str] = Counter()
    for _ in range(300):
        row = render(asked, execute(asked, table), 0.9).to_pylist()[0]
        inside.update(name for name, value in truth.items() if row[f"{name}.lower"] <= value <= row[f"{name}.upper"])
    # 300 tries at 0.9: 270 expected, deviation 5.2; six deviations below is beyond 1e-6.
    assert all(inside[name] >= 239 for name in truth)


def test_quantiles_keep_their_type(table: PreparedTable) -> None:
    names = ("small", "mass", "day", "at")
    measures = [
        {"alias": name, "quantile": {"value": {"column": name}, "level": 1.0, "candidateCount": 5}} for name in names
    ]
    release = execute(program(measures, dataset()), table)
    row = render(program(measures, dataset()), release, 0.95).to_pylist()[0]
    assert row["small"] in range(-2, 3)
    assert row["mass"] in (0.0, 25.0, 50.0, 75.0, 100.0)
    assert isinstance(row["day"], dt.date)
    assert isinstance(row["at"], dt.datetime)
    assert row["mass.lower"] is None


def test_release_is_integers_and_keys_only(table: PreparedTable) -> None:
    bins = {"column": "yes"}
    asked = program([COUNT, {"alias": "h", "histogram": {"bins": bins}}], dataset(), groupBy=grouped("kind"))
    release = execute(asked, table)
    assert release.schema.field("k0").type == pa.string()
    assert release.column("k0").to_pylist() == ["a", "b", "c", None]
    types = {release.schema.field(f"draw_{index}").type for index in range(len(asked.draws))}
    assert types == {pa.int64(), pa.list_(pa.int64(), 2)}


def test_foreign_tables_are_refused(table: PreparedTable, tmp_path: Path) -> None:
    """A program proved for one schema never runs on data prepared under another."""
    asked = program([{"alias": "s", "sum": {"value": {"column": "mass"}}}], dataset(), groupBy=grouped("kind"))
    exact_vectors(asked, table)
    narrower, renamed, strict = dataset(), dataset(), dataset()
    narrower.schema.columns[6].real.upper = 99.0
    renamed.schema.columns[1].category.values[0] = "z"
    strict.schema.columns[6].nullable = False
    for other in (narrower, renamed, strict):
        foreign = program([{"alias": "s", "sum": {"value": {"column": "mass"}}}], other, groupBy=grouped("kind"))
        with pytest.raises(ForeignTableError):
            exact_vectors(foreign, table)
    made = dataset({"maxGroups": 1})
    prepare(made, [pa.record_batch(raw())], tmp_path / "units")
    by_unit = PreparedTable.open(tmp_path / "units")
    for wrong_program, wrong_table in ((asked, by_unit), (program([COUNT], made), table)):
        with pytest.raises(ForeignTableError):
            execute(wrong_program, wrong_table)


def test_dummy_is_seeded_shaped_and_apart_from_data() -> None:
    made = dataset({"maxGroups": 2, "maxRowsPerGroup": 3})
    made.schema.columns[6].dummy_null_share = 0.5
    asked = program([COUNT, {"alias": "m", "mean": {"value": {"column": "mass"}}}], made, groupBy=grouped("kind"))
    answers = [
        render(asked, execute(asked, dummy_table(made, 5_000, seed), noise=dummy_noise(seed)), 0.95)
        for seed in (7, 7, 8)
    ]
    assert answers[0].equals(answers[1])
    assert not answers[0].equals(answers[2])
    (part,) = dummy_table(made, 5_000, 7).partitions()
    assert part.rows.height == 5_000
    assert 300 < part.rows["unit"].n_unique() < 900
    assert 0.45 < part.rows["v:mass"].null_count() / 5_000 < 0.55
    assert min(part.rows["v:day"].to_list()) >= 15_706


@pytest.mark.parametrize("rows", [0, 1, 200_000])
def test_dummy_of_any_size(rows: int) -> None:
    made = dataset({"maxRows": 3})
    asked = program([COUNT, {"alias": "u", "countUnits": {}}], made)
    (count,) = exact_vectors(asked, dummy_table(made, rows, 1)).vectors[0].tolist()
    assert 0 <= count <= rows
    assert execute(asked, dummy_table(made, rows, 1), noise=dummy_noise(1)).num_rows == 1


def test_dummy_limits_and_seeds_never_meet_data(table: PreparedTable) -> None:
    with pytest.raises(ValueError, match="made-up"):
        dummy_table(dataset(), ROWS_MAX + 1, 1)
    with pytest.raises(ValueError, match="made-up"):
        execute(program([COUNT], dataset()), table, noise=SeededNoise(1))


def test_sum_beyond_doubles_is_added_as_integers(tmp_path: Path) -> None:
    """Where whole doubles could round, Int64 adds: 3 · (2^53 + 1) is no double."""
    made = dataset()
    made.schema.max_rows = 16
    asked = program([{"alias": "s", "sum": {"value": {"column": "wide"}}}], made)
    vector = asked.vectors[0]
    scaled = replace(vector, step=2.0**-24, low=-(2**54), high=2**54)
    rows = {**raw(3), "wide": [2**29 - 1, 2**29 - 1, 2**29 - 1]}
    prepare(made, [pa.record_batch(rows)], tmp_path / "v")
    found = exact_vectors(replace(asked, vectors=(scaled,)), PreparedTable.open(tmp_path / "v")).vectors[0][0]
    assert found == 3 * (2**29 - 1) * 2**24
    assert math.log2(float(found)) > 53
