"""Aggregates of the select list, as measures of the plan."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from sqlglot import exp

from sfumato.v1.expression_pb2 import Expression
from sfumato.v1.measure_pb2 import Count, CountUnits, Histogram, Mean, Measure, Quantile, Sum
from sfumato_gateway.sql.build import TRUE, choose
from sfumato_gateway.sql.context import Terms, only, unwrapped
from sfumato_gateway.sql.functions import bin_of
from sfumato_gateway.sql.refusals import sql_rejected
from sfumato_gateway.sql.units import UnitColumn

ROWS: Final = "SELECT species, COUNT(*) AS n FROM penguins GROUP BY species"


@dataclass(frozen=True)
class Aggregate:
    """One aggregate: its measure without an alias, and the name that it has if the statement gives none."""

    measure: Measure
    name: str
    unit_column: UnitColumn | None = None


_Reader: TypeAlias = Callable[[Terms, exp.Expr, Expression | None], Aggregate]


def _value(terms: Terms, node: exp.Expr, where: Expression | None) -> Expression:
    """Return the value that is aggregated: null in rows that FILTER leaves out."""
    if isinstance(node, exp.Distinct):
        raise sql_rejected(
            "unsupported",
            "DISTINCT values are not aggregated",
            terms.place(node),
            hint="how often a value occurs depends on many persons' rows",
        )
    value = terms.value(node)
    return value if where is None else choose([(where, value)])


def _name(function: str, node: exp.Expr) -> str:
    node = unwrapped(node)
    return f"{function}_{node.name}" if isinstance(node, exp.Column) else function


def _count(terms: Terms, node: exp.Expr, where: Expression | None) -> Aggregate:
    only(terms, node, "this", "big_int")
    counted = node.this
    if isinstance(counted, exp.Distinct):
        return _count_distinct(terms, counted, where)
    if isinstance(counted, exp.Star) or terms.literals.read(counted) is not None:
        value = None if where is None else choose([(where, TRUE)])
        return Aggregate(Measure(count=Count(value=value)), "count")
    return Aggregate(Measure(count=Count(value=_value(terms, counted, where))), _name("count", counted))


def _count_distinct(terms: Terms, node: exp.Distinct, where: Expression | None) -> Aggregate:
    columns = [unwrapped(each) for each in node.expressions]
    column = columns[0] if len(columns) == 1 else None
    if not isinstance(column, exp.Column) or where is not None:
        raise sql_rejected(
            "unsupported",
            "COUNT(DISTINCT …) counts privacy units: of the unit's column alone, without FILTER",
            terms.place(node),
            nearest="COUNT_UNITS()",
        )
    name = column.name
    unit = UnitColumn(name, terms.place(column))
    return Aggregate(Measure(count_units=CountUnits()), _name("count", column), unit)


def _sum(terms: Terms, node: exp.Expr, where: Expression | None) -> Aggregate:
    only(terms, node, "this")
    return Aggregate(Measure(sum=Sum(value=_value(terms, node.this, where))), _name("sum", node.this))


def _mean(terms: Terms, node: exp.Expr, where: Expression | None) -> Aggregate:
    only(terms, node, "this")
    return Aggregate(Measure(mean=Mean(value=_value(terms, node.this, where))), _name("avg", node.this))


def _count_if(terms: Terms, node: exp.Expr, where: Expression | None) -> Aggregate:
    only(terms, node, "this")
    holds = choose([(terms.truth(node.this, True), TRUE)])
    counted = holds if where is None else choose([(where, holds)])
    return Aggregate(Measure(count=Count(value=counted)), "count_if")


def _quantile_at(terms: Terms, node: exp.Expr, level: float, name: str, where: Expression | None) -> Aggregate:
    if not 0 <= level <= 1:
        raise sql_rejected("unsupported", "the level of a quantile is between 0 and 1", terms.place(node))
    return Aggregate(Measure(quantile=Quantile(value=_value(terms, node, where), level=level)), _name(name, node))


def _median(terms: Terms, node: exp.Expr, where: Expression | None) -> Aggregate:
    only(terms, node, "this")
    return _quantile_at(terms, node.this, 0.5, "median", where)


def _quantile(terms: Terms, node: exp.Expr, where: Expression | None) -> Aggregate:
    only(terms, node, "this", "quantile", "expression")
    level = node.args.get("quantile") or node.args.get("expression")
    at = float(terms.literals.decimal(level, "the level of a quantile"))
    return _quantile_at(terms, node.this, at, "quantile", where)


def _within_group(terms: Terms, node: exp.Expr, where: Expression | None) -> Aggregate:
    """PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY x)."""
    function, order = node.this, node.args["expression"]
    ordered = order.expressions if isinstance(order, exp.Order) else []
    if type(function) not in (exp.PercentileCont, exp.PercentileDisc) or len(ordered) != 1:
        nearest = "PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY x)"
        raise sql_rejected("unsupported", "WITHIN GROUP goes with one quantile", terms.place(node), nearest=nearest)
    only(terms, function, "this")
    level = terms.literals.decimal(function.this, "the level of a quantile")
    value = ordered[0]
    return _quantile_at(terms, value.this, float(1 - level if value.args.get("desc") else level), "quantile", where)


def _histogram(terms: Terms, node: exp.Expr, where: Expression | None) -> Aggregate:
    arguments = node.expressions
    if len(arguments) not in (1, 2) or where is not None:
        raise sql_rejected(
            "unsupported",
            "HISTOGRAM takes a column with a public list of values, or a number and edges; no FILTER",
            terms.place(node),
            nearest="HISTOGRAM(species), HISTOGRAM(body_mass_g, [2000, 4000, 6000])",
        )
    bins = terms.value(arguments[0]) if len(arguments) == 1 else bin_of(terms, arguments[0], arguments[1])
    return Aggregate(Measure(histogram=Histogram(bins=bins)), _name("histogram", arguments[0]))


def _count_units(terms: Terms, node: exp.Expr, where: Expression | None) -> Aggregate:
    if node.expressions or where is not None:
        raise sql_rejected("unsupported", "COUNT_UNITS takes nothing", terms.place(node), nearest="COUNT_UNITS()")
    return Aggregate(Measure(count_units=CountUnits()), "count_units")


def _extreme(terms: Terms, node: exp.Expr, where: Expression | None) -> Aggregate:
    del where
    level = "0.01" if isinstance(node, exp.Min) else "0.99"
    raise sql_rejected(
        "unsupported",
        f"{node.key.upper()} is the value of one person",
        terms.place(node),
        hint="a quantile near the end tells nearly as much, and is the value of nobody",
        nearest=f"QUANTILE(x, {level})",
    )


_READERS: Final[dict[type[exp.Expr], _Reader]] = {
    exp.Count: _count,
    exp.CountIf: _count_if,
    exp.Sum: _sum,
    exp.Avg: _mean,
    exp.Median: _median,
    exp.Quantile: _quantile,
    exp.PercentileCont: _quantile,
    exp.PercentileDisc: _quantile,
    exp.ApproxQuantile: _quantile,
    exp.WithinGroup: _within_group,
    exp.Min: _extreme,
    exp.Max: _extreme,
}
_NAMED: Final[dict[str, _Reader]] = {"HISTOGRAM": _histogram, "COUNT_UNITS": _count_units}


def _reader(node: exp.Expr) -> _Reader | None:
    if isinstance(node, exp.Anonymous):
        return _NAMED.get(str(node.this).upper())
    return _READERS.get(type(node))


def is_aggregate(node: exp.Expr) -> bool:
    """Return whether an item of the select list is an aggregate, one that is refused too."""
    node = unwrapped(node)
    return isinstance(node, exp.AggFunc | exp.Filter | exp.Window | exp.WithinGroup) or _reader(node) is not None


def read_aggregate(terms: Terms, node: exp.Expr) -> Aggregate:
    """Return the measure that an aggregate asks for.

    Raises:
        Refusal: SQL_REJECTED, it is none that the plan has.
    """
    node, where = unwrapped(node), None
    if isinstance(node, exp.Filter):
        where = terms.truth(node.args["expression"].this, True)
        node = unwrapped(node.this)
    reader = _reader(node)
    if reader is not None:
        return reader(terms, node, where)
    if isinstance(node, exp.Window):
        place = terms.place(node)
        raise sql_rejected("unsupported", "a window has no bounded sensitivity", place, hint="use GROUP BY")
    name = node.sql_name() if isinstance(node, exp.Func) else node.key.upper()
    raise sql_rejected(
        "unsupported",
        f"{name} is not an aggregate of the plan",
        terms.place(node),
        hint="aggregates: COUNT, COUNT_UNITS, COUNT_IF, SUM, AVG, MEDIAN, QUANTILE, PERCENTILE_CONT, HISTOGRAM",
    )
