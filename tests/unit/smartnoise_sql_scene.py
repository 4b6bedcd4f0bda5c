"""A data set of people with several rows each, and questions to it in SQL."""

from typing import Any

import pyarrow as pa

from sfumato.v1.payment_pb2 import Payment
from sfumato.v1.population_pb2 import ACCOUNTING_ZCDP
from sfumato.v1.question_pb2 import Question, SqlQuery
from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.program import LibraryProgram
from sfumato_executor.engines.library.rows import select_rows
from sfumato_executor.engines.smartnoise_sql import job
from sfumato_executor.engines.smartnoise_sql.adapter import SmartNoiseSqlAdapter
from tests.attacks.tables import dataset, table

MAX_ROWS = 3
MADE = dataset(
    """
columns { name: "who" nullable: false integer { lower: 0 upper: 1000000 } }
columns { name: "mass" nullable: true real { lower: -3 upper: 100 } }
columns { name: "tiny" nullable: true real { lower: -1e-9 upper: 2e-9 } }
columns { name: "age" nullable: true integer { lower: 0 upper: 120 } }
columns { name: "zip" integer { lower: 0 upper: 99999 } }
columns { name: "huge" integer { lower: -9000000000000000000 upper: 9000000000000000000 } }
columns { name: "ok" nullable: true boolean {} }
columns { name: "species" category { values: "Adelie" values: "Gentoo" } }
columns { name: "note" text { max_length: 20 } }
""",
    f'column: "who" max_rows: {MAX_ROWS}',
)
TABLE = MADE.name.removeprefix("datasets/")
ADAPTER = SmartNoiseSqlAdapter()


def payment(epsilon: float, delta: float = 0.0) -> Payment:
    paid = Payment()
    paid.epsilon.epsilon_picos, paid.epsilon.delta_attos = round(epsilon * 1e12), round(delta * 1e18)
    return paid


def compiled(statement: str, epsilon: float = 30.0, delta: float = 0.0, **parameters: Any) -> LibraryProgram:
    """Compile a statement, in which `@` is the table."""
    asked = SqlQuery(statement=statement.replace("@", TABLE), dataset=MADE.name, parameters=parameters)
    question = Question(sql=asked, engine="smartnoise_sql")
    return ADAPTER.compile(Asked(question, payment(epsilon, delta), MADE, ACCOUNTING_ZCDP, 0.95))


def people(units: int, rows: int = 5) -> dict[str, list[Any]]:
    """People of so many rows each; every seventh row lacks mass, and every other person is a Gentoo."""
    places = range(units * rows)
    return {
        "who": [place // rows for place in places],
        "mass": [float(place % 50) if place % 7 else None for place in places],
        "tiny": [1e-9 for _ in places],
        "age": [place % 100 for place in places],
        "zip": [place % 3 for place in places],
        "huge": [0 for _ in places],
        "ok": [True for _ in places],
        "species": ["Gentoo" if (place // rows) % 2 else "Adelie" for place in places],
        "note": ["said" for _ in places],
    }


def rows_of(program: LibraryProgram, columns: dict[str, list[Any]]) -> pa.Table:
    """Return the rows that the library would get."""
    return select_rows(program.rows, table(MADE, columns))


def answer(program: LibraryProgram, columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Run it in this process, and return the rows of the answer."""
    rendered = ADAPTER.render(program, job.run(program.job, rows_of(program, columns)), 0.95)
    assert rendered.schema.remove_metadata() == ADAPTER.answer_schema(program).remove_metadata()
    return list(rendered.to_pylist())
