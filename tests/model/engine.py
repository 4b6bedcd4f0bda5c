"""The engine of the model: prices what the payment says, and draws numbers that are never drawn again."""

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa

from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.quote_pb2 import DataVersion, MeasureAccuracy, Quote
from sfumato_executor.engine import Family, UnreadableReleaseError
from sfumato_executor.plan.program import Loss, Program
from sfumato_executor.releases.sealing import Unsealed
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord
from sfumato_mesh.v1.task_pb2 import Task


class ModelEngine:
    """A WorkerEngine and a FrontEngine."""

    def __init__(self, give_up_seconds: int) -> None:
        self._give_up_seconds = give_up_seconds
        self._draws = itertools.count(1)

    def warm_up(self) -> None:
        """There is nothing to import."""

    def price(self, task: Task, record: DatasetRecord) -> Program:
        rho = task.payment.rho.rho_picos
        digest = hashlib.sha256(task.plan.SerializeToString(deterministic=True) + str(rho).encode()).digest()
        return cast("Program", SimpleNamespace(loss=Loss(rho, None, 0), digest=digest))

    def measures(self, program: Program, task: Task, record: DatasetRecord) -> Sequence[MeasureAccuracy]:
        return [MeasureAccuracy(alias="n", charge=Charge(rho_picos=program.loss.rho_picos))]

    def draw(self, program: Program, folder: Path) -> pa.Table:
        return pa.table({"n": [next(self._draws)]})

    def quote(self, task: Task, record: DatasetRecord, group_sizes: Sequence[int]) -> Quote:
        program = self.price(task, record)
        quote = Quote(
            plan_digest=program.digest,
            charge=Charge(rho_picos=program.loss.rho_picos),
            data_versions=[DataVersion(dataset=record.published.name, version=record.published.version)],
        )
        quote.give_up_after.FromSeconds(self._give_up_seconds)
        return quote

    def render(self, program: Program, release: pa.Table, confidence: float) -> pa.Table:
        return release

    def family(self, task: Task, record: DatasetRecord) -> Family:
        return Family(b"", is_base=False, is_derivable=False)

    def derived_measures(self, drawn: Task, asked: Task, record: DatasetRecord, group_sizes: Sequence[int]) -> None:
        return None

    def reread(self, sealed: Unsealed, drawn: Task, asked: Task, record: DatasetRecord) -> pa.Table:
        raise UnreadableReleaseError

    def derive(self, sealed: Unsealed, drawn: Task, asked: Task, record: DatasetRecord) -> pa.Table:
        raise UnreadableReleaseError

    def dummy(self, task: Task, record: DatasetRecord, row_count: int, seed: int) -> Any:
        raise NotImplementedError
