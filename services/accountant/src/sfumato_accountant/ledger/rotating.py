"""Key rotation: the present key signs that another follows; from the next entry on that one signs."""

from dataclasses import dataclass
from datetime import datetime

import grpc

from sfumato.v1 import ledger_pb2
from sfumato_accountant.ledger.decisions import Proposal, Rank, Settled
from sfumato_accountant.ledger.fold import Fold, KeyFacts
from sfumato_accountant.ledger.signatures import Signers
from sfumato_mesh.refusal import Refusal


@dataclass(frozen=True)
class RotateKey:
    """A chain is to turn to the next key that this accountant holds."""

    population: str
    signers: Signers
    user: str
    salt: bytes
    """The act's own, fixed when its request id was bound."""

    @property
    def rank(self) -> tuple[Rank, str]:
        """In order of arrival."""
        return Rank.PAY, ""

    def decide(self, fold: Fold, now: datetime) -> Settled[KeyFacts] | Proposal:  # noqa: ARG002  (the same at any time)
        """Append `key_rotated`; see Member. The answer is the key that signs now.

        Raises:
            Refusal: LEDGER_KEY_MISSING, no key is held that the chain has not used.
        """
        act = fold.acts.get(self.salt)
        if act is not None:
            return Settled(next(key for key in fold.keys if key.start_sequence == act.sequence + 1))
        following = self.signers.following({key.public_key for key in fold.keys})
        if following is None:
            raise key_missing(self.population)
        fact = ledger_pb2.KeyRotated(public_key=following.public_key)
        return Proposal(ledger_pb2.LedgerEvent(salt=self.salt, user=self.user, key_rotated=fact))


def key_missing(population: str) -> Refusal:
    """There is no key to turn to."""
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "LEDGER_KEY_MISSING",
        f"the accountant holds no key that the ledger of {population} has not used",
        metadata={
            "population": population,
            "hint": "give every accountant the same new SFUMATO_LEDGER_NEXT_KEY_FILE, start them again, then rotate",
        },
        precondition=("LEDGER_KEY_MISSING", population, "a next key must be held by every accountant"),
    )
