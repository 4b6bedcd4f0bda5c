# ruff: noqa: ARG002  (arguments are those of the protocol)
"""Compiles a synthesizer: its domain from the schema, its price from the payment. Does not import the library."""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.quote_pb2 import MeasureAccuracy, Mechanism
from sfumato.v1.synthesizer_pb2 import Synthesizer
from sfumato_executor.engine import UnreadableReleaseError
from sfumato_executor.engines.library import paying
from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.digests import library_digest
from sfumato_executor.engines.library.program import Job, JobValue, LibraryProgram, RowColumn, RowSelection
from sfumato_executor.engines.library.source import read_source, rows_per_unit
from sfumato_executor.engines.smartnoise_synth.domain import Axis, axis_of
from sfumato_executor.engines.smartnoise_synth.fitted import ARRAYS, fitted
from sfumato_executor.plan.program import Loss
from sfumato_mesh.engine_names import SMARTNOISE_SYNTH
from sfumato_mesh.money import ATTO, PICO
from sfumato_mesh.refusals import plan_rejected

LIBRARY: Final = "smartnoise-synth 1.0.8"
CELLS_MAX: Final = 2_000_000
"""Numbers, at most, that the fitted marginals of MST or AIM hold."""
JOINT_CELLS_MAX: Final = 100_000
"""Cells of MWEM's only histogram: every step of it goes over all of them."""
MARGINAL_CELLS_MAX: Final = 10_000
"""Cells of one marginal that AIM considers."""
CANDIDATES_MAX: Final = 20_000
"""Marginals, or combinations of columns, that AIM or PAC-Synth consider."""
_LEAST_RHO: Final = 1e-8
_LEAST_EPSILON: Final = 1e-4
_LEAST_OF_PAC: Final = 0.05
_SPEC: Final = "model.synthesizer"


@dataclass(frozen=True)
class _Method:
    """A method with its noise: what the library is told, what it costs, and what of it is said."""

    job: dict[str, JobValue]
    loss: Loss
    said: str


class SynthesizerAdapter:
    """Synthesizers of SmartNoise-Synth. Threads share it."""

    name = SMARTNOISE_SYNTH

    def is_installed(self) -> bool:
        """Return whether the library is there; does not import it."""
        return all(importlib.util.find_spec(name) is not None for name in ("snsynth", "mbi", "pacsynth"))

    def compile(self, asked: Asked) -> LibraryProgram:
        """Check and price a synthesizer.

        Raises:
            Refusal: PLAN_REJECTED ("unknown_column", "column", "bins", "domain_too_large", "method", "rounds",
                "loss_too_small" and those of its source), ACCOUNTING_MISMATCH.
        """
        wanted = asked.question.model.synthesizer
        source = read_source(asked.question.model.source, asked.dataset)
        axes, columns = [], []
        for place, column in enumerate(wanted.columns):
            path = f"{_SPEC}.columns[{place}]"
            found = source.columns.get(column.name)
            if found is None:
                hint = f"its columns: {', '.join(list(source.columns)[:16])}"
                raise plan_rejected("unknown_column", f"{path}.name", f"no column {column.name[:64]}", hint=hint)
            axes.append(axis_of(column, found.expression.type, path))
            columns.append(RowColumn(f"c{place}", found.expression))
        _check_names(axes)
        rows_each = rows_per_unit(asked.dataset.privacy_unit)
        unit = asked.dataset.privacy_unit.column or None
        method = _method(wanted, axes, asked, rows_each)
        rows = RowSelection(source.filter, tuple(columns), unit, rows_each)
        described = [axis.to_json() for axis in axes]
        job: Job = {**method.job, "axes": described}
        return LibraryProgram(
            engine=self.name,
            dataset=asked.dataset.name,
            rows=rows,
            job=job,
            loss=method.loss,
            digest=library_digest(self.name, asked.dataset.name, rows, job),
            measures=(_measure(method),),
            notes=_notes(method, rows_each),
            model={"library": LIBRARY, "method": method.job["method"], "axes": described},
        )

    def answer_schema(self, program: LibraryProgram) -> pa.Schema:
        """Return the columns of the fitted arrays."""
        return ARRAYS

    def render(self, program: LibraryProgram, release: pa.Table, confidence: float) -> pa.Table:
        """Return the fitted arrays, as they are.

        Raises:
            UnreadableReleaseError: they are no synthesizer.
        """
        if not fitted(release).axes:
            raise UnreadableReleaseError("it has no columns")
        return release


def _check_names(axes: Sequence[Axis]) -> None:
    if len({axis.name for axis in axes}) < len(axes):
        raise plan_rejected("alias", f"{_SPEC}.columns", "a column is named twice", hint="name each once")


def _method(wanted: Synthesizer, axes: Sequence[Axis], asked: Asked, rows_each: int) -> _Method:
    match wanted.WhichOneof("method"):
        case "mst":
            _check_pairs(axes)
            return _concentrated("mst", {}, asked, rows_each, "thirds: one-way marginals, choice of a tree, its pairs")
        case "aim":
            return _aim(wanted, axes, asked, rows_each)
        case "mwem":
            return _mwem(wanted, axes, asked, rows_each)
        case "pac":
            return _pac(wanted, axes, asked, rows_each)
        case _:
            message = "this server has no such synthesizer"
            raise plan_rejected("method", _SPEC, message, hint="mst, aim, mwem or pac")


def _concentrated(name: str, job: dict[str, JobValue], asked: Asked, rows_each: int, said: str) -> _Method:
    """A method that spends ρ for one row, so ρ·m² for m (Bun and Steinke 2016, Proposition 1.9)."""
    rho = paying.concentrated_rho(asked.payment, asked.accounting)
    each = _down(rho / PICO / rows_each**2)
    _check_loss(each, _LEAST_RHO)
    return _Method({"method": name, "rho": each, **job}, paying.concentrated_loss(rho), said)


def _aim(wanted: Synthesizer, axes: Sequence[Axis], asked: Asked, rows_each: int) -> _Method:
    degree = min(wanted.aim.degree or 2, len(axes))
    rounds = wanted.aim.rounds or 16 * len(axes)
    if rounds < 2 * len(axes):
        # AIM measures every column first, each at the loss of a round: with fewer rounds it would overspend.
        message = f"{rounds} rounds are too few for {len(axes)} columns"
        hint = f"at least {2 * len(axes)}, or none: {16 * len(axes)}"
        raise plan_rejected("rounds", f"{_SPEC}.aim.rounds", message, hint=hint)
    _check_combinations(len(axes), degree, f"{_SPEC}.aim.degree")
    sizes = sorted(axis.size for axis in axes)
    for axis in axes:
        others = list(sizes)
        others.remove(axis.size)
        if axis.size * math.prod(others[: degree - 1]) > MARGINAL_CELLS_MAX:
            raise _too_large(f"{axis.name} would be in no marginal of {MARGINAL_CELLS_MAX:,} cells")
    mib = min(wanted.aim.max_model_mib or 8, CELLS_MAX * 8 // 2**20)
    job: dict[str, JobValue] = {"rounds": rounds, "degree": degree, "model_mib": mib, "max_cells": MARGINAL_CELLS_MAX}
    said = f"at most {rounds} rounds: nine tenths measure marginals, one tenth chooses them"
    return _concentrated("aim", job, asked, rows_each, said)


def _mwem(wanted: Synthesizer, axes: Sequence[Axis], asked: Asked, rows_each: int) -> _Method:
    """Pure ε for one row, so m·ε for m rows."""
    cells = math.prod(axis.size for axis in axes)
    if cells > JOINT_CELLS_MAX:
        raise _too_large(f"their joint table has {cells:,} cells, and MWEM keeps it whole: {JOINT_CELLS_MAX:,}")
    epsilon = paying.pure_epsilon(asked.payment, asked.accounting)
    each = _down(epsilon / PICO / rows_each)
    _check_loss(each, _LEAST_EPSILON)
    width = min(wanted.mwem.marginal_width or 2, len(axes))
    _check_combinations(len(axes), width, f"{_SPEC}.mwem.marginal_width")
    iterations = wanted.mwem.iterations or 10
    job: dict[str, JobValue] = {
        "method": "mwem",
        "epsilon": each,
        "iterations": iterations,
        "marginal_width": width,
        "query_count": max(wanted.mwem.query_count or 4 * iterations, 1),
    }
    said = f"a tenth for the number of rows; {iterations} rounds, half choosing a marginal, half measuring it"
    return _Method(job, paying.pure_loss(epsilon, asked.accounting), said)


def _pac(wanted: Synthesizer, axes: Sequence[Axis], asked: Asked, rows_each: int) -> _Method:
    """(ε, δ) for one row, so (m·ε, m·e^((m−1)ε)·δ) for m rows (Vadhan 2017, Lemma 2.2)."""
    epsilon, delta = paying.approximate(asked.payment, asked.accounting)
    each = _down(epsilon / PICO / rows_each)
    share = _down(delta / ATTO / (rows_each * math.exp(min((rows_each - 1) * each, 700.0))))
    _check_loss(each, _LEAST_OF_PAC)
    _check_loss(share, 1e-18)
    length = min(wanted.pac.reporting_length or 3, len(axes))
    _check_combinations(len(axes), length, f"{_SPEC}.pac.reporting_length")
    job: dict[str, JobValue] = {"method": "pac", "epsilon": each, "delta": share, "reporting_length": length}
    said = f"counts of combinations of up to {length} columns, those above a noisy threshold"
    return _Method(job, paying.approximate_loss(epsilon, delta, asked.accounting), said)


def _check_pairs(axes: Sequence[Axis]) -> None:
    cells = max(axis.size for axis in axes) * sum(axis.size for axis in axes)
    if cells > CELLS_MAX:
        raise _too_large(f"a tree of their pairs may have {cells:,} cells: {CELLS_MAX:,}")


def _check_combinations(columns: int, most: int, path: str) -> None:
    count = sum(math.comb(columns, number) for number in range(1, most + 1))
    if count > CANDIDATES_MAX:
        message = f"{count:,} combinations of up to {most} of {columns} columns are too many"
        raise plan_rejected("domain_too_large", path, message, hint=f"at most {CANDIDATES_MAX:,}: fewer columns")


def _too_large(message: str) -> Exception:
    hint = "use fewer columns or bins, or another method"
    return plan_rejected("domain_too_large", f"{_SPEC}.columns", f"{message} at most", hint=hint)


def _check_loss(each: float, least: float) -> None:
    if each < least:
        message = f"the loss is below what one row can be told for: {each:.3g} is less than {least:.0e}"
        raise plan_rejected("loss_too_small", "payment", message, hint="pay more, or bound rows per unit tighter")


def _down(amount: float) -> float:
    """An amount that rounding has not raised."""
    return math.nextafter(amount * (1 - 1e-12), 0.0)


def _measure(method: _Method) -> MeasureAccuracy:
    charge = Charge(rho_picos=method.loss.rho_picos, delta_attos=method.loss.delta_attos)
    if method.loss.epsilon_picos is not None:
        charge.epsilon_picos = method.loss.epsilon_picos
    said = f"{LIBRARY} {method.job['method']}: {method.said}"
    mechanism = Mechanism(kind=Mechanism.KIND_LIBRARY, description=said)
    return MeasureAccuracy(alias="model", charge=charge, mechanisms=[mechanism])


def _notes(method: _Method, rows_each: int) -> tuple[str, ...]:
    rows = "one row" if rows_each == 1 else f"{rows_each:,} rows"
    return (
        f"the library's guarantee is for adding or removing a row; a unit has at most {rows}, which is in the price",
        "the domain is the schema's: values that no row has can be drawn, others cannot",
        "rows are drawn for free, any number of times, and belong to nobody",
        *(["the model keeps a pool of rows, drawn once"] if method.job["method"] == "pac" else []),
    )
