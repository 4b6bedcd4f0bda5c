"""The source of a plan as one filter over the columns of its dataset."""

from collections.abc import Sequence
from dataclasses import dataclass

from sfumato.v1 import dataset_pb2, expression_pb2, plan_pb2, schema_pb2
from sfumato_executor.plan.constants import TRUE, days, micros
from sfumato_executor.plan.expressions import Column, Expression, Kind, ValueType
from sfumato_executor.plan.inference import Inference, Named
from sfumato_executor.plan.limits import relations
from sfumato_executor.plan.logic import all_of, predicate
from sfumato_mesh.refusals import plan_rejected

_TEXT_LENGTH = 1_024


@dataclass(frozen=True)
class Rows:
    """Rows of a dataset: those that pass the filter (None: all), with their columns by name."""

    filter: Expression | None
    columns: dict[str, Named]


def resolve(plan: plan_pb2.Plan, dataset: dataset_pb2.Dataset, inference: Inference) -> Rows:
    """The source of a plan: derived columns in place of their names, filters merged into one AND."""
    nested = relations(plan)
    scan, path = nested[-1]
    if scan.WhichOneof("kind") != "scan":
        raise plan_rejected("source", path, "the plan reads nothing", hint="let the innermost relation be a scan")
    if scan.scan.dataset != dataset.name:
        message = f"the plan reads {scan.scan.dataset}, not {dataset.name}"
        raise plan_rejected("other_dataset", f"{path}.scan.dataset", message, hint="a plan reads one dataset")
    columns = {
        column.name: Named(Column(column.name, column_type(column)))
        for column in dataset.schema.columns
        if column.name != dataset.privacy_unit.column
    }
    conditions: list[Expression] = []
    for relation, place in reversed(nested[:-1]):
        if relation.WhichOneof("kind") == "filter":
            place = f"{place}.filter.predicate"
            named = inference.typed(relation.filter.predicate, columns, place)
            conditions.append(predicate(named.expression, place))
        else:
            columns = {**columns, **_derived(relation.derive.columns, columns, place, inference)}
    joined = all_of(conditions)
    return Rows(None if joined == TRUE else joined, columns)


def _derived(
    added: Sequence[expression_pb2.NamedExpression],
    columns: dict[str, Named],
    path: str,
    inference: Inference,
) -> dict[str, Named]:
    found: dict[str, Named] = {}
    for index, column in enumerate(added):
        place = f"{path}.derive.columns[{index}]"
        if column.alias in found:
            message = f"{column.alias} is derived twice in one place"
            raise plan_rejected("alias", f"{place}.alias", message, hint="give each column its own name")
        found[column.alias] = inference.typed(column.expression, columns, f"{place}.expression")
    return found


def column_type(column: schema_pb2.Column) -> ValueType:
    """Type of a column as the schema declares it and preparation enforces it."""
    match column.WhichOneof("type"):
        case "boolean":
            return ValueType(Kind.BOOLEAN, column.nullable)
        case "integer":
            return ValueType(Kind.INTEGER, column.nullable, column.integer.lower, column.integer.upper)
        case "real":
            return ValueType(Kind.REAL, column.nullable, column.real.lower + 0.0, column.real.upper + 0.0)
        case "category":
            return ValueType(Kind.CATEGORY, column.nullable, categories=tuple(column.category.values))
        case "date":
            lower, upper = days(column.date.lower, column.name), days(column.date.upper, column.name)
            return ValueType(Kind.DATE, column.nullable, lower, upper)
        case "timestamp":
            bounds = column.timestamp
            first = micros(bounds.lower.seconds, bounds.lower.nanos, column.name)
            last = micros(bounds.upper.seconds, bounds.upper.nanos, column.name)
            return ValueType(Kind.TIMESTAMP, column.nullable, first, last)
        case _:
            return ValueType(Kind.TEXT, column.nullable, length=column.text.max_length or _TEXT_LENGTH)
