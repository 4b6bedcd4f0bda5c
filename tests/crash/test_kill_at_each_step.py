"""The process ends at one step of a query's way after another; the same request then finds its one answer."""

import os
import random
import sys
import threading
from pathlib import Path

import pytest

import sfumato as sf
from tests.crash.books import Auditor, agree, kinds
from tests.crash.driver import ask_until_known
from tests.crash.dying_mesh import ARMED, STATUS, STEPS
from tests.crash.scene import POPULATION, Ask, set_up, uuid_of
from tests.mesh_process import MeshProcess

_UNPAID = ("claimed", "before the reservation is appended")
"""Steps at which the chain knows nothing of the query yet."""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_death_at_any_step_leaves_one_charge_and_one_answer(tmp_path: Path) -> None:
    """One life of the mesh a step: it answers what the life before left behind, then dies at its own step."""
    dice = random.Random(4)
    mesh = MeshProcess(tmp_path)
    auditor = Auditor.of(mesh, POPULATION)
    answers: dict[str, list[sf.Answer]] = {}
    left: tuple[str, Ask] | None = None
    try:
        mesh.start()
        set_up(mesh)
        mesh.stop()
        for number, step in enumerate(STEPS):
            mesh.start([sys.executable, "-m", "tests.crash.dying_mesh", step])
            question = Ask(uuid_of(dice), "analyst", "small", number, "count", 0.01)
            if left is not None:
                answers[left[1].request_id] = _recovered(mesh, auditor, *left)
                if step.startswith("repeated"):
                    question = Ask(question.request_id, *left[1].key)
            _die(mesh, question)
            left = step, question
        assert left is not None
        mesh.start()
        answers[left[1].request_id] = _recovered(mesh, auditor, *left)
        books = auditor.read_settled(20)
        agree(books, answers, auditor.spent())
        assert set(books.terminals) == {several[0].query for several in answers.values()}
        assert kinds(books) == {"committed": len(STEPS) - 1, "shared": 1}
    finally:
        mesh.stop()


def _recovered(mesh: MeshProcess, auditor: Auditor, step: str, question: Ask) -> list[sf.Answer]:
    """Ask twice what the life before did not answer; whether that pays depends on the step at which it died."""
    before = auditor.spent()[POPULATION]
    with sf.connect(mesh.target, mesh.token()) as client:
        answers = [ask_until_known(client, question) for _ in range(2)]
        answers[0].receipt.verify()
    paid = auditor.spent()[POPULATION] - before
    assert paid == (answers[0].charge.rho_picos if step in _UNPAID else 0), f"died {step}: paid {paid} afterwards"
    return answers


def _die(mesh: MeshProcess, question: Ask) -> None:
    """Ask until the process is dead; whatever the client saw, it was no answer."""
    armed = mesh.folder / ARMED
    armed.touch()
    outcomes: list[object] = []

    def ask() -> None:
        with sf.connect(mesh.target, mesh.token()) as client:
            try:
                outcomes.append(question.run(client, timeout=0.5))
            except sf.Unavailable as unknown:
                outcomes.append(unknown)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        assert mesh.wait_for_death(30) == STATUS
    finally:
        os.unlink(armed)
    thread.join(30)
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], sf.Unavailable), outcomes
