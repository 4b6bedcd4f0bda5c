"""Preparations: the record of work that makes data versions.

A preparation ends once. Its record decides: the first who replaces OPEN wins. Where that is to publish, the decision
(READY, no end time yet) is written before the dataset changes; whoever meets such a record finishes it, so that a crash
in between leaves nothing half done. Open ones are found through an index that is put before the record and removed
after its end; what it names too much is passed over.
"""

from typing import Final

from sfumato.v1.dataset_pb2 import DatasetVersion
from sfumato_accountant.catalog.collection import Collection, Entry
from sfumato_accountant.catalog.kinds import PREPARATION
from sfumato_accountant.catalog.pages import page_size, page_start, page_token
from sfumato_accountant.catalog.publication import NotPublishable, Publications, dataset_version
from sfumato_accountant.catalog.refusals import preparation_unknown
from sfumato_accountant.stores.ports import RecordStore
from sfumato_mesh.clock import Clock
from sfumato_mesh.refusals import access_denied, request_id_reused
from sfumato_mesh.v1.catalog_service_pb2 import Preparation

_OPEN_KIND: Final = "open_preparation"
_OPEN_MAX: Final = 10_000


class Preparations:
    """All preparations."""

    def __init__(self, records: RecordStore, publications: Publications, clock: Clock) -> None:
        self._records = records
        self._collection = Collection(PREPARATION, records)
        self._publications = publications
        self._clock = clock

    async def create(self, wanted: Preparation) -> Preparation:
        """Put a preparation if its id is free; else return the one that is there.

        Raises:
            Refusal: REQUEST_ID_REUSED, where that one is of another dataset or kind; ACCESS_DENIED, of another user.
        """
        entry = await self._collection.find(wanted.preparation_id)
        if entry is None:
            created = Preparation()
            created.CopyFrom(wanted)
            created.state = Preparation.STATE_OPEN
            created.create_time.FromDatetime(self._clock.now())
            await self._records.insert(_OPEN_KIND, wanted.preparation_id, b"", "1")
            entry = await self._collection.insert(wanted.preparation_id, created)
            if entry is not None:
                return entry.message
            entry = await self._require(wanted.preparation_id)
        known = entry.message
        if known.user != wanted.user:
            raise access_denied(_operation(wanted.preparation_id))
        if (known.dataset.name, known.validate_only) != (wanted.dataset.name, wanted.validate_only):
            raise request_id_reused()
        return (await self._settled(entry)).message

    async def find(self, preparation_id: str, user: str) -> Preparation | None:
        """Return a preparation, also one that was forgotten, if it is of `user`; None: there is none such."""
        entry = await self._collection.find(preparation_id)
        return None if entry is None or entry.message.user != user else (await self._settled(entry)).message

    async def get(self, preparation_id: str, user: str) -> Preparation:
        """Return a preparation, for its user; for the mesh itself (user "") also one that was forgotten.

        Raises:
            Refusal: ACCESS_DENIED for a user, PREPARATION_UNKNOWN for the mesh.
        """
        entry = await (self._require(preparation_id, user) if user else self._reread(preparation_id))
        return (await self._settled(entry)).message

    async def problems(self, preparation_id: str) -> list[str]:
        """Return what was mended in the data of a preparation, also of one that was forgotten."""
        entry = await self._collection.find(preparation_id)
        return [] if entry is None else list(entry.message.problems)

    async def page(self, user: str, size: int, token: str) -> tuple[list[Preparation], str]:
        """Return a page of the user's, newest first; for the mesh itself (user "") of open ones, oldest first."""
        conditions, limit = f"preparations?user={user}", page_size(size)
        after = page_start(conditions, token)
        found = await (self._of_user(user) if user else self._open())
        keyed = sorted(((_order(each), each) for each in found), key=lambda pair: pair[0], reverse=bool(user))
        rest = [(key, each) for key, each in keyed if not after or (key < after if user else key > after)]
        page = rest[:limit]
        return [each for _, each in page], page_token(conditions, page[-1][0]) if len(rest) > limit else ""

    async def end(self, preparation_id: str, user: str, state: "Preparation.State", problems: list[str]) -> Preparation:
        """End an open preparation; one that has ended stays as it is. Returns it as it ended.

        READY publishes the next version, unless only a check was asked; where the dataset was changed or deleted since
        the preparation was asked for, it ends REFUSED.

        Raises:
            Refusal: ACCESS_DENIED for a user, PREPARATION_UNKNOWN for the mesh.
        """
        while True:
            entry = await self._require(preparation_id, user)
            if entry.message.state != Preparation.STATE_OPEN:
                return (await self._settled(entry)).message
            ended = Preparation()
            ended.CopyFrom(entry.message)
            ended.state = state
            ended.problems[:] = problems
            if state != Preparation.STATE_READY or ended.validate_only:
                ended.end_time.FromDatetime(self._clock.now())
            if state == Preparation.STATE_READY and ended.validate_only:
                ended.dataset_version.state = DatasetVersion.STATE_CHECKED
                ended.dataset_version.problems[:] = problems
            written = await self._collection.replace(entry, ended)
            if written is not None:
                return (await self._settled(written)).message

    async def delete(self, preparation_id: str, user: str) -> None:
        """Forget a preparation that has ended. Its id stays taken, so that a late repetition publishes nothing.

        Raises:
            Refusal: ACCESS_DENIED for a user, PREPARATION_UNKNOWN for the mesh; for one that is open, too.
        """
        while True:
            entry = await self._settled(await self._require(preparation_id, user))
            if entry.message.state == Preparation.STATE_OPEN:
                raise _not_there(preparation_id, user)
            if await self._collection.replace(entry, entry.message, deleted=True) is not None:
                return

    async def _settled(self, entry: Entry[Preparation]) -> Entry[Preparation]:
        """Finish what was decided, and return the preparation as it stands."""
        while entry.message.state != Preparation.STATE_OPEN and not entry.message.HasField("end_time"):
            ended = Preparation()
            ended.CopyFrom(entry.message)
            try:
                published = await self._publications.publish(entry.message)
            except NotPublishable as reason:
                ended.state = Preparation.STATE_REFUSED
                ended.problems.insert(0, str(reason))
            else:
                ended.dataset_version.CopyFrom(dataset_version(published, published.version))
                ended.dataset_version.problems[:] = ended.problems
            ended.end_time.FromDatetime(self._clock.now())
            written = await self._collection.replace(entry, ended, deleted=entry.deleted)
            entry = written or await self._reread(entry.id)
        if entry.message.state != Preparation.STATE_OPEN:
            await self._records.delete(_OPEN_KIND, entry.id)
        return entry

    async def _require(self, preparation_id: str, user: str = "") -> Entry[Preparation]:
        entry = await self._collection.live(PREPARATION.name_of(preparation_id))
        if entry is None or (user and entry.message.user != user):
            raise _not_there(preparation_id, user)
        return entry

    async def _reread(self, preparation_id: str) -> Entry[Preparation]:
        entry = await self._collection.find(preparation_id)
        if entry is None:
            raise preparation_unknown(preparation_id)
        return entry

    async def _of_user(self, user: str) -> list[Preparation]:
        entries = [entry async for entry in self._collection.scan() if entry.message.user == user]
        return [(await self._settled(entry)).message for entry in entries]

    async def _open(self) -> list[Preparation]:
        found = []
        for record in await self._records.list(_OPEN_KIND, limit=_OPEN_MAX):
            entry = await self._collection.find(record.id)
            if entry is not None and (await self._settled(entry)).message.state == Preparation.STATE_OPEN:
                found.append(entry.message)
        return found


def _order(preparation: Preparation) -> str:
    return f"{preparation.create_time.ToNanoseconds():020d}/{preparation.preparation_id}"


def _operation(preparation_id: str) -> str:
    return f"operations/{preparation_id}"


def _not_there(preparation_id: str, user: str) -> Exception:
    return access_denied(_operation(preparation_id)) if user else preparation_unknown(preparation_id)
