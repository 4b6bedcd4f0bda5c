"""`kill -9` at ten random moments of a run of 200 queries: afterwards the books agree with the answers handed out."""

import random
import time
from pathlib import Path

import pytest

import sfumato as sf
from tests.crash.books import Auditor, agree, kinds
from tests.crash.driver import Driver, ask_until_known
from tests.crash.scene import ANALYSTS, POPULATION, asks, set_up
from tests.mesh_process import MeshProcess

QUERIES = 200
KILLS = 10
_REPEATED_AFTERWARDS = 40
_SETTLED_SECONDS = 30.0


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ten_kills_in_a_run_of_200_queries_lose_nothing_and_charge_nothing_twice(tmp_path: Path) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")  # shown if the test fails: put it in place of the line above to see the run again
    dice = random.Random(seed)
    mesh = MeshProcess(tmp_path)
    mesh.start()
    try:
        set_up(mesh)
        tokens = {"analyst": mesh.token(), "ada": mesh.token_of("ada")}
        driver = Driver(mesh.target, tokens, asks(dice, QUERIES))
        driver.start()
        for kill in range(KILLS):
            # Each kill in its own part of the run, at a moment that no step of a query's way is bound to.
            driver.wait_until(QUERIES * kill // KILLS + dice.randrange(QUERIES // KILLS - driver.threads))
            moment = dice.uniform(0.0, 0.12)
            time.sleep(moment)
            print(f"kill {kill + 1}: {driver.answered} outcomes + {moment * 1000:.0f} ms")
            mesh.kill()
            mesh.start()
        driver.wait_until(QUERIES)
        driver.join()
        _check(mesh, driver, tokens)
        assert mesh.starts == KILLS + 1
    finally:
        mesh.stop()


def _check(mesh: MeshProcess, driver: Driver, tokens: dict[str, str]) -> None:
    assert not driver.failures, driver.failures
    assert len(driver.answers) == QUERIES
    # None lost: what was answered once is answered again, by another process, the same and for nothing.
    clients = {name: sf.connect(mesh.target, token) for name, token in tokens.items()}
    for question in driver.questions[:: QUERIES // _REPEATED_AFTERWARDS]:
        driver.answers[question.request_id].append(ask_until_known(clients[question.analyst], question))
    auditor = Auditor.of(mesh, POPULATION)
    books = auditor.read_settled(_SETTLED_SECONDS)
    spent = auditor.spent()
    agree(books, driver.answers, spent)
    handed_out = {several[0].query for several in driver.answers.values()}
    assert set(books.terminals) == handed_out, "the books hold a query that nobody was answered"
    print(f"{kinds(books)}, {driver.unknown} outcomes unknown at first")
    # Charged once each: what the clients were told they paid is what the scopes have spent.
    firsts = [several[0] for several in driver.answers.values()]
    told = sum(each.charge.rho_picos for each in firsts if not (each.repeated or each.derived))
    assert told == spent[POPULATION]
    by_analyst = {f"{POPULATION} users/{name}": 0 for name in ANALYSTS}
    for question in driver.questions:
        answer = driver.answers[question.request_id][0]
        if not (answer.repeated or answer.derived):
            by_analyst[f"{POPULATION} users/{question.analyst}"] += answer.charge.rho_picos
    assert by_analyst == {scope: spent[scope] for scope in by_analyst}
    for several in driver.answers.values():
        if len(several) > 1:
            several[1].receipt.verify()
    for client in clients.values():
        client.close()
