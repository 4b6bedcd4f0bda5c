"""Facts of a claim as bytes beside the entry that pays it, so that a fold need not read the claim.

They are a copy: the claim itself is what the chain's digest binds. Whoever reads a query reads its claim, and checks
the copy against it (`Claims.of`).
"""

from functools import lru_cache
from typing import Final

import orjson

from sfumato_accountant.ledger.events import LedgerBroken
from sfumato_accountant.ledger.paid_queries import ClaimFacts

_BYTES_MAX: Final = 0xFFFF
_DIGEST: Final = 32
_PLAIN: Final = 1 + _DIGEST


def encode_facts(facts: ClaimFacts) -> bytes:
    """Return facts as bytes: the two digests (family: 0 or 32 bytes, said by the first byte), then what else there is.

    Empty where they do not fit, or hold a digest of another length: then the claim is read.
    """
    if len(facts.plan_digest) != _DIGEST or len(facts.family_digest) not in (0, _DIGEST):
        return b""
    encoded = pack_facts(facts)
    return encoded if len(encoded) <= _BYTES_MAX else b""


def pack_facts(facts: ClaimFacts) -> bytes:
    """Return facts as `encode_facts`, of whatever length. Their digests have 32 bytes."""
    plan, project, labels, family = facts
    rest = orjson.dumps([project, labels]) if project or labels else b""
    return bytes((len(family),)) + plan + family + rest


def decode_facts(encoded: bytes) -> ClaimFacts:
    """Return the facts of such bytes. Raises LedgerBroken for others."""
    end = _PLAIN + encoded[0] if encoded else 0
    if end not in (_PLAIN, _PLAIN + _DIGEST) or len(encoded) < end:
        raise LedgerBroken("the facts of a claim cannot be read")
    project, labels = _rest(encoded[end:]) if len(encoded) > end else ("", ())
    return ClaimFacts(encoded[1:_PLAIN], project, labels, encoded[_PLAIN:end])


def digests_of(claim: bytes | ClaimFacts) -> tuple[bytes, bytes]:
    """Return plan digest and family digest (or none) of facts or of a copy of them."""
    if isinstance(claim, bytes):
        return claim[1:_PLAIN], claim[_PLAIN : _PLAIN + _DIGEST] if claim[0] else b""
    return claim.plan_digest, claim.family_digest


def project_of(claim: bytes | ClaimFacts) -> str:
    """Return the project of facts or of a copy of them."""
    if isinstance(claim, bytes):
        return decode_facts(claim).project if len(claim) != _PLAIN + claim[0] else ""
    return claim.project


@lru_cache(1024)
def _rest(text: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    try:
        project, labels = orjson.loads(text)
        return project, tuple((name, value) for name, value in labels)
    except (ValueError, TypeError) as error:
        raise LedgerBroken("the facts of a claim cannot be read") from error
