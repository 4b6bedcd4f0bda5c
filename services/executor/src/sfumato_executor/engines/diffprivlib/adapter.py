# ruff: noqa: ARG002  (arguments are those of the protocol)
"""Compiles an estimator: its inputs from the schema, its price from the payment. Does not import the library."""

import importlib.util
import math
from collections.abc import Sequence
from typing import Final

import grpc
import pyarrow as pa

from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.estimator_pb2 import Estimator
from sfumato.v1.quote_pb2 import MeasureAccuracy, Mechanism
from sfumato_executor.engines.diffprivlib.decoding import ARRAYS, fitted_estimator
from sfumato_executor.engines.diffprivlib.features import (
    Feature,
    Target,
    check_width,
    feature,
    target_of_classes,
    target_of_numbers,
)
from sfumato_executor.engines.diffprivlib.steps import Step, read_steps
from sfumato_executor.engines.library import paying
from sfumato_executor.engines.library.adapter import Asked
from sfumato_executor.engines.library.digests import library_digest
from sfumato_executor.engines.library.program import Job, JobValue, LibraryProgram, RowColumn, RowSelection
from sfumato_executor.engines.library.source import read_source, rows_per_unit
from sfumato_executor.plan.resolution import Rows
from sfumato_mesh.engine_names import DIFFPRIVLIB
from sfumato_mesh.money import PICO
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import plan_rejected

LIBRARY: Final = "diffprivlib 0.6.6"
_LEAST_EPSILON: Final = 1e-5
_PATH: Final = "model.estimator"
_MOST_CELLS: Final = 25_000_000
"""Values of features and target, at most: they are laid out outside the library's process too, 8 bytes each."""


class EstimatorAdapter:
    """Pipelines of Diffprivlib. Threads share it."""

    name = DIFFPRIVLIB

    def is_installed(self) -> bool:
        """Return whether the library is there; does not import it."""
        return importlib.util.find_spec("diffprivlib") is not None

    def compile(self, asked: Asked) -> LibraryProgram:
        """Check and price an estimator.

        Raises:
            Refusal: GUARANTEE_NOT_ACCEPTED, where no row count is public; PLAN_REJECTED ("unknown_column", "column",
                "target", "steps", "parameter", "row_count", "too_many_inputs", "loss_too_small" and those of its
                source); ACCOUNTING_MISMATCH.
        """
        wanted = asked.question.model.estimator
        row_count = _row_count(wanted, asked.dataset)
        source = read_source(asked.question.model.source, asked.dataset)
        found = [
            feature(name, source.columns, f"{_PATH}.features[{place}]") for place, name in enumerate(wanted.features)
        ]
        features, columns = [each for each, _ in found], [column for _, column in found]
        check_width(features)
        steps = read_steps(wanted, sum(each.width for each in features), row_count)
        target = _target(wanted, steps[-1], source, columns)
        unit, rows_each = asked.dataset.privacy_unit.column or None, rows_per_unit(asked.dataset.privacy_unit)
        rows = RowSelection(source.filter, tuple(columns), unit, rows_each, drop_nulls=True, row_count=row_count)
        epsilon = paying.pure_epsilon(asked.payment, asked.accounting)
        shares = _shares(epsilon, steps)
        job = _job(
            features, target, steps, [_told(share, step, rows_each) for share, step in zip(shares, steps, strict=True)]
        )
        return LibraryProgram(
            engine=self.name,
            dataset=asked.dataset.name,
            rows=rows,
            job=job,
            loss=paying.pure_loss(epsilon, asked.accounting),
            digest=library_digest(self.name, asked.dataset.name, rows, job),
            measures=_measures(steps, shares, epsilon, asked.accounting),
            notes=_notes(row_count, rows_each),
            model=_described(features, target, steps),
        )

    def answer_schema(self, program: LibraryProgram) -> pa.Schema:
        """Return the columns of the fitted arrays."""
        return ARRAYS

    def render(self, program: LibraryProgram, release: pa.Table, confidence: float) -> pa.Table:
        """Return the fitted arrays, as they are.

        Raises:
            UnreadableReleaseError: they are no estimator.
        """
        fitted_estimator(release)
        return release


def _row_count(wanted: Estimator, dataset: Dataset) -> int:
    public = dataset.policy.public_row_count
    if public:
        count = int(wanted.row_count or public)
        if count < 2:
            raise plan_rejected("row_count", f"{_PATH}.row_count", "one row has no variance", hint="at least 2")
        most = min(2 * public, _MOST_CELLS // (len(wanted.features) + 1))
        if count > most:
            message = f"{count:,} rows of {len(wanted.features)} features, where {public:,} are public"
            raise plan_rejected("row_count", f"{_PATH}.row_count", message, hint=f"a row_count of at most {most:,}")
        return count
    raise Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "GUARANTEE_NOT_ACCEPTED",
        f"{LIBRARY} promises for a known number of rows, and {dataset.name} declares none public",
        metadata={
            "dataset": dataset.name,
            "engine": DIFFPRIVLIB,
            "guarantee": "for replacing one of a known number of rows",
            "hint": "its custodian may declare public_row_count; synthesizers and native measures need none",
        },
        precondition=("GUARANTEE", dataset.name, "the policy must declare a public row count"),
    )


def _target(wanted: Estimator, last: Step, source: Rows, columns: list[RowColumn]) -> Target | None:
    """Return what is predicted, and put its column behind the features."""
    if not last.target:
        return None
    read = target_of_classes if last.target == "class" else target_of_numbers
    target, column = read(wanted.target, source.columns)
    columns.append(column)
    return target


def _shares(epsilon: int, steps: Sequence[Step]) -> list[int]:
    """Picos of each step by weight; the first gets what rounding leaves."""
    whole = sum(step.weight for step in steps)
    shares = [epsilon * step.weight // whole for step in steps]
    shares[0] += epsilon - sum(shares)
    return shares


def _told(share: int, step: Step, rows_each: int) -> float:
    """ε that the library is told: a unit replaces `rows_each` rows, each of which moves a step `replaced` times."""
    told = math.nextafter(share / PICO / (rows_each * step.replaced) * (1 - 1e-12), 0.0)
    if told < _LEAST_EPSILON:
        message = f"{step.kind} would get an epsilon of {told:.3g}"
        raise plan_rejected("loss_too_small", "payment", message, hint=f"at least {_LEAST_EPSILON}: pay more")
    return told


def _job(features: Sequence[Feature], target: Target | None, steps: Sequence[Step], told: Sequence[float]) -> Job:
    described: list[JobValue] = [
        {"kind": each.kind.value, "width": each.width, "offset": each.offset, "scale": each.scale} for each in features
    ]
    made: list[JobValue] = [
        {"kind": step.kind, "epsilon": epsilon, **step.job} for step, epsilon in zip(steps, told, strict=True)
    ]
    numbers: JobValue = None if target is None else {"offset": target.offset, "scale": target.scale}
    classes = [] if target is None else list(target.classes)
    return {"features": described, "target": numbers, "classes": classes, "steps": made}


def _described(features: Sequence[Feature], target: Target | None, steps: Sequence[Step]) -> Job:
    is_number = target is not None and not target.classes
    numbers: JobValue = {"offset": target.offset, "scale": target.scale} if target is not None and is_number else None
    return {
        "library": LIBRARY,
        "inputs": [name for each in features for name in each.names],
        "offsets": [each.offset for each in features for _ in each.names],
        "scales": [each.scale for each in features for _ in each.names],
        "classes": [] if target is None else list(target.classes),
        "target": numbers,
        "steps": [step.kind for step in steps],
    }


def _measures(
    steps: Sequence[Step], shares: Sequence[int], epsilon: int, accounting: int
) -> tuple[MeasureAccuracy, ...]:
    """What each step does; its ρ is its part of the whole, which is not the sum of theirs."""
    whole = paying.pure_loss(epsilon, accounting)
    found = []
    left = whole.rho_picos
    for place, (step, share) in enumerate(zip(steps, shares, strict=True)):
        rho = left if place + 1 == len(steps) else whole.rho_picos * share // epsilon
        left -= rho
        mechanism = Mechanism(kind=Mechanism.KIND_LIBRARY, description=f"{LIBRARY} {step.kind}")
        charge = Charge(rho_picos=rho, epsilon_picos=share)
        found.append(MeasureAccuracy(alias=step.kind, charge=charge, mechanisms=[mechanism]))
    return tuple(found)


def _notes(row_count: int, rows_each: int) -> tuple[str, ...]:
    rows = "one row" if rows_each == 1 else f"{rows_each:,} rows"
    return (
        f"the library's guarantee is for replacing one of a known number of rows: exactly {row_count:,} are fitted, "
        "made-up ones added or rows left out at random",
        f"a unit has at most {rows}, which is in the price; a row that moves two counts is paid twice",
        "rows with a null in a feature or the target are left out; there is no score: ask for one as a question",
    )
