"""One preparation: from a dataset's source to published files, and its end in the catalogue.

Only custodians see how it went, so problems may tell about the data; logs may not.
"""

import enum
import json
import logging
import os
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import tenacity

from sfumato.v1.dataset_pb2 import Dataset
from sfumato_executor.accountant import WorkerAccountant, is_transient
from sfumato_executor.releases.objects import StoreUnavailableError
from sfumato_executor.releases.prepared import PreparedData
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1.catalog_service_pb2 import Preparation

_LOG: Final = logging.getLogger(__name__)
_PROBLEMS: Final = "problems.json"
_MOST_PROBLEMS: Final = 1000
_TRIES: Final = 8
_WAIT: Final = tenacity.wait_random_exponential(multiplier=0.05, max=5.0)


class NotPublishableError(Exception):
    """The source cannot be read, or its data cannot be published."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the data cannot be published")
        self.problems = tuple(problems)


class Preparer(Protocol):
    """What reads a source and writes prepared files."""

    def prepare(self, dataset: Dataset, folder: Path) -> Sequence[str]:
        """Fill a new folder, synced; return what was mended, in words.

        Raises:
            NotPublishableError: it cannot be done, whoever tries again.
        """
        ...


class Prepared(enum.Enum):
    """How a task ended."""

    ENDED = "ended"  # ready or refused, now or before
    DROPPED = "dropped"  # nothing to do
    FAILED = "failed"  # the preparation stays open


@dataclass(frozen=True)
class PreparationWorker:
    """Runs preparations. Threads may share it."""

    accountant: WorkerAccountant
    prepared: PreparedData
    preparer: Preparer
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, preparation_id: str) -> Prepared:
        """Make a preparation ready or end it as refused; never raises."""
        try:
            ended = self._run(preparation_id)
        except Exception as error:  # noqa: BLE001  (its text may hold values of the data)
            _LOG.error("preparation %s failed: %s", preparation_id, type(error).__name__)
            return Prepared.FAILED
        _LOG.info("preparation %s: %s", preparation_id, ended.value)
        return ended

    def _run(self, preparation_id: str) -> Prepared:
        try:
            preparation = self._retrying()(self.accountant.preparation, preparation_id)
        except Refusal as refusal:
            if refusal.reason == "PREPARATION_UNKNOWN":
                return Prepared.DROPPED
            raise
        if preparation.state != Preparation.STATE_OPEN:
            return Prepared.DROPPED
        try:
            problems = self._published_problems(preparation_id)
            if problems is None:
                problems = self._make(preparation)
            state = Preparation.STATE_READY
        except NotPublishableError as verdict:
            problems, state = verdict.problems, Preparation.STATE_REFUSED
        self._retrying()(self.accountant.end_preparation, preparation_id, state, problems[:_MOST_PROBLEMS])
        return Prepared.ENDED

    def _published_problems(self, preparation_id: str) -> Sequence[str] | None:
        """Return what an earlier run of this task, which ended before it could say so, has mended."""
        folder = self.prepared.fetch(preparation_id)
        return None if folder is None else tuple(json.loads((folder / _PROBLEMS).read_bytes()))

    def _make(self, preparation: Preparation) -> Sequence[str]:
        """Prepare the dataset and publish its files, unless that is not wanted; return what was mended."""
        folder = self.prepared.new_folder()
        try:
            problems = self._prepare(preparation, folder)
            if not preparation.validate_only:
                _write_synced(folder / _PROBLEMS, json.dumps(problems))
                self.prepared.publish(preparation.preparation_id, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return problems

    def _prepare(self, preparation: Preparation, folder: Path) -> Sequence[str]:
        try:
            return list(self.preparer.prepare(preparation.dataset, folder))
        except (NotPublishableError, StoreUnavailableError):
            raise
        except Exception as error:  # noqa: BLE001  (an operation that repeats its failure for ever helps nobody)
            _LOG.error("preparation %s: %s", preparation.preparation_id, type(error).__name__)
            raise NotPublishableError([f"the data could not be prepared ({type(error).__name__})"]) from None

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_transient),
            wait=_WAIT,
            stop=tenacity.stop_after_attempt(_TRIES) | tenacity.stop_when_event_set(self.stopping),
            sleep=tenacity.sleep_using_event(self.stopping),
            reraise=True,
        )


def _write_synced(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
