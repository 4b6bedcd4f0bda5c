"""Wider and narrower questions about one small table, written in SQL."""

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from google.protobuf import text_format

from sfumato.v1 import charge_pb2, dataset_pb2, payment_pb2, population_pb2
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import Program
from sfumato_executor.preparation.preparing import prepare
from sfumato_executor.preparation.table import PreparedTable
from sfumato_gateway.sql.select import translate

SCHEMA = """
    columns { name: "who" text { } }
    columns { name: "ward" nullable: true category { values: ["east", "north", "south"] } }
    columns { name: "sex" category { values: ["f", "m"] } }
    columns { name: "year" integer { lower: 2007 upper: 2010 } }
    columns { name: "town" text { } }
    columns { name: "ill" nullable: true boolean { } }
    columns { name: "days" nullable: true integer { lower: 0 upper: 60 } }
    columns { name: "mass" real { lower: -5 upper: 100 } }
    max_rows: 100000
"""
UNITS = {
    "row": "",
    "one group": 'column: "who" max_groups: 1 max_rows_per_group: 2',
    "many groups": 'column: "who" max_groups: 40 max_rows_per_group: 3',
    "rows in all": 'column: "who" max_rows: 4',
    "groups and rows": 'column: "who" max_groups: 4 max_rows: 12',
}


def dataset(unit: str) -> dataset_pb2.Dataset:
    """The dataset under one of UNITS."""
    text = f'name: "datasets/d" privacy_unit {{ {UNITS[unit]} }} schema {{ {SCHEMA} }}'
    return text_format.Parse(text, dataset_pb2.Dataset())


def rho(picos: int) -> payment_pb2.Payment:
    """A payment in ρ."""
    return payment_pb2.Payment(rho=charge_pb2.RhoDelta(rho_picos=picos))


def with_delta(payment: payment_pb2.Payment) -> payment_pb2.Payment:
    """A payment in ρ, with δ = 10^-6 for keys."""
    payment.rho.delta_attos = 10**12
    return payment


def epsilon(picos: int) -> payment_pb2.Payment:
    """A payment in pure ε."""
    return payment_pb2.Payment(epsilon=charge_pb2.EpsilonDelta(epsilon_picos=picos))


def compiled(statement: str, unit: str = "row", payment: payment_pb2.Payment | None = None) -> Program:
    """A statement as a program; it pays ρ = 0.1 unless a payment is given."""
    plan = translate(statement, {}, "datasets/d").plan
    return compile_plan(plan, payment or rho(10**11), dataset(unit), population_pb2.ACCOUNTING_ZCDP)


def prepared(unit: str, chance: random.Random, folder: Path) -> PreparedTable:
    """A table of some dozens of rows, in which units meet several keys, with more rows than bounds allow."""
    count = chance.randint(0, 90)
    rows = {
        "who": [f"u{chance.randint(0, 8)}" for _ in range(count)],
        "ward": [chance.choice(["east", "north", "south", None]) for _ in range(count)],
        "sex": [chance.choice("fm") for _ in range(count)],
        "year": [chance.randint(2007, 2010) for _ in range(count)],
        "town": [chance.choice("abc") for _ in range(count)],
        "ill": [chance.choice([True, False, None]) for _ in range(count)],
        "days": [chance.choice([None, *range(0, 61, 7)]) for _ in range(count)],
        "mass": [chance.randint(-20, 400) / 4 for _ in range(count)],
    }
    types = {"year": pa.int64(), "days": pa.int64(), "mass": pa.float64(), "ill": pa.bool_()}
    columns = {name: pa.array(values, types.get(name, pa.string())) for name, values in rows.items()}
    prepare(dataset(unit), [pa.record_batch(columns)], folder)
    return PreparedTable.open(folder)


KEYS = ("ward", "sex", "year", "ill", "town")
TESTS = (
    "ward = 'east'",
    "ward IN ('north', 'south')",
    "ward <> 'east'",
    "ward IS NULL",
    "ward IS NOT NULL",
    "NOT ward = 'north'",
    "sex = 'f'",
    "year BETWEEN 2008 AND 2009",
    "year < 2009",
    "ill",
    "NOT ill",
    "ill IS NULL",
    "ward = 'east' OR sex = 'm'",
    "town = 'a'",
    "town IN ('a', 'b')",
)
"""Filters that can be tests of keys."""
OTHERS = ("mass > 20", "days >= 7", "days IS NOT NULL", "mass > 20 OR sex = 'f'")
MEASURES = (
    "COUNT(*)",
    "COUNT(days)",
    "COUNT(ward)",
    "SUM(days)",
    "AVG(days)",
    "SUM(mass)",
    "AVG(mass)",
    "COUNT_UNITS()",
    "MEDIAN(mass)",
)


def statement(keys: list[str], tests: list[str], measures: list[str]) -> str:
    """SQL of one question."""
    named = [f"{measure} AS m{index}" for index, measure in enumerate(measures)]
    where = f" WHERE {' AND '.join(f'({test})' for test in tests)}" if tests else ""
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {', '.join([*keys, *named])} FROM d{where}{group}"


def pairs(seed: int) -> Iterator[tuple[str, str]]:
    """A base and questions of which many are narrower, and many are not quite."""
    chance = random.Random(seed)
    keys = chance.sample(KEYS[:4], chance.randint(1, 3))
    tests = chance.sample((*TESTS, *OTHERS), chance.choice([0, 0, 1, 2]))
    measures = chance.sample(MEASURES, chance.randint(1, 4))
    base = statement(keys, tests, measures)
    for _ in range(6):
        kept = chance.sample(keys, chance.randint(0, len(keys)))
        more = chance.sample(TESTS, chance.choice([0, 1, 1, 2]))
        fewer = chance.sample(measures, chance.randint(1, len(measures)))
        own = list(tests)
        if chance.random() < 0.15:
            more.append(chance.choice(OTHERS))
        if own and chance.random() < 0.15:
            own.pop()
        yield base, statement(kept, [*own, *more], fewer)
