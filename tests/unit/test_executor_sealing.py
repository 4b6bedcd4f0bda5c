"""The sealed form of a release."""

import hashlib

import pyarrow as pa
import pytest

from sfumato_executor.releases.sealing import SALT_BYTES, ReleaseUnreadableError, digest_of, seal, unseal

PLAN = bytes(range(32))
TABLE = pa.table({"species": ["Adelie", None], "draw_0": pa.array([3, -1], pa.int64())})


def test_round_trip() -> None:
    sealed = seal(TABLE, PLAN)
    assert unseal(sealed, PLAN).equals(TABLE, check_metadata=True)
    assert digest_of(sealed) == hashlib.sha256(sealed).digest()


def test_salt_is_fresh_and_16_bytes() -> None:
    first, second = seal(TABLE, PLAN), seal(TABLE, PLAN)
    assert first[:SALT_BYTES] != second[:SALT_BYTES]
    assert first[SALT_BYTES:] == second[SALT_BYTES:]
    assert digest_of(first) != digest_of(second)
    assert first[SALT_BYTES:].startswith(b"ARROW1")


@pytest.mark.parametrize("sealed", [b"", bytes(16), bytes(200), seal(TABLE, PLAN)[:-10], seal(TABLE, PLAN)[1:]])
def test_other_bytes_are_unreadable(sealed: bytes) -> None:
    with pytest.raises(ReleaseUnreadableError):
        unseal(sealed, PLAN)


def test_a_release_of_another_plan_is_unreadable() -> None:
    with pytest.raises(ReleaseUnreadableError):
        unseal(seal(TABLE, PLAN), bytes(32))


def test_an_empty_table() -> None:
    assert unseal(seal(TABLE.slice(0, 0), PLAN), PLAN).num_rows == 0
