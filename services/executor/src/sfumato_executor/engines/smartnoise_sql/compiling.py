"""From an understood statement to rows, job and price. Loads no library."""

import math
from collections.abc import Mapping
from typing import Final

from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.quote_pb2 import Interval, MeasureAccuracy, Mechanism
from sfumato.v1.relation_pb2 import Filter, Relation, Scan
from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.digests import library_digest
from sfumato_executor.engines.library.program import Job, JobValue, LibraryProgram, RowColumn, RowSelection
from sfumato_executor.engines.library.source import read_source, rows_per_unit
from sfumato_executor.engines.smartnoise_sql.pricing import Price, noise_scale, price
from sfumato_executor.engines.smartnoise_sql.statement import Output, Statement, read_statement
from sfumato_executor.engines.smartnoise_sql.statistics import (
    Range,
    Statistic,
    What,
    are_public,
    check_numbers,
    column_range,
    described_key,
    found_column,
    key_type,
    needed,
    squares_range,
    statistics,
)  # fmt: skip
from sfumato_executor.plan.expressions import Constant, Kind, ValueType
from sfumato_executor.plan.inference import Named
from sfumato_executor.plan.program import Loss
from sfumato_mesh.refusals import plan_rejected

NAME: Final = "smartnoise_sql"


def compile_statement(asked: Asked) -> LibraryProgram:
    """Check and price a statement.

    Raises:
        Refusal: SQL_REJECTED, PLAN_REJECTED, ACCOUNTING_MISMATCH.
    """
    if asked.question.WhichOneof("form") != "sql":
        message = "this engine reads SQL"
        raise plan_rejected("form", "question", message, hint="send question.sql, or leave engine empty")
    statement = read_statement(asked.question.sql, asked.dataset.name)
    source = Relation(scan=Scan(dataset=asked.dataset.name))
    if statement.predicate is not None:
        source = Relation(filter=Filter(input=source, predicate=statement.predicate))
    rows = read_source(source, asked.dataset)
    keys = {name: key_type(name, rows.columns) for name in statement.keys}
    drawn = statistics(statement, not are_public(keys))
    check_numbers(keys, len(drawn))
    ranges = {each: _range(each, rows.columns) for each in drawn if each.what != "rows"}
    per_unit = rows_per_unit(asked.dataset.privacy_unit)
    paid = price(asked, len(drawn), per_unit, not are_public(keys))
    scales = {each: noise_scale(_sensitivity(each, ranges), paid.epsilon) for each in drawn}
    sources = list(dict.fromkeys(each.column for each in drawn if each.column))
    # without a column a table has no rows to count
    columns = [RowColumn("one", Constant(True, ValueType(Kind.BOOLEAN, False)))]
    columns += [RowColumn(f"k{place}", rows.columns[name].expression) for place, name in enumerate(keys)]
    columns += [RowColumn(f"x{place}", rows.columns[name].expression) for place, name in enumerate(sources)]
    unit = asked.dataset.privacy_unit.column or None
    selection = RowSelection(rows.filter, tuple(columns), unit, per_unit)
    job = _job(statement, keys, ranges, drawn, paid)
    return LibraryProgram(
        engine=NAME,
        dataset=asked.dataset.name,
        rows=selection,
        job=job,
        loss=paid.loss,
        digest=library_digest(NAME, asked.dataset.name, selection, job),
        measures=_measures(statement, drawn, scales, paid, per_unit, asked.confidence),
        notes=_notes(per_unit, not are_public(keys)),
    )


def _range(statistic: Statistic, columns: Mapping[str, Named]) -> Range:
    if statistic.what == "count":
        found_column(statistic.column, columns)
        return Range(0.0, 1.0, 1.0, True)
    of = column_range(statistic.column, columns)
    return squares_range(of) if statistic.what == "squares" else of


def _sensitivity(statistic: Statistic, ranges: Mapping[Statistic, Range]) -> float:
    return ranges[statistic].largest if statistic.what in ("sum", "squares") else 1.0


def _job(
    statement: Statement,
    keys: Mapping[str, ValueType],
    ranges: Mapping[Statistic, Range],
    drawn: tuple[Statistic, ...],
    paid: Price,
) -> Job:
    sources = list(dict.fromkeys(each.column for each in drawn if each.column))
    columns: dict[str, JobValue] = {}
    told: list[JobValue] = []
    for place, each in enumerate(drawn):
        name = ""
        if each.what != "rows":
            place_of = sources.index(each.column)
            name = f"{_PREFIXES[each.what]}{place_of}"
            columns[name] = _column(name, f"x{place_of}", ranges[each], each.what)
        told.append({"name": f"s{place}", "what": each.what, "column": name})
    names = {name: f"k{place}" for place, name in enumerate(keys)}
    return {
        "keys": [described_key(names[name], kind) for name, kind in keys.items()],
        "columns": list(columns.values()),
        "statistics": told,
        "thresholded": not are_public(keys),
        "epsilon": paid.epsilon,
        "delta": paid.delta,
        "outputs": [_output(output, names, drawn, ranges) for output in statement.outputs],
        "order": [[alias, down] for alias, down in statement.order],
        "limit": statement.limit,
    }


_PREFIXES: Final = {"count": "n", "sum": "c", "squares": "q"}


def _column(name: str, source: str, of: Range, what: What) -> JobValue:
    return {
        "name": name, "source": source, "what": what, "whole": of.is_whole,
        "lower": of.lower, "upper": of.upper, "step": of.step,
    }  # fmt: skip


def _output(
    output: Output, names: Mapping[str, str], drawn: tuple[Statistic, ...], ranges: Mapping[Statistic, Range]
) -> JobValue:
    if output.form == "key":
        return {"alias": output.alias, "form": "key", "key": names[output.column]}
    parts = needed(output.form, output.column)
    is_whole = output.form in ("rows", "count") or (output.form == "sum" and ranges[parts[0]].is_whole)
    places: list[JobValue] = [f"s{drawn.index(part)}" for part in parts]
    return {"alias": output.alias, "form": output.form, "statistics": places, "whole": is_whole}


def _measures(
    statement: Statement,
    drawn: tuple[Statistic, ...],
    scales: Mapping[Statistic, float],
    paid: Price,
    per_unit: int,
    confidence: float,
) -> tuple[MeasureAccuracy, ...]:
    """Noise of each output. A statistic that several share is paid by the first; keys by the alias ""."""
    shares = dict(zip(drawn, _shares(paid.loss, len(drawn)), strict=True))
    found = []
    if paid.delta:
        rows = drawn[0]
        told = [_mechanism(rows, scales[rows], paid, per_unit, is_threshold=True)]
        found.append(MeasureAccuracy(alias="", charge=shares.pop(rows), mechanisms=told))
    for output in statement.outputs:
        if output.form == "key":
            continue
        parts = needed(output.form, output.column)
        charge = Charge(rho_picos=0, epsilon_picos=0)
        for part in parts:
            charge = _added(charge, shares.pop(part, None))
        measure = MeasureAccuracy(alias=output.alias, charge=charge)
        measure.mechanisms.extend(_mechanism(part, scales[part], paid, per_unit) for part in parts)
        if len(parts) == 1:
            # counts and sums of whole numbers are cut towards zero, which moves them by less than 1
            width = scales[parts[0]] * -math.log1p(-confidence) + 1.0
            measure.intervals.append(Interval(confidence=confidence, absolute=width))
        found.append(measure)
    return tuple(found)


def _shares(loss: Loss, count: int) -> list[Charge]:
    """A loss in equal parts whose sum is the loss; the first takes what is left over, and the δ."""
    found = []
    for place in range(count):
        first = place == 0
        epsilon = loss.epsilon_picos or 0
        charge = Charge(
            rho_picos=loss.rho_picos // count + (loss.rho_picos % count if first else 0),
            epsilon_picos=epsilon // count + (epsilon % count if first else 0),
            delta_attos=loss.delta_attos if first else 0,
        )
        found.append(charge)
    return found


def _added(one: Charge, other: Charge | None) -> Charge:
    if other is None:
        return one
    return Charge(
        rho_picos=one.rho_picos + other.rho_picos,
        epsilon_picos=one.epsilon_picos + other.epsilon_picos,
        delta_attos=one.delta_attos + other.delta_attos,
    )


def _mechanism(statistic: Statistic, scale: float, paid: Price, per_unit: int, is_threshold: bool = False) -> Mechanism:
    sensitivity = scale * paid.epsilon * per_unit
    threshold = math.ceil(1 - math.log(2 * paid.delta) / paid.epsilon) if is_threshold else 0
    kept = " with a threshold, in rows" if is_threshold else ""
    return Mechanism(
        kind=Mechanism.KIND_LIBRARY,
        scale=scale,
        step=1.0,
        sensitivity_l0=per_unit,
        sensitivity_l1=sensitivity,
        sensitivity_l2=sensitivity,
        sensitivity_linf=sensitivity,
        threshold=threshold,
        description=f"SmartNoise-SQL: Laplace noise of OpenDP on the {_TOLD[statistic.what]} in float64{kept}",
    )


_TOLD: Final = {"rows": "count of rows", "count": "count of values", "sum": "sum", "squares": "sum of squares"}


def _notes(per_unit: int, thresholded: bool) -> tuple[str, ...]:
    rows = "a row" if per_unit == 1 else f"{per_unit} rows"
    keys = (
        "keys are found: a group is shown where its noisy count of rows passes a threshold, which costs the delta"
        if thresholded
        else "keys are public: every combination is in the answer, and costs no delta"
    )
    return (
        f"neighbours differ by all rows of one unit, {rows} at most, and the loss of all is charged",
        "each count and sum is drawn once, with Laplace noise; means and variances are computed from them",
        "counts and sums of whole numbers are cut towards zero; intervals are in the quote, not in the answer",
        keys,
    )
