"""The real code under random schedules, and small casts under every schedule: no rule is ever broken."""

import os
from typing import Final

import pytest

from tests.model.direct import DIRECT
from tests.model.scenarios import SCENARIOS
from tests.model.walks import exhaust, walk

LONG: Final = os.environ.get("SFUMATO_CRASH", "") == "all"
"""Set by `make crash`."""
WALKS: Final = 4000 if LONG else 60
_DEPTH: Final = 400
"""Above the longest of the small casts: nothing is left out."""


@pytest.mark.timeout(3600 if LONG else 240)
@pytest.mark.parametrize("name", SCENARIOS)
def test_random_walks_break_no_rule(name: str) -> None:
    first = int.from_bytes(os.urandom(4), "big") if LONG else 0  # a failure tells its seed
    for seed in range(first, first + WALKS):
        walk(SCENARIOS[name], seed)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DIRECT if LONG else ("one_id", "one_place", "one_terminal", "one_release"))
def test_every_schedule_of_a_small_cast(name: str) -> None:
    search = exhaust(DIRECT[name], depth=_DEPTH)
    assert search.walks > 100, "the search did not branch"


@pytest.mark.timeout(3600)
@pytest.mark.skipif(not LONG, reason="`make crash` searches these")
@pytest.mark.parametrize("name", DIRECT)
def test_every_schedule_of_a_small_cast_with_one_fault(name: str) -> None:
    assert exhaust(DIRECT[name], depth=_DEPTH, faults=1).walks > 1000
