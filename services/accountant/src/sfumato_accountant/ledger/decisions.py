"""What a member of a group append is: a request that is decided against a fold, alone or behind others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from sfumato.v1 import ledger_pb2
from sfumato_accountant.ledger.fold import ClaimFacts, Fold
from sfumato_accountant.stores.ports import Side

T_co = TypeVar("T_co", covariant=True)


class Rank(IntEnum):
    """Order inside a group: terminals that answer before all else, terminals that give up behind all else."""

    COMMIT = 0
    PAY = 1
    CHARGE = 2


@dataclass(frozen=True, slots=True)
class Settled(Generic[T_co]):
    """The fold has the answer already."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Proposal:
    """An event that would settle the request."""

    event: ledger_pb2.LedgerEvent
    claims: Mapping[str, ClaimFacts] = field(default_factory=dict)
    """Claim of the query that the event pays."""
    sides: tuple[Side, ...] = ()
    """Records to be put before the entry."""


class Member(Protocol[T_co]):
    """One request.

    `decide` is pure and repeatable: while another replica may append first, it is asked again against the new fold;
    and once its own event is in the fold, it answers from there. A lost reply of the store is told so too.
    """

    @property
    def rank(self) -> tuple[Rank, str]:
        """Place in its group; equal ranks keep the order of arrival."""
        ...

    def decide(self, fold: Fold, now: datetime) -> Settled[T_co] | Proposal:
        """Decide against what the chain says.

        Raises:
            Refusal: affects this member only.
        """
        ...
