"""One preparation, driven through every way it can end."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from sfumato.v1.dataset_pb2 import Dataset
from sfumato_executor.preparation_worker import NotPublishableError, PreparationWorker, Prepared
from sfumato_executor.releases.directory_objects import DirectoryObjects
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.releases.prepared import DirectoryPrepared
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.catalog_service_pb2 import Preparation

ID = "22222222-2222-4222-8222-222222222222"
VALUE = "a-value-of-the-data"
AWAY = Refusal(grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE", "away")


def preparation(state: "Preparation.State" = Preparation.STATE_OPEN, *, check: bool = False) -> Preparation:
    return Preparation(preparation_id=ID, state=state, validate_only=check, dataset=Dataset(name="datasets/penguins"))


@dataclass
class Accountant:
    """Holds one preparation; fails so many times before it answers."""

    present: Preparation = field(default_factory=preparation)
    failures: list[Exception] = field(default_factory=list)
    ends: list[tuple["Preparation.State", list[str]]] = field(default_factory=list)

    def preparation(self, preparation_id: str) -> Preparation:
        self._fail()
        return self.present

    def end_preparation(self, preparation_id: str, state: "Preparation.State", problems: Sequence[str]) -> Preparation:
        self._fail()
        self.ends.append((state, list(problems)))
        return self.present

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class Preparer:
    """Writes one file, or fails."""

    failure: Exception | None = None
    runs: int = 0

    def prepare(self, dataset: Dataset, folder: Path) -> Sequence[str]:
        assert dataset.name == "datasets/penguins"
        assert not folder.exists()
        self.runs += 1
        if self.failure is not None:
            raise self.failure
        folder.mkdir()
        (folder / "rows").write_text(f"run {self.runs}")
        return ["bill_length_mm: 2 values were moved to a bound"]


@dataclass
class Bench:
    """A worker over fakes and a real directory."""

    accountant: Accountant
    preparer: Preparer
    prepared: DirectoryPrepared
    root: Path

    def run(self) -> Prepared:
        worker: Any = PreparationWorker(self.accountant, self.prepared, self.preparer)  # type: ignore[arg-type]
        return worker.run(ID)  # type: ignore[no-any-return]

    def leftovers(self) -> list[Path]:
        return list((self.root / ".staging").iterdir())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Accountant(), Preparer(), DirectoryPrepared(DirectoryObjects(tmp_path)), tmp_path)


def test_ready(bench: Bench) -> None:
    assert bench.run() is Prepared.ENDED
    assert bench.accountant.ends == [(Preparation.STATE_READY, ["bill_length_mm: 2 values were moved to a bound"])]
    folder = bench.prepared.fetch(ID)
    assert folder is not None
    assert (folder / "rows").read_text() == "run 1"
    assert bench.leftovers() == []


def test_only_checked_publishes_nothing(bench: Bench) -> None:
    bench.accountant.present = preparation(check=True)
    assert bench.run() is Prepared.ENDED
    assert bench.accountant.ends[0][0] == Preparation.STATE_READY
    assert bench.prepared.fetch(ID) is None
    assert bench.leftovers() == []


def test_refused_tells_the_custodian(bench: Bench) -> None:
    bench.preparer.failure = NotPublishableError([f"no column {VALUE}"])
    assert bench.run() is Prepared.ENDED
    assert bench.accountant.ends == [(Preparation.STATE_REFUSED, [f"no column {VALUE}"])]
    assert bench.prepared.fetch(ID) is None


def test_an_unexpected_failure_ends_it_without_its_text(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench.preparer.failure = KeyError(VALUE)
    assert bench.run() is Prepared.ENDED
    [(state, problems)] = bench.accountant.ends
    assert state == Preparation.STATE_REFUSED
    assert "KeyError" in problems[0]
    assert VALUE not in problems[0]
    assert VALUE not in caplog.text


def test_store_away_leaves_it_open(bench: Bench) -> None:
    bench.preparer.failure = StoreUnavailableError("away")
    assert bench.run() is Prepared.FAILED
    assert bench.accountant.ends == []


@pytest.mark.parametrize("state", [Preparation.STATE_READY, Preparation.STATE_REFUSED, Preparation.STATE_CANCELLED])
def test_redelivery_after_the_end_is_dropped(bench: Bench, state: "Preparation.State") -> None:
    bench.accountant.present = preparation(state)
    assert bench.run() is Prepared.DROPPED
    assert bench.preparer.runs == 0


def test_unknown_is_dropped(bench: Bench) -> None:
    bench.accountant.failures = [Refusal(grpc.StatusCode.NOT_FOUND, "PREPARATION_UNKNOWN", "unknown")]
    assert bench.run() is Prepared.DROPPED


def test_redelivery_after_a_crash_does_not_prepare_again(bench: Bench) -> None:
    bench.accountant.failures = [AWAY, AWAY]
    assert bench.run() is Prepared.ENDED
    assert bench.run() is Prepared.ENDED  # as if the first run had died before its end was known
    assert bench.preparer.runs == 1
    assert bench.accountant.ends[0] == bench.accountant.ends[1]


def test_the_second_of_two_runs_leaves_the_first_ones_files(bench: Bench) -> None:
    folder = bench.prepared.new_folder()
    folder.mkdir()
    (folder / "rows").write_text("first")
    (folder / "problems.json").write_text('["first"]')

    class Late(Preparer):
        def prepare(self, dataset: Dataset, folder_: Path) -> Sequence[str]:
            bench.prepared.publish(ID, folder)
            return super().prepare(dataset, folder_)

    bench.preparer = Late()
    assert bench.run() is Prepared.ENDED
    kept = bench.prepared.fetch(ID)
    assert kept is not None
    assert (kept / "rows").read_text() == "first"
    assert bench.leftovers() == []


def test_at_most_a_thousand_problems(bench: Bench) -> None:
    bench.preparer.failure = NotPublishableError([str(index) for index in range(3000)])
    bench.run()
    assert len(bench.accountant.ends[0][1]) == 1000
