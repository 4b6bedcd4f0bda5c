"""Rules of users: an id and an identity (issuer, subject) belong together for ever.

An index record binds an identity to an id before the user is put. It is never taken back: what an identity has spent
stays with its id. Only an entry whose id turned out to be another identity's is stale, for ever, and may be replaced.
"""

# ruff: noqa: ARG002  (not every right looks at the record)

from collections.abc import Callable

from sfumato.v1.user_pb2 import User
from sfumato_accountant.catalog.access import is_administrator, may_see_user
from sfumato_accountant.catalog.collection import Collection
from sfumato_accountant.catalog.rules import Rules
from sfumato_accountant.stores.ports import RecordStore
from sfumato_mesh.caller import Caller
from sfumato_mesh.digests import sha256
from sfumato_mesh.refusal import FieldViolation
from sfumato_mesh.refusals import resource_exists


class Identities:
    """Which id an identity has: put if absent."""

    _KIND = "identity"

    def __init__(self, users: Collection[User], records: RecordStore) -> None:
        self._users = users
        self._records = records

    async def find(self, issuer: str, subject: str) -> str:
        """Return the user id of an identity; "" if it has none."""
        record = await self._records.get(self._KIND, _identity(issuer, subject))
        return "" if record is None else record.body.decode()

    async def owner(self, user: User) -> str:
        """Return the id to which the identity of `user` is bound, if it is another than that of its name; else ""."""
        bound = await self.find(user.issuer, user.subject)
        if bound in ("", self._users.kind.id_of(user.name)) or await self._is_stale(bound, user):
            return ""
        return bound

    async def bind(self, user: User) -> None:
        """Bind the identity of `user` to the id in its name.

        Raises:
            Refusal: RESOURCE_EXISTS, where it is bound to another.
        """
        key, user_id = _identity(user.issuer, user.subject), self._users.kind.id_of(user.name)
        while not await self._records.insert(self._KIND, key, user_id.encode(), user_id):
            record = await self._records.get(self._KIND, key)
            if record is None:
                continue
            bound = record.body.decode()
            if bound == user_id:
                return
            if not await self._is_stale(bound, user):
                raise resource_exists(f"users/{bound}")
            if await self._records.replace(self._KIND, key, user_id.encode(), user_id, record.etag):
                return

    async def _is_stale(self, bound: str, user: User) -> bool:
        entry = await self._users.find(bound)
        return entry is not None and not _is_same(entry.message, user)


class UserRules(Rules[User]):
    """Administrators manage users; a user and auditors read them."""

    def __init__(self, users: Collection[User], identities: Identities) -> None:
        super().__init__(users)
        self._identities = identities

    def may_create(self, caller: Caller, message: User) -> bool:
        """Administrators."""
        return is_administrator(caller)

    def may_change(self, caller: Caller, message: User) -> bool:
        """Administrators."""
        return is_administrator(caller)

    async def sight(self, caller: Caller) -> Callable[[User], bool]:
        """Itself, administrators, auditors."""
        return lambda user: may_see_user(caller, user.name)

    async def check(self, message: User) -> None:
        """Complete, and of an identity that no other id has."""
        self.refuse(
            FieldViolation(f"user.{field}", "a user needs issuer and subject")
            for field, value in (("issuer", message.issuer), ("subject", message.subject))
            if not value
        )
        owner = await self._identities.owner(message)
        if owner:
            raise resource_exists(f"users/{owner}")

    def may_return(self, deleted: User, message: User) -> bool:
        """Under its old id, if it is the same identity."""
        return _is_same(deleted, message)

    async def claim(self, message: User) -> None:
        """Bind the identity to the id."""
        await self._identities.bind(message)


def _identity(issuer: str, subject: str) -> str:
    return sha256(issuer.encode() + b"\0" + subject.encode()).hex()


def _is_same(left: User, right: User) -> bool:
    return (left.issuer, left.subject) == (right.issuer, right.subject)
