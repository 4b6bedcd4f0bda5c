"""What one kind of record adds to the generic administration: rights, rules and what goes with a change."""

# ruff: noqa: ARG002, ARG005  (a kind that demands nothing looks at nothing)

from collections.abc import Callable, Iterable
from typing import Generic

from sfumato_accountant.catalog.collection import Collection, Entry
from sfumato_accountant.catalog.kinds import P
from sfumato_mesh.caller import Caller
from sfumato_mesh.interceptors.guard import check
from sfumato_mesh.refusal import FieldViolation, Refusal
from sfumato_mesh.refusals import request_invalid


class Rules(Generic[P]):
    """Rights and rules of one kind. The methods here are those of a kind that demands nothing."""

    def __init__(self, collection: Collection[P]) -> None:
        self.collection = collection
        self.kind = collection.kind

    def may_create(self, caller: Caller, message: P) -> bool:
        """Whether the caller may register this. Nobody, unless a kind says who."""
        return False

    def may_change(self, caller: Caller, message: P) -> bool:
        """Whether the caller may change or delete this. Nobody, unless a kind says who."""
        return False

    async def sight(self, caller: Caller) -> Callable[[P], bool]:
        """Return what tells whether the caller may read a record. Nobody may, unless a kind says who."""
        return lambda message: False

    async def shown(self, caller: Caller, entry: Entry[P]) -> P:
        """Return what the caller gets to read of a record that it may read."""
        return entry.message

    def normalise(self, message: P) -> None:
        """Write defaults out, so that equal declarations are equal records."""

    async def check(self, message: P) -> None:
        """Refuse a record that breaks a rule; `message` is what would be stored."""

    def may_return(self, deleted: P, message: P) -> bool:
        """Whether a deleted record may come back under its id as `message`."""
        return False

    async def claim(self, message: P) -> None:
        """Take what must be unique, just before a new record is put."""

    async def begin(self, message: P) -> None:
        """Do what goes with a new record; once more on every later attempt to register it, so idempotent."""

    async def check_unused(self, message: P) -> None:
        """Refuse the deletion of what others depend on."""

    def refuse(self, violations: Iterable[FieldViolation]) -> None:
        """Raise REQUEST_INVALID if there are violations."""
        found = list(violations)
        if found:
            raise request_invalid(f"this {self.kind.name} breaks a rule: {found[0].description}", found)

    def check_contract(self, message: P) -> None:
        """Refuse what breaks the contract's own rules: an update may have put together what no request held."""
        try:
            check(message)
        except Refusal as refusal:
            self.refuse(
                FieldViolation(f"{self.kind.name}.{violation.field}".rstrip("."), violation.description)
                for violation in refusal.fields
            )
            raise
