"""Questions: what a client asks, as a plan."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sfumato.v1.dataset_pb2 import PrivacyUnit
from sfumato.v1.plan_pb2 import Plan
from sfumato.v1.question_pb2 import Question, SqlQuery
from sfumato.v1.relation_pb2 import Relation
from sfumato_gateway.sql.refusals import sql_rejected
from sfumato_gateway.sql.units import UnitColumn
from sfumato_mesh.engine_names import LIBRARIES
from sfumato_mesh.interceptors.guard import check
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord

_CACHED_BYTES: Final = 4_096
"""Statements up to here are translated once; longer ones are rare, and would fill the memory."""


_FROM: Final = re.compile(r'\bFROM\s+"?([A-Za-z][A-Za-z0-9_-]{0,62})\b', re.IGNORECASE)


@dataclass(frozen=True)
class UnderstoodQuestion:
    """A question as it is executed. Its plan is shared: copy it before changing it."""

    plan: Plan | None
    """None: another engine than the native one answers, and reads the question itself."""
    dataset: str
    """datasets/{dataset} that it reads."""
    unit_columns: tuple[UnitColumn, ...] = ()
    """Columns that SQL takes for the privacy unit's."""


def understand(question: Question) -> UnderstoodQuestion:
    """Return the plan of a question: its own, or its SQL translated.

    Raises:
        Refusal: SQL_REJECTED; REQUEST_INVALID, what the SQL says is no valid plan.
    """
    form = question.WhichOneof("form")
    if form == "plan":
        return UnderstoodQuestion(question.plan, _dataset(question.plan.source))
    if form == "model":
        return UnderstoodQuestion(None, _dataset(question.model.source))
    if question.engine in LIBRARIES:
        return UnderstoodQuestion(None, question.sql.dataset or _named(question.sql.statement))
    if question.sql.ByteSize() > _CACHED_BYTES:
        return _translated(question.sql)
    return _cached(question.sql.SerializeToString(deterministic=True))


def check_unit(question: UnderstoodQuestion, record: DatasetRecord) -> None:
    """Refuse COUNT(DISTINCT column) of any column but the privacy unit's.

    Raises:
        Refusal: SQL_REJECTED.
    """
    dataset = record.published if record.HasField("published") else record.dataset
    unit: PrivacyUnit = dataset.privacy_unit
    for column in question.unit_columns:
        if not unit.column or column.name != unit.column:
            raise sql_rejected(
                "unsupported",
                f"{column.name[:64]} does not name the privacy unit, and only units are counted once",
                column.position,
                hint="where a row is the unit, COUNT(*) counts units; else COUNT_UNITS() does",
                nearest=f"COUNT(DISTINCT {unit.column})" if unit.column else "COUNT(*)",
            )


def _dataset(relation: Relation) -> str:
    """Return the dataset that a relation scans; "" where it names none (the guard lets no such relation pass)."""
    while (kind := relation.WhichOneof("kind")) in ("filter", "derive"):
        relation = relation.filter.input if kind == "filter" else relation.derive.input
    return relation.scan.dataset


def _named(statement: str) -> str:
    """Return the dataset whose name a statement gives behind its first FROM. The engine checks that it reads no other.

    Raises:
        Refusal: SQL_REJECTED.
    """
    found = _FROM.search(statement)
    if found is None:
        hint = "set sql.dataset, or write FROM and the dataset's id"
        raise sql_rejected("syntax", "the statement names no table", hint=hint)
    return f"datasets/{found[1].lower().replace('_', '-')}"


@lru_cache(maxsize=512)
def _cached(query: bytes) -> UnderstoodQuestion:
    return _translated(SqlQuery.FromString(query))


def _translated(query: SqlQuery) -> UnderstoodQuestion:
    # The parser takes 0.1 to 0.4 s to load: `warm_up` does it beside the event loop, so that a gateway starts at once.
    from sfumato_gateway.sql.select import translate

    translation = translate(query.statement, query.parameters, query.dataset)
    check(translation.plan)  # the guard has seen the statement alone, and nobody behind holds a plan against its rules
    return UnderstoodQuestion(translation.plan, translation.dataset, translation.unit_columns)


def warm_up() -> None:
    """Load the SQL parser now, so that the first statement need not wait for it."""
    _translated(SqlQuery(statement="SELECT COUNT(*) AS n FROM penguins WHERE x > 1"))
