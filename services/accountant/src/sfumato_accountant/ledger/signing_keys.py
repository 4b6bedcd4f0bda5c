"""The public keys of a chain, as its readers are told them."""

from sfumato.v1 import receipt_pb2
from sfumato_accountant.ledger.fold import Fold, KeyFacts
from sfumato_mesh.digests import sha256

_ID_DIGITS = 16


def signing_key(facts: KeyFacts, following: KeyFacts | None = None) -> receipt_pb2.SigningKey:
    """Return a key; it stopped signing when the one that follows was named."""
    key = receipt_pb2.SigningKey(key_id=sha256(facts.public_key).hex()[:_ID_DIGITS], public_key=facts.public_key)
    key.start_time.FromDatetime(facts.at)
    if following is not None:
        key.end_time.FromDatetime(following.at)
    return key


def signing_keys(fold: Fold) -> list[receipt_pb2.SigningKey]:
    """Return the keys of a chain, oldest first."""
    keys = fold.keys
    return [signing_key(each, following) for each, following in zip(keys, [*keys[1:], None], strict=True)]
