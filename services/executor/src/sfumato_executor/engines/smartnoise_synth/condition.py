"""Conditions on drawn rows: the closed expression language over a model's own columns. Total, as it is on data."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from sfumato.v1.expression_pb2 import Expression
from sfumato.v1.plan_pb2 import Plan
from sfumato_executor.engines.native.lowering import lower
from sfumato_executor.engines.smartnoise_synth.domain import Axis
from sfumato_executor.engines.smartnoise_synth.fitted import fitted
from sfumato_executor.plan.expressions import Column, Kind, ValueType
from sfumato_executor.plan.inference import Inference, Named
from sfumato_executor.plan.limits import check_limits
from sfumato_executor.plan.logic import predicate
from sfumato_executor.preparation.columns import stored_name
from sfumato_executor.preparation.mending import STORED


def compile_condition(condition: Expression, release: pa.Table) -> Callable[[pa.Table], npt.NDArray[np.bool_]]:
    """Return what tells of a table of drawn rows which of them fulfil a condition.

    Raises:
        Refusal: PLAN_REJECTED, with the path in the request.
        UnreadableReleaseError: the release is no synthesizer.
    """
    plan = Plan()
    plan.source.filter.predicate.CopyFrom(condition)
    plan.source.filter.input.scan.SetInParent()
    check_limits(plan)
    axes = fitted(release).axes
    columns = {axis.name: Named(Column(axis.name, _type(axis))) for axis in axes}
    named = Inference("the model", "").typed(condition, columns, "condition")
    lowered = lower(predicate(named.expression, "condition"))

    def holds(table: pa.Table) -> npt.NDArray[np.bool_]:
        stored = pl.DataFrame([_stored(axis, table.column(axis.name)) for axis in axes])
        kept = stored.lazy().with_columns(lowered.fill_null(False).alias("kept")).select("kept").collect()
        return kept["kept"].to_numpy()

    return holds


def _type(axis: Axis) -> ValueType:
    if axis.kind is Kind.CATEGORY:
        return ValueType(axis.kind, axis.nullable, categories=axis.values)
    if axis.kind is Kind.BOOLEAN:
        return ValueType(axis.kind, axis.nullable)
    if axis.is_whole:
        return ValueType(axis.kind, axis.nullable, int(axis.lower), int(axis.upper))
    return ValueType(axis.kind, axis.nullable, float(axis.lower), float(axis.upper))


def _stored(axis: Axis, column: pa.ChunkedArray) -> pl.Series:
    """Drawn values as prepared tables hold them: categories as places, days, microseconds."""
    name, values = stored_name(axis.name), column.combine_chunks()
    if axis.kind is Kind.CATEGORY:
        places = {value: place for place, value in enumerate(axis.values)}
        return pl.Series(name, [places.get(value) for value in values.to_pylist()], dtype=STORED[axis.kind])
    if axis.kind is Kind.DATE:
        values = values.cast(pa.int32())
    if axis.kind is Kind.TIMESTAMP:
        values = values.cast(pa.int64())
    return pl.Series(name, pl.from_arrow(values)).cast(STORED[axis.kind])
