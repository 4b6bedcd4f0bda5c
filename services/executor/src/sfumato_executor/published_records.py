"""Dataset records of published versions, kept: schema, unit, source and preparation of a version never change.

What else is in a record (the present policy) may be out of date here, so this is for running and reading what was
sold, never for selling.
"""

import threading
from collections import OrderedDict
from typing import Final

from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord

_KEPT: Final = 64


class PublishedRecords:
    """The records that were asked last, by dataset and version. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: OrderedDict[tuple[str, int], DatasetRecord] = OrderedDict()

    def get(self, name: str, version: int) -> DatasetRecord | None:
        """Return a record, which nobody may change; None: it is not kept."""
        with self._lock:
            record = self._records.get((name, version))
            if record is not None:
                self._records.move_to_end((name, version))
            return record

    def keep(self, name: str, version: int, record: DatasetRecord) -> DatasetRecord:
        """Keep a record and return it."""
        with self._lock:
            self._records[name, version] = record
            if len(self._records) > _KEPT:
                self._records.popitem(last=False)
        return record
