"""Functions of the closed list, by the names that SQL has for them."""

import difflib
from collections.abc import Callable
from itertools import pairwise
from typing import Final, TypeAlias

from sqlglot import exp

from sfumato.v1 import function_pb2 as f
from sfumato.v1.expression_pb2 import Bin, Cast, Expression, Literal
from sfumato.v1.function_pb2 import DataType, Function, TimeUnit
from sfumato_gateway.sql.build import call, choose, negated
from sfumato_gateway.sql.context import Terms, flattened, only, unwrapped
from sfumato_gateway.sql.refusals import sql_rejected

Value: TypeAlias = Callable[[Terms, exp.Expr], Expression]

_PLAIN: Final[dict[type[exp.Expr], tuple["Function", tuple[str, ...]]]] = {
    exp.Abs: (f.FUNCTION_ABS, ("this",)),
    exp.Sign: (f.FUNCTION_SIGN, ("this",)),
    exp.Neg: (f.FUNCTION_NEGATE, ("this",)),
    exp.Sub: (f.FUNCTION_SUBTRACT, ("this", "expression")),
    exp.Div: (f.FUNCTION_DIVIDE, ("this", "expression")),
    exp.IntDiv: (f.FUNCTION_FLOOR_DIVIDE, ("this", "expression")),
    exp.Floor: (f.FUNCTION_FLOOR, ("this",)),
    exp.Ceil: (f.FUNCTION_CEIL, ("this",)),
    exp.Sqrt: (f.FUNCTION_SQRT, ("this",)),
    exp.Exp: (f.FUNCTION_EXP, ("this",)),
    exp.Ln: (f.FUNCTION_LN, ("this",)),
    exp.Pow: (f.FUNCTION_POWER, ("this", "expression")),
    exp.Lower: (f.FUNCTION_LOWER, ("this",)),
    exp.Upper: (f.FUNCTION_UPPER, ("this",)),
    exp.Trim: (f.FUNCTION_TRIM, ("this",)),
    exp.Length: (f.FUNCTION_LENGTH, ("this",)),
    exp.Left: (f.FUNCTION_PREFIX, ("this", "expression")),
}
"""Functions whose arguments go over one by one."""

_DIALECT_FLAGS: Final = ("typed", "safe", "ignore_nulls", "is_nvl", "is_null")
"""Arguments by which the parser remembers a dialect's ways; those of DuckDB are the plan's."""

_CHAINS: Final[dict[type[exp.Expr], "Function"]] = {
    exp.Add: f.FUNCTION_ADD,
    exp.Mul: f.FUNCTION_MULTIPLY,
}
_SEVERAL: Final[dict[type[exp.Expr], "Function"]] = {
    exp.Least: f.FUNCTION_LEAST,
    exp.Greatest: f.FUNCTION_GREATEST,
    exp.Coalesce: f.FUNCTION_COALESCE,
}
_PARTS: Final[dict[type[exp.Expr], "TimeUnit"]] = {
    exp.Year: f.TIME_UNIT_YEAR,
    exp.Quarter: f.TIME_UNIT_QUARTER,
    exp.Month: f.TIME_UNIT_MONTH,
    exp.Week: f.TIME_UNIT_WEEK,
    exp.WeekOfYear: f.TIME_UNIT_WEEK,
    exp.Day: f.TIME_UNIT_DAY,
    exp.DayOfMonth: f.TIME_UNIT_DAY,
    exp.DayOfWeekIso: f.TIME_UNIT_WEEKDAY,
    exp.DayOfYear: f.TIME_UNIT_DAY_OF_YEAR,
    exp.Hour: f.TIME_UNIT_HOUR,
    exp.Minute: f.TIME_UNIT_MINUTE,
    exp.Second: f.TIME_UNIT_SECOND,
}
_UNITS: Final[dict[str, "TimeUnit"]] = {
    "YEAR": f.TIME_UNIT_YEAR,
    "QUARTER": f.TIME_UNIT_QUARTER,
    "MONTH": f.TIME_UNIT_MONTH,
    "WEEK": f.TIME_UNIT_WEEK,
    "DAY": f.TIME_UNIT_DAY,
    "ISODOW": f.TIME_UNIT_WEEKDAY,
    "DOY": f.TIME_UNIT_DAY_OF_YEAR,
    "DAYOFYEAR": f.TIME_UNIT_DAY_OF_YEAR,
    "HOUR": f.TIME_UNIT_HOUR,
    "MINUTE": f.TIME_UNIT_MINUTE,
    "SECOND": f.TIME_UNIT_SECOND,
}
_TYPES: Final[dict[exp.DType, "DataType"]] = {
    exp.DType.BOOLEAN: f.DATA_TYPE_BOOLEAN,
    exp.DType.SMALLINT: f.DATA_TYPE_INTEGER,
    exp.DType.INT: f.DATA_TYPE_INTEGER,
    exp.DType.BIGINT: f.DATA_TYPE_INTEGER,
    exp.DType.FLOAT: f.DATA_TYPE_REAL,
    exp.DType.DOUBLE: f.DATA_TYPE_REAL,
    exp.DType.TEXT: f.DATA_TYPE_TEXT,
    exp.DType.VARCHAR: f.DATA_TYPE_TEXT,
    exp.DType.DATE: f.DATA_TYPE_DATE,
    exp.DType.TIMESTAMP: f.DATA_TYPE_TIMESTAMP,
    exp.DType.TIMESTAMPNTZ: f.DATA_TYPE_TIMESTAMP,
    exp.DType.TIMESTAMPTZ: f.DATA_TYPE_TIMESTAMP,
}


def _plain(terms: Terms, node: exp.Expr) -> Expression:
    function, names = _PLAIN[type(node)]
    only(terms, node, *names, *_DIALECT_FLAGS)
    return call(function, *(terms.value(node.args[name]) for name in names))


def _chain(terms: Terms, node: exp.Expr) -> Expression:
    operands = flattened(node, type(node))
    result = terms.value(operands[0])
    step = 63  # with the result so far: the 64 arguments of one Call
    for first in range(1, len(operands), step):
        result = call(_CHAINS[type(node)], result, *(terms.value(each) for each in operands[first : first + step]))
    return result


def _several(terms: Terms, node: exp.Expr) -> Expression:
    only(terms, node, "this", "expressions", *_DIALECT_FLAGS)
    # All three pass nulls over.
    arguments = [each for each in (node.this, *node.expressions) if not isinstance(unwrapped(each), exp.Null)]
    if not arguments:
        raise _no_null(terms, node)
    values = [terms.value(each) for each in arguments]
    return values[0] if len(values) == 1 else call(_SEVERAL[type(node)], *values)


def _modulo(terms: Terms, node: exp.Expr) -> Expression:
    """SQL's remainder has the sign of the dividend, the plan's that of the divisor."""
    only(terms, node, "this", "expression")
    dividend = terms.value(node.this)
    size = call(f.FUNCTION_ABS, terms.value(node.args["expression"]))
    remainder = call(f.FUNCTION_MODULO, call(f.FUNCTION_ABS, dividend), size)
    return call(f.FUNCTION_MULTIPLY, call(f.FUNCTION_SIGN, dividend), remainder)


def _round(terms: Terms, node: exp.Expr) -> Expression:
    only(terms, node, "this", "decimals")
    decimals = node.args.get("decimals")
    places = terms.literals.required(decimals, "ROUND's number of decimals") if decimals else Literal(integer=0)
    return call(f.FUNCTION_ROUND, terms.value(node.this), Expression(literal=places))


def _log(terms: Terms, node: exp.Expr) -> Expression:
    base = terms.literals.read(node.this)
    if base is None or base.integer != 10 or node.args.get("expression") is None:
        message = "a logarithm says its base"
        raise sql_rejected("unsupported", message, terms.place(node), nearest="LN(x), LOG10(x)")
    return call(f.FUNCTION_LOG10, terms.value(node.args["expression"]))


def _nullif(terms: Terms, node: exp.Expr) -> Expression:
    equal = terms.truth(exp.EQ(this=node.this, expression=node.args["expression"]), True)
    return choose([(negated(equal), terms.value(node.this))])


def _substring(terms: Terms, node: exp.Expr) -> Expression:
    only(terms, node, "this", "start", "length")
    start, length = node.args.get("start"), node.args.get("length")
    if start is None or length is None or terms.literals.number(start, "the start of SUBSTRING") != 1:
        message = "SUBSTRING takes the first characters only"
        raise sql_rejected("unsupported", message, terms.place(node), nearest="LEFT(x, 3)")
    return call(f.FUNCTION_PREFIX, terms.value(node.this), terms.value(length))


def _cast(terms: Terms, node: exp.Expr) -> Expression:
    only(terms, node, "this", "to", "safe")
    wanted = node.args["to"]
    if wanted.this not in _TYPES or wanted.expressions:
        raise sql_rejected(
            "unsupported",
            "CAST to this type is not understood",
            terms.place(node),
            nearest="BOOLEAN, BIGINT, DOUBLE, VARCHAR, DATE, TIMESTAMP",
        )
    return Expression(cast=Cast(value=terms.value(node.this), type=_TYPES[wanted.this]))


def _unit(terms: Terms, node: exp.Expr, name: exp.Expr | None) -> "TimeUnit":
    word = str(name.this).upper() if isinstance(name, exp.Var | exp.Literal) else ""
    if word not in _UNITS:
        hint = "ISODOW counts from 1, Monday, to 7" if word in ("DOW", "DAYOFWEEK", "WEEKDAY") else ""
        nearest = ", ".join(difflib.get_close_matches(word, _UNITS, 1) or sorted(_UNITS))
        raise sql_rejected("unsupported", "no unit of time", terms.place(node), hint=hint, nearest=nearest)
    return _UNITS[word]


def _part(terms: Terms, node: exp.Expr) -> Expression:
    only(terms, node, "this")
    return call(f.FUNCTION_EXTRACT, terms.value(node.this), time_unit=_PARTS[type(node)])


def _extract(terms: Terms, node: exp.Expr) -> Expression:
    value = terms.value(node.args["expression"])
    return call(f.FUNCTION_EXTRACT, value, time_unit=_unit(terms, node, node.this))


def _truncate(terms: Terms, node: exp.Expr) -> Expression:
    only(terms, node, "this", "unit")
    unit = _unit(terms, node, node.args.get("unit"))
    return call(f.FUNCTION_TRUNCATE_TIME, terms.value(node.this), time_unit=unit)


def _no_null(terms: Terms, node: exp.Expr) -> Exception:
    hint = "ask x IS NULL, or leave ELSE out"
    return sql_rejected("unsupported", "NULL has no type here", terms.place(node), hint=hint)


def _clip(terms: Terms, node: exp.Expr) -> Expression:
    value, low, high = _arguments(terms, node, 3, "CLIP(x, 0, 100)")
    bounds = [terms.literals.required(each, "a bound of CLIP") for each in (low, high)]
    return call(f.FUNCTION_CLIP, terms.value(value), *(Expression(literal=each) for each in bounds))


def _prefix(terms: Terms, node: exp.Expr) -> Expression:
    value, length = _arguments(terms, node, 2, "PREFIX(x, 3)")
    return call(f.FUNCTION_PREFIX, terms.value(value), terms.value(length))


def _bin(terms: Terms, node: exp.Expr) -> Expression:
    value, edges = _arguments(terms, node, 2, "BIN(x, [0, 10, 20])")
    return bin_of(terms, value, edges)


def bin_of(terms: Terms, value: exp.Expr, edges: exp.Expr) -> Expression:
    """Return the index of the bin that holds a value, for edges that are a list of constants."""
    if not isinstance(edges, exp.Array):
        message = "edges of bins are a list of constants"
        raise sql_rejected("unsupported", message, terms.place(edges), nearest="[0, 10, 20]")
    numbers = [terms.literals.number(each, "an edge of a bin") for each in edges.expressions]
    if len(numbers) < 2 or any(a >= b for a, b in pairwise(numbers)):
        raise sql_rejected("unsupported", "edges of bins increase, and are two or more", terms.place(edges))
    return Expression(bin=Bin(value=terms.value(value), edges=numbers))


def _time_difference(terms: Terms, node: exp.Expr) -> Expression:
    unit, start, end = _arguments(terms, node, 3, "TIME_DIFFERENCE('day', start, end)")
    values = terms.value(start), terms.value(end)
    return call(f.FUNCTION_TIME_DIFFERENCE, *values, time_unit=_unit(terms, node, unit))


def _arguments(terms: Terms, node: exp.Expr, count: int, form: str) -> list[exp.Expr]:
    if len(node.expressions) != count:
        name = str(node.this).upper()
        raise sql_rejected("unsupported", f"{name} takes {count} arguments", terms.place(node), nearest=form)
    return list(node.expressions)


def _date_diff(terms: Terms, node: exp.Expr) -> Expression:
    raise sql_rejected(
        "unsupported",
        "DATE_DIFF counts boundaries that are crossed, which the plan cannot",
        terms.place(node),
        hint="TIME_DIFFERENCE counts whole units between two times, towards zero",
        nearest="TIME_DIFFERENCE('day', start, end)",
    )


_NAMED: Final[dict[str, Value]] = {
    "CLIP": _clip,
    "CLAMP": _clip,
    "PREFIX": _prefix,
    "BIN": _bin,
    "TIME_DIFFERENCE": _time_difference,
}
"""Functions of the plan that SQL has no name for."""


def _named(terms: Terms, node: exp.Expr) -> Expression:
    name = str(node.this).upper()
    if name not in _NAMED:
        raise unknown_function(terms, node, name)
    return _NAMED[name](terms, node)


def unknown_function(terms: Terms, node: exp.Expr, name: str) -> Exception:
    """Return the refusal of a function that is not on the list, with the nearest that is."""
    nearest = difflib.get_close_matches(name, NAMES, 1)
    return sql_rejected(
        "unsupported",
        f"{name[:64]} is not a function of the closed list",
        terms.place(node),
        hint="functions: " + ", ".join(NAMES),
        nearest=nearest[0] if nearest else "",
    )


FUNCTIONS: Final[dict[type[exp.Expr], Value]] = {
    **dict.fromkeys(_PLAIN, _plain),
    **dict.fromkeys(_CHAINS, _chain),
    **dict.fromkeys(_SEVERAL, _several),
    **dict.fromkeys(_PARTS, _part),
    exp.Mod: _modulo,
    exp.Round: _round,
    exp.Log: _log,
    exp.Nullif: _nullif,
    exp.Substring: _substring,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Extract: _extract,
    exp.TimestampTrunc: _truncate,
    exp.DateTrunc: _truncate,
    exp.DateDiff: _date_diff,
    exp.Anonymous: _named,
}
"""Kinds of nodes that are functions of one row."""

NAMES: Final = (
    "ABS",
    "BIN",
    "CASE",
    "CAST",
    "CEIL",
    "CLIP",
    "COALESCE",
    "CONTAINS",
    "DATE_TRUNC",
    "ENDS_WITH",
    "EXP",
    "EXTRACT",
    "FLOOR",
    "GREATEST",
    "IF",
    "LEAST",
    "LEFT",
    "LENGTH",
    "LN",
    "LOG10",
    "LOWER",
    "NULLIF",
    "POWER",
    "ROUND",
    "SIGN",
    "SQRT",
    "STARTS_WITH",
    "TIME_DIFFERENCE",
    "TRIM",
    "UPPER",
)
"""What hints name."""
