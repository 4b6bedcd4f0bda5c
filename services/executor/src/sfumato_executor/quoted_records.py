"""Dataset records of quotes, made whole: the gateway sends them without schemas, which may be large."""

from collections import OrderedDict
from typing import Final, Protocol

from google.protobuf.message import Message

from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord

_KEPT: Final = 32

_Key = tuple[str, int, bytes, bytes]


class ReadsRecords(Protocol):
    """Reads a dataset as it was when a version was published: the front's accountant."""

    async def dataset_record(self, name: str, version: int) -> DatasetRecord:
        """Return the record, with its schema. Raises Refusal."""
        ...


class QuotedRecords:
    """Puts the schema of a published version into a record that came without. For one event loop."""

    def __init__(self, records: ReadsRecords) -> None:
        self._records = records
        self._whole: OrderedDict[_Key, DatasetRecord] = OrderedDict()

    async def whole(self, record: DatasetRecord) -> DatasetRecord:
        """Return the record with all that was published; policy and population are those of the given one.

        A record that has its schema, and one of which nothing is published, is returned as it is.

        Raises:
            Refusal: DATASET_NOT_PUBLISHED, SERVICE_UNAVAILABLE.
        """
        brief = record.published
        if not record.HasField("published") or brief.HasField("schema"):
            return record
        key = (brief.name, brief.version, _text(record.dataset.policy), _text(record.population))
        known = self._whole.get(key)
        if known is not None:
            self._whole.move_to_end(key)
            return known
        published = (await self._records.dataset_record(brief.name, brief.version)).published
        made = DatasetRecord(dataset=record.dataset, population=record.population, published=published)
        self._whole[key] = made
        if len(self._whole) > _KEPT:
            self._whole.popitem(last=False)
        return made


def _text(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)
