"""Publication: how prepared data become a dataset's next version.

The dataset's record is the register. Its attachment holds the dataset as it was at publication and the preparation
that made the data; one replacement, guarded by the record's etag, raises the version and sets the attachment, so that
a definition that changes meanwhile is never published and no number is given twice. Versions that were replaced are
kept in records of their own, put just before the next publication: a crash between two writes loses none.
"""

from typing import Final

from sfumato.v1.dataset_pb2 import Dataset, DatasetVersion
from sfumato_accountant.catalog.collection import Collection, Entry
from sfumato_accountant.stores.ports import RecordStore
from sfumato_mesh.clock import Clock
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord, Preparation

CHANGED: Final = "the dataset's schema, privacy unit or source changed while its data were made ready: publish again"
DELETED: Final = "the dataset was deleted while its data were made ready"

_KIND: Final = "dataset_version"
_ETAG: Final = "1"  # never replaced
_BATCH: Final = 100


class NotPublishable(Exception):  # noqa: N818  (an outcome of a preparation, not a bug)
    """The prepared data are not those of the dataset as it is now; says why, for its custodian."""


def published_of(entry: Entry[Dataset]) -> DatasetRecord | None:
    """Return what is published now: the dataset at that time and its preparation. None: nothing."""
    return DatasetRecord.FromString(entry.attachment) if entry.attachment else None


class Publications:
    """Published versions of all datasets."""

    def __init__(self, datasets: Collection[Dataset], records: RecordStore, clock: Clock) -> None:
        self._datasets = datasets
        self._records = records
        self._clock = clock

    async def publish(self, preparation: Preparation) -> Dataset:
        """Make the data of a preparation the next version, unless that was done before; return what was published.

        Any number of callers may do this at once, for one preparation or several.

        Raises:
            NotPublishable: the dataset was changed or deleted meanwhile.
        """
        while True:
            entry = await self._datasets.find(self._datasets.kind.id_of(preparation.dataset.name))
            if entry is None:
                raise NotPublishable(DELETED)
            published = await self._published_by(entry, preparation.preparation_id)
            if published is not None:
                return published
            if entry.deleted:
                raise NotPublishable(DELETED)
            if not _is_same_definition(entry.message, preparation.dataset):
                raise NotPublishable(CHANGED)
            await self._keep(entry)
            after = Dataset()
            after.CopyFrom(entry.message)
            after.version += 1
            after.update_time.FromDatetime(self._clock.now())
            after.ClearField("etag")
            record = DatasetRecord(published=after, preparation_id=preparation.preparation_id)
            if await self._datasets.replace(entry, after, attachment=record.SerializeToString(deterministic=True)):
                return after

    async def snapshot(self, entry: Entry[Dataset], version: int) -> DatasetRecord | None:
        """Return the dataset as published at a version (0: the present one) and its preparation; None: never was."""
        present = published_of(entry)
        if present is None or version in (0, present.published.version):
            return present
        record = await self._records.get(_KIND, _version_id(entry.id, version))
        return None if record is None else DatasetRecord.FromString(record.body)

    async def versions(self, entry: Entry[Dataset], before: int, limit: int) -> list[DatasetRecord]:
        """Return up to `limit` versions below `before`, newest first."""
        highest = min(before - 1, entry.message.version)
        if highest <= 0:
            return []
        found = []
        present = published_of(entry)
        if present is not None and present.published.version == highest:
            found.append(present)
            highest -= 1
        lowest = max(0, highest - (limit - len(found)))
        if highest > lowest:
            after, prefix = _version_id(entry.id, lowest), f"{entry.id}/"
            kept = await self._records.list(_KIND, after=after, prefix=prefix, limit=highest - lowest)
            found += [DatasetRecord.FromString(record.body) for record in reversed(kept)]
        return found

    async def _published_by(self, entry: Entry[Dataset], preparation_id: str) -> Dataset | None:
        """Return what a preparation published; None: nothing yet."""
        before = entry.message.version + 1
        while found := await self.versions(entry, before, _BATCH):
            for record in found:
                if record.preparation_id == preparation_id:
                    return record.published
            before = found[-1].published.version
        return None

    async def _keep(self, entry: Entry[Dataset]) -> None:
        """Put the present version in a record of its own, unless it is there."""
        present = published_of(entry)
        if present is not None:
            body = present.SerializeToString(deterministic=True)
            await self._records.insert(_KIND, _version_id(entry.id, present.published.version), body, _ETAG)


def dataset_version(published: Dataset, present: int) -> DatasetVersion:
    """Return a version as it is told, without problems; `present` is the number of the one that queries read now."""
    is_present = published.version == present
    return DatasetVersion(
        name=f"{published.name}/versions/{published.version}",
        state=DatasetVersion.STATE_ACTIVE if is_present else DatasetVersion.STATE_RETIRED,
        publish_time=published.update_time,
    )


def _version_id(dataset_id: str, version: int) -> str:
    return f"{dataset_id}/{version:019d}"


def _is_same_definition(left: Dataset, right: Dataset) -> bool:
    """Whether data made ready for one are those of the other; policy and texts do not matter."""
    return (
        left.population == right.population
        and left.schema == right.schema
        and left.privacy_unit == right.privacy_unit
        and left.source == right.source
    )
