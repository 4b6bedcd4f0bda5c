"""Create, get, list, update and delete, once for all kinds of records.

Every method answers for the caller of the running call. What is not there and what is not allowed give the same
refusal. A change is checked, written, and, where it refers to or is referred to by other records, checked again: the
store has no transactions, and of two changes that contradict each other the later check sees the earlier write.
"""

from collections.abc import Callable
from typing import Final, Generic

from google.protobuf.field_mask_pb2 import FieldMask

from sfumato_accountant.catalog.collection import Collection, Entry
from sfumato_accountant.catalog.kinds import P
from sfumato_accountant.catalog.masks import updated
from sfumato_accountant.catalog.pages import page_size, page_start, page_token
from sfumato_accountant.catalog.rules import Rules
from sfumato_mesh.caller import current_caller
from sfumato_mesh.clock import Clock
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import access_denied, etag_mismatch, field_not_changeable, resource_exists

_ATTEMPTS: Final = 32
"""Times that an update without etag is put on top of what others wrote meanwhile."""


class Administration(Generic[P]):
    """Changes and reads of one kind of record, by its rules."""

    def __init__(self, rules: Rules[P], clock: Clock) -> None:
        self.rules = rules
        self.kind = rules.kind
        self._collection: Collection[P] = rules.collection
        self._clock = clock

    async def create(self, record_id: str, message: P, *, validate_only: bool) -> P:
        """Register a record under a new id.

        Raises:
            Refusal: ACCESS_DENIED, RESOURCE_EXISTS, REQUEST_INVALID or what the kind's rules say.
        """
        caller = current_caller()
        name = self.kind.name_of(record_id)
        candidate = self._candidate(name, message)
        if not self.rules.may_create(caller, candidate):
            raise access_denied(name)
        await self._check(candidate)
        self._stamp(candidate, create=True)
        before = await self._collection.find(record_id)
        if before is not None:
            return await self._return(before, candidate, validate_only=validate_only)
        if validate_only:
            return candidate
        await self.rules.claim(candidate)
        entry = await self._collection.insert(record_id, candidate)
        if entry is None:
            raise resource_exists(name)
        try:
            await self.rules.check(candidate)
        except Refusal:
            await self._collection.withdraw(entry)
            raise
        await self.rules.begin(entry.message)
        return await self.rules.shown(caller, entry)

    async def get(self, name: str) -> P:
        """Return a record. Raises ACCESS_DENIED for one that is not there or not the caller's to read."""
        caller = current_caller()
        entry = await self._collection.live(name)
        if entry is None or not (await self.rules.sight(caller))(entry.message):
            raise access_denied(name)
        return await self.rules.shown(caller, entry)

    async def page(
        self, size: int, token: str, *, conditions: str = "", accept: Callable[[P], bool] | None = None
    ) -> tuple[list[P], str]:
        """Return a page of what the caller may read, by id, and the token of the next.

        `conditions` is text that stands for `accept`: a token is good for the same conditions only.

        Raises:
            Refusal: PAGE_TOKEN_INVALID.
        """
        caller = current_caller()
        bound = f"{self.kind.collection}?{conditions}"
        after, limit = page_start(bound, token), page_size(size)
        is_visible = await self.rules.sight(caller)
        found: list[Entry[P]] = []
        async for entry in self._collection.scan(after):
            if is_visible(entry.message) and (accept is None or accept(entry.message)):
                if len(found) == limit:
                    break
                found.append(entry)
        else:
            return [await self.rules.shown(caller, each) for each in found], ""
        return [await self.rules.shown(caller, each) for each in found], page_token(bound, found[-1].id)

    async def update(self, message: P, mask: FieldMask, *, allow_missing: bool, validate_only: bool) -> P:
        """Change the masked fields of a record. Nothing is written where nothing changes.

        Raises:
            Refusal: ACCESS_DENIED, ETAG_MISMATCH, FIELD_NOT_CHANGEABLE, REQUEST_INVALID or what the kind's rules say.
        """
        caller = current_caller()
        name, etag = _text(message, "name"), _text(message, "etag")
        for _ in range(_ATTEMPTS):
            entry = await self._collection.live(name)
            if entry is None and allow_missing:
                return await self.create(self.kind.id_of(name), message, validate_only=validate_only)
            if entry is None or not self.rules.may_change(caller, entry.message):
                raise access_denied(name)
            if etag not in ("", entry.etag):
                raise etag_mismatch()
            await self.rules.begin(entry.message)
            change = updated(self.kind, entry.message, message, mask)
            self.rules.normalise(change)
            if change == entry.message:
                return await self.rules.shown(caller, entry)
            self._refuse_immutable(entry.message, change)
            await self._check(change)
            self._stamp(change, create=False)
            written = Entry(entry.id, change, entry.etag, deleted=False, attachment=entry.attachment)
            replaced = written if validate_only else await self._collection.replace(entry, change)
            if replaced is not None:
                return await self.rules.shown(caller, replaced)
            if etag:
                break
        raise etag_mismatch()

    async def delete(self, name: str, etag: str) -> None:
        """Delete a record; its id stays taken.

        Raises:
            Refusal: ACCESS_DENIED, ETAG_MISMATCH, RESOURCE_IN_USE.
        """
        caller = current_caller()
        for _ in range(_ATTEMPTS):
            entry = await self._collection.live(name)
            if entry is None or not self.rules.may_change(caller, entry.message):
                raise access_denied(name)
            if etag not in ("", entry.etag):
                raise etag_mismatch()
            await self.rules.check_unused(entry.message)
            deleted = await self._collection.replace(entry, entry.message, deleted=True)
            if deleted is None:
                continue
            try:
                await self.rules.check_unused(entry.message)
            except Refusal:
                await self._collection.replace(deleted, deleted.message)
                raise
            return
        raise etag_mismatch()

    async def _return(self, before: Entry[P], candidate: P, *, validate_only: bool) -> P:
        """Answer a registration under an id that was given before."""
        name = self.kind.name_of(before.id)
        if not before.deleted:
            await self.rules.begin(before.message)
        if not before.deleted or not self.rules.may_return(before.message, candidate):
            raise resource_exists(name)
        if validate_only:
            return candidate
        await self.rules.claim(candidate)
        entry = await self._collection.replace(before, candidate)
        if entry is None:
            raise resource_exists(name)
        await self.rules.begin(entry.message)
        return await self.rules.shown(current_caller(), entry)

    async def _check(self, message: P) -> None:
        self.rules.check_contract(message)
        await self.rules.check(message)

    def _candidate(self, name: str, message: P) -> P:
        """Return a new record as it would be stored: no output-only field is read."""
        candidate = updated(self.kind, self.kind.message(), message, FieldMask(paths=["*"]))
        setattr(candidate, "name", name)  # noqa: B010  (the type variable knows no fields)
        self.rules.normalise(candidate)
        return candidate

    def _stamp(self, message: P, *, create: bool) -> None:
        now = self._clock.now()
        for field in ("create_time", "update_time") if create else ("update_time",):
            getattr(message, field).FromDatetime(now)

    def _refuse_immutable(self, before: P, after: P) -> None:
        for field in sorted(self.kind.immutable):
            if getattr(before, field) != getattr(after, field):
                raise field_not_changeable(
                    f"{self.kind.name}.{field}", f"{field} of {_text(before, 'name')} never changes."
                )


def _text(message: P, field: str) -> str:
    return str(getattr(message, field))
