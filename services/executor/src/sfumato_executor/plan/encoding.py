"""One text for one expression: what canonical order and the plan digest rest on.

Texts are JSON arrays that name each node's form, function and content; reals are hexadecimal, so that no formatting of
floats enters. Ranges are not in a text: they follow from the schema, which goes with the data version.
"""

import json
from typing import assert_never

from sfumato_executor.plan.expressions import (
    Apply,
    Bucket,
    Choose,
    Column,
    Constant,
    Convert,
    Expression,
    Member,
    Value,
)

Structure = list["Structure"] | str | int | bool | None


def encode(expression: Expression) -> str:
    """Text of an expression; equal texts mean equal expressions over one schema."""
    return dump(structure(expression))


def dump(content: Structure) -> str:
    """Deterministic text of nested lists."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=True)


def structure(expression: Expression | None) -> Structure:
    """An expression as nested lists; None stays None."""
    match expression:
        case None:
            return None
        case Column(name=name):
            return ["column", name]
        case Constant(value=value, type=value_type):
            return ["constant", value_type.kind.value, scalar(value)]
        case Apply(function=function, arguments=arguments, otherwise=otherwise, time_unit=unit):
            return ["apply", function, unit, structure(otherwise), [structure(item) for item in arguments]]
        case Choose(branches=branches, otherwise=last):
            pairs: Structure = [[structure(condition), structure(value)] for condition, value in branches]
            return ["choose", pairs, structure(last)]
        case Convert(value=value, type=value_type, otherwise=otherwise):
            return ["convert", value_type.kind.value, structure(otherwise), structure(value)]
        case Member(value=value, items=items):
            return ["member", structure(value), [scalar(item) for item in items]]
        case Bucket(value=value, edges=edges):
            return ["bucket", structure(value), [edge.hex() for edge in edges]]
        case _:
            assert_never(expression)


def scalar(value: Value) -> Structure:
    """A constant: reals as hexadecimal text in a list of their own, so that 1 and 1.0 differ."""
    return [value.hex()] if isinstance(value, float) else value
