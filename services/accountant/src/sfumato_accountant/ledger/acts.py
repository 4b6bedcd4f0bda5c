"""Acts: what an administrator's request id is bound to, so that the same request, repeated, is one act.

Binding fixes the salt of the event that the act will append. The chain is then asked for that salt: a crash between
append and answer is found out so. What was answered is kept too, since an act that changes nothing appends nothing.
"""

import json
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from sfumato_accountant.ledger.settling import Salt, fresh_salt
from sfumato_accountant.stores.ports import LedgerStore, Side, SideKind
from sfumato_mesh.digests import message_json, sha256
from sfumato_mesh.refusals import request_id_reused

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Act:
    """A bound request id."""

    id: str
    salt: bytes
    """16 bytes; of the event in the chain."""


class Acts:
    """The acts of administrators."""

    def __init__(self, store: LedgerStore, salt: Salt = fresh_salt) -> None:
        self._store = store
        self._salt = salt

    async def answered(self, user: str, request_id: str, request: Message, answer: M) -> M | None:
        """Return what the same request was answered, filled into `answer`; None: it was not answered yet.

        Raises:
            Refusal: REQUEST_ID_REUSED.
        """
        act_id = _id(user, request_id)
        bound = (await self._store.get_sides(SideKind.ACT, [act_id])).get(act_id)
        if bound is None:
            return None
        _salt_of(bound, request)
        outcome = (await self._store.get_sides(SideKind.OUTCOME, [act_id])).get(act_id)
        if outcome is None:
            return None
        answer.ParseFromString(outcome)
        return answer

    async def bind(self, user: str, request_id: str, request: Message) -> Act:
        """Bind a request id to a request.

        Raises:
            Refusal: REQUEST_ID_REUSED.
        """
        act_id = _id(user, request_id)
        body = json.dumps({"request": _digest(request), "salt": self._salt().hex()}).encode()
        there = await self._store.put_side(Side(SideKind.ACT, act_id, body))
        return Act(act_id, _salt_of(body if there is None else there, request))

    async def answer(self, act: Act, answer: M) -> M:
        """Keep what an act is answered; return the answer that was first."""
        there = await self._store.put_side(Side(SideKind.OUTCOME, act.id, answer.SerializeToString(deterministic=True)))
        if there is not None:
            answer.ParseFromString(there)
        return answer


def _id(user: str, request_id: str) -> str:
    return sha256(f"{user}\n{request_id.lower()}".encode()).hex()


def _digest(request: Message) -> str:
    return sha256(f"{request.DESCRIPTOR.full_name}\n{message_json(request)}".encode()).hex()


def _salt_of(body: bytes, request: Message) -> bytes:
    fields = json.loads(body)
    if fields["request"] != _digest(request):
        raise request_id_reused()
    return bytes.fromhex(fields["salt"])
