"""Undoing any single guard of the protocol is found by the model: else the model would prove nothing."""

import pytest

from tests.model.guards import GUARDS, Guard
from tests.model.scenarios import SCENARIOS
from tests.model.stepping import Violation
from tests.model.walks import walk

_MISTAKES = (NameError, TypeError, AttributeError, KeyError)
"""What code raises that was undone clumsily: that is no finding."""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_undoing_a_guard_is_found(guard: Guard) -> None:
    seed, found = _first_violation(guard)
    assert found is not None, f"{guard.walks} walks without the guard broke no rule"
    assert not isinstance(found.__cause__ and found.__cause__.__cause__, _MISTAKES), found
    walk(SCENARIOS[guard.scenario], seed)  # with the guard, the same walk breaks none


def _first_violation(guard: Guard) -> tuple[int, Violation | None]:
    with guard.undone():
        for seed in range(guard.walks):
            try:
                walk(SCENARIOS[guard.scenario], seed)
            except Violation as violation:
                return seed, violation
    return 0, None
