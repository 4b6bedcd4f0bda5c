"""A program as a plan again: what was understood, in canonical form, for the quote.

Compiled under the same payment it gives the same digest. Aliases are those of the question.
"""

import datetime as dt
from typing import assert_never, cast

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2

from sfumato.v1 import expression_pb2, function_pb2, measure_pb2, plan_pb2, relation_pb2
from sfumato_executor.plan.choices import KINDS
from sfumato_executor.plan.constants import as_date
from sfumato_executor.plan.expressions import (
    Apply,
    Bucket,
    Choose,
    Column,
    Constant,
    Convert,
    Expression,
    Kind,
    Member,
    Value,
)
from sfumato_executor.plan.keys import is_implied
from sfumato_executor.plan.program import Bounding, DrawKind, KeyDomain, MeasureKind, Output, Program

_DATA_TYPES = {kind: data_type for data_type, kind in KINDS.items()}
_NOISE = {
    DrawKind.GAUSSIAN: measure_pb2.NOISE_GAUSSIAN,
    DrawKind.LAPLACE: measure_pb2.NOISE_LAPLACE,
    DrawKind.NOISY_MAX: measure_pb2.NOISE_UNSPECIFIED,
}


def canonical_plan(program: Program, listed_keys_max: int | None = None) -> plan_pb2.Plan:
    """The plan that a program is, with bounds, candidates and contribution bounds filled in.

    Args:
        program: what was compiled.
        listed_keys_max: how many public keys it lists at most; None: all of them, so that it compiles to the same.
    """
    source = relation_pb2.Relation(scan=relation_pb2.Scan(dataset=program.dataset))
    if program.filter is not None:
        predicate = _message(program.filter)
        source = relation_pb2.Relation(filter=relation_pb2.Filter(input=source, predicate=predicate))
    plan = plan_pb2.Plan(source=source, measures=[_measure(program, output) for output in program.outputs])
    if program.keys:
        plan.group_by.CopyFrom(_group_by(program, listed_keys_max))
    bounds = program.bounding
    if bounds.kind is Bounding.Kind.ROWS:
        plan.contribution_bounds.max_rows = bounds.rows
    elif bounds.kind is Bounding.Kind.GROUPS:
        plan.contribution_bounds.max_groups = bounds.groups
        plan.contribution_bounds.max_rows_per_group = bounds.rows
    return plan


def _group_by(program: Program, listed_keys_max: int | None) -> plan_pb2.GroupBy:
    group_by = plan_pb2.GroupBy(
        keys=[expression_pb2.NamedExpression(alias=key.alias, expression=_message(key.value)) for key in program.keys]
    )
    if program.domain is KeyDomain.THRESHOLD:
        group_by.threshold_keys.weight = program.threshold_weight
    elif not is_implied(program.public_keys, program.keys):
        kinds = [key.value.type.kind for key in program.keys]
        for row in program.public_keys[:listed_keys_max]:
            pairs = zip(row, kinds, strict=True)
            group_by.public_keys.keys.add(values=[_literal(value, kind) for value, kind in pairs])
    return group_by


def _measure(program: Program, output: Output) -> measure_pb2.Measure:
    draw = program.draws[output.draws[0]]
    vector = program.vectors[draw.vector]
    value = None if vector.value is None else _message(vector.value)
    measure = measure_pb2.Measure(alias=output.alias, weight=output.weight, noise=_NOISE[draw.kind])
    match output.kind:
        case MeasureKind.COUNT:
            measure.count.CopyFrom(measure_pb2.Count(value=value))
        case MeasureKind.COUNT_UNITS:
            measure.count_units.SetInParent()
        case MeasureKind.SUM | MeasureKind.MEAN:
            bounds = None
            if output.lower < output.upper:
                bounds = measure_pb2.Bounds(lower=output.lower, upper=output.upper)
            if output.kind is MeasureKind.SUM:
                measure.sum.CopyFrom(measure_pb2.Sum(value=value, bounds=bounds))
            else:
                measure.mean.CopyFrom(measure_pb2.Mean(value=value, bounds=bounds))
        case MeasureKind.QUANTILE:
            assert isinstance(vector.value, Bucket)
            level = draw.level[0] / draw.level[1]
            measure.quantile.CopyFrom(
                measure_pb2.Quantile(value=_message(vector.value.value), level=level, candidates=draw.candidates)
            )
        case MeasureKind.HISTOGRAM:
            measure.histogram.CopyFrom(measure_pb2.Histogram(bins=value))
        case _:
            assert_never(output.kind)
    return measure


def _message(expression: Expression) -> expression_pb2.Expression:
    match expression:
        case Column(name=name):
            return expression_pb2.Expression(column=name)
        case Constant(value=value, type=value_type):
            return expression_pb2.Expression(literal=_literal(value, value_type.kind))
        case Apply(function=function, arguments=arguments, otherwise=otherwise, time_unit=unit):
            call = expression_pb2.Call(
                function=cast("function_pb2.Function", function),
                arguments=[_message(argument) for argument in arguments],
                time_unit=cast("function_pb2.TimeUnit", unit),
                otherwise=_default(otherwise),
            )
            return expression_pb2.Expression(call=call)
        case Choose(branches=branches, otherwise=last):
            case_when = expression_pb2.CaseWhen(
                branches=[
                    expression_pb2.CaseBranch(condition=_message(condition), value=_message(value))
                    for condition, value in branches
                ]
            )
            if not (isinstance(last, Constant) and last.value is None):
                case_when.otherwise.CopyFrom(_message(last))
            return expression_pb2.Expression(case_when=case_when)
        case Convert(value=value, type=value_type, otherwise=otherwise):
            data_type = _DATA_TYPES[value_type.kind]
            converted = expression_pb2.Cast(value=_message(value), type=data_type, otherwise=_default(otherwise))
            return expression_pb2.Expression(cast=converted)
        case Member(value=value, items=items):
            literals = [_literal(item, value.type.kind) for item in items]
            return expression_pb2.Expression(in_list=expression_pb2.InList(value=_message(value), items=literals))
        case Bucket(value=value, edges=edges):
            return expression_pb2.Expression(bin=expression_pb2.Bin(value=_message(value), edges=edges))
        case _:
            assert_never(expression)


def _default(otherwise: Constant | None) -> expression_pb2.Literal | None:
    if otherwise is None or otherwise.value is None:
        return None
    return _literal(otherwise.value, otherwise.type.kind)


def _literal(value: Value, kind: Kind) -> expression_pb2.Literal:
    match value, kind:
        case bool(), Kind.BOOLEAN:
            return expression_pb2.Literal(boolean=value)
        case int(), Kind.INTEGER:
            return expression_pb2.Literal(integer=value)
        case ((int() | float()), Kind.REAL):
            return expression_pb2.Literal(real=value)
        case int(), Kind.DATE:
            return expression_pb2.Literal(date=_date(as_date(value)))
        case int(), Kind.TIMESTAMP:
            seconds, micros = divmod(value, 1_000_000)
            return expression_pb2.Literal(timestamp=Timestamp(seconds=seconds, nanos=micros * 1_000))
        case str(), (Kind.TEXT | Kind.CATEGORY):
            return expression_pb2.Literal(text=value)
        case _:
            raise ValueError(f"a {kind.value} literal cannot hold this value")


def _date(day: dt.date) -> date_pb2.Date:
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)
