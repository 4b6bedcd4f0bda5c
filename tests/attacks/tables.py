"""Programs and tables for attacks on the engine itself: compiled and prepared as the services do it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from google.protobuf import text_format

from sfumato.v1 import dataset_pb2, payment_pb2, plan_pb2, population_pb2
from sfumato_executor.engines.native.engine import exact_vectors
from sfumato_executor.plan.compiler import compile_plan
from sfumato_executor.plan.program import Program
from sfumato_executor.preparation.preparing import prepare
from sfumato_executor.preparation.table import PreparedTable
from sfumato_mesh.refusal import Refusal

NAME = "datasets/d"
SCAN = f'source {{ scan {{ dataset: "{NAME}" }} }}'
Columns = Mapping[str, Any]


def dataset(schema: str, unit: str = "") -> dataset_pb2.Dataset:
    """A dataset from columns and privacy unit in protobuf's text form."""
    return text_format.Parse(f'name: "{NAME}" privacy_unit {{ {unit} }} schema {{ {schema} }}', dataset_pb2.Dataset())


def program(
    plan: str | plan_pb2.Plan, made: dataset_pb2.Dataset, payment: payment_pb2.Payment | None = None
) -> Program:
    """A compiled plan; it pays ρ = 1, and δ = 1e-6 for keys, unless a payment is given."""
    parsed = text_format.Parse(plan, plan_pb2.Plan()) if isinstance(plan, str) else plan
    if payment is None:
        payment = payment_pb2.Payment()
        payment.rho.rho_picos, payment.rho.delta_attos = 10**12, 10**12
    return compile_plan(parsed, payment, made, population_pb2.ACCOUNTING_ZCDP)


def program_or_rule(
    plan: str | plan_pb2.Plan, made: dataset_pb2.Dataset, payment: payment_pb2.Payment | None = None
) -> Program | str:
    """As `program`, or the rule that the plan breaks. Any other exception than a refused plan goes through."""
    try:
        return program(plan, made, payment)
    except Refusal as refusal:
        if refusal.reason != "PLAN_REJECTED" or not refusal.fields:
            raise
        return refusal.metadata["rule"]


def table(made: dataset_pb2.Dataset, columns: Columns) -> PreparedTable:
    """A prepared table of these columns; lists become Arrow arrays as Arrow infers them."""
    folder = Path(tempfile.mkdtemp()) / "version"
    batch = pa.record_batch(
        {name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()}
    )
    prepare(made, [batch], folder)
    return PreparedTable.open(folder)


def exact(made: Program, prepared: PreparedTable) -> list[list[int]]:
    """The exact integers of every vector, flat."""
    return [[int(value) for value in vector.ravel()] for vector in exact_vectors(made, prepared).vectors]


def moved(made: Program, one: PreparedTable, other: PreparedTable) -> list[tuple[int, int]]:
    """For every vector of a program with public keys: (measured L∞ between two tables, the declared one)."""
    pairs = zip(exact(made, one), exact(made, other), strict=True)
    found = [max(abs(a - b) for a, b in zip(first, second, strict=True)) for first, second in pairs]
    return [(distance, vector.sensitivity.linf) for distance, vector in zip(found, made.vectors, strict=True)]
