"""Columns of an answer: keys in the order of the plan, then every measure with its interval."""

import pyarrow as pa

from sfumato_executor.plan.expressions import Kind
from sfumato_executor.plan.program import MeasureKind, Output, Program

_TYPES = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.REAL: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.CATEGORY: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}


def answer_schema(program: Program) -> pa.Schema:
    """Arrow schema of the rendered answer.

    A measure is followed by `<alias>.lower` and `<alias>.upper` of the same type; both are null for a quantile, whose
    error is one of its level. A histogram is a list with one count a bin, its labels in the field's metadata ("bins");
    a unit of measurement is there too ("unit").
    """
    fields = [pa.field(key.alias, _TYPES[key.value.type.kind]) for key in program.keys]
    for output in program.outputs:
        column = output_type(output)
        fields.append(pa.field(output.alias, column, metadata=_metadata(output)))
        fields.extend(pa.field(f"{output.alias}.{end}", column) for end in ("lower", "upper"))
    return pa.schema(fields)


def output_type(output: Output) -> pa.DataType:
    """Arrow type of one measure."""
    column = _TYPES[output.type.kind]
    return pa.list_(column) if output.kind is MeasureKind.HISTOGRAM else column


def _metadata(output: Output) -> dict[str, str] | None:
    metadata = {"unit": output.unit} if output.unit else {}
    if output.bin_labels:
        metadata["bins"] = "\n".join(output.bin_labels)
    return metadata or None
