"""Chains that follow others after a merge or split: what they carry against the chains that were closed."""

from collections.abc import Mapping

from sfumato.verification.defects import Defect
from sfumato.verification.losses import NOTHING, Loss
from sfumato.verification.losses import words as loss_words
from sfumato.verification.scopes import Scope
from sfumato.verification.verifier import Verdict


def check_carried(verdict: Verdict, predecessors: Mapping[str, Verdict]) -> list[str]:
    """Check genesis against verified exports of the chains that it follows.

    Heads and closings are checked of each that is given; the sum that is carried, once all are.

    Args:
        verdict: of the chain that follows.
        predecessors: verdicts by population.

    Returns:
        Names of predecessors that were not given.

    Raises:
        Defect: "predecessor", at position 0.
    """
    named = verdict.books.predecessors
    missing = [population for population, _, _ in named if population not in predecessors]
    for population, sequence, entry_hash in named:
        given = predecessors.get(population)
        if given is None:
            continue
        if not given.books.contains(sequence, entry_hash):
            raise Defect(0, "predecessor", f"{population} has another entry at {sequence} than genesis names")
        if verdict.population not in given.successors:
            raise Defect(0, "predecessor", f"{population} was not closed in favour of {verdict.population}")
    if not missing and named:
        _check_sum(verdict, [predecessors[population] for population, _, _ in named])
    return missing


def _check_sum(verdict: Verdict, predecessors: list[Verdict]) -> None:
    expected: dict[Scope, Loss] = {}
    for each in predecessors:
        for scope, loss in each.spent.items():
            expected[scope] = expected.get(scope, NOTHING).plus(loss)
    carried = dict(verdict.books.carried)
    for scope in sorted(expected.keys() | carried.keys()):
        had, has = expected.get(scope, NOTHING), carried.get(scope, NOTHING)
        if had != has:
            name = scope.words(verdict.population)
            raise Defect(0, "predecessor", f"{name} brings along {loss_words(has)}, and had spent {loss_words(had)}")
