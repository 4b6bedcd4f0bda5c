"""Days on which a server is away, does not answer, or a clock is wrong: paid questions are still answered once."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final
from unittest import mock

import pytest

import sfumato as sf
from tests.crash.books import agree
from tests.crash.production_scene import CrashScene, crash_scene, until
from tests.crash.proxy import Proxy, proxy_of

LONG: Final = os.environ.get("SFUMATO_CRASH", "") == "all"
"""Set by `make crash`."""
AWAY_SECONDS: Final = 30.0
_MUTES: Final = 20

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not LONG, reason="minutes of waiting for real clocks: `make crash`; the model walks the same days"
    ),
]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CrashScene, Proxy]]:
    url = os.environ.get("SFUMATO_TEST_MONGODB_URL") or pytest.fail("SFUMATO_TEST_MONGODB_URL names no server")
    with (
        proxy_of(url) as (proxy, through),
        mock.patch.dict(os.environ, {"SFUMATO_TEST_MONGODB_URL": through}),
        crash_scene(tmp_path_factory.mktemp("bad-days")) as running,
    ):
        yield running, proxy
        books = running.auditor.read_settled(60)
        agree(books, running.answers, running.auditor.spent())


@pytest.fixture
def scene(proxied: tuple[CrashScene, Proxy]) -> CrashScene:
    return proxied[0]


@pytest.fixture
def proxy(proxied: tuple[CrashScene, Proxy]) -> Proxy:
    return proxied[1]


def _ask_several(scene: CrashScene, first: int, number: int) -> None:
    """Ask several questions, one after the other, until the outcome of each is known."""
    for each in range(first, first + number):
        asking = scene.ask(f"0.0{each:06d}")
        scene.answers[asking.request_id] = [asking.result()]


def test_the_database_goes_away_and_comes_back(scene: CrashScene, proxy: Proxy) -> None:
    with ThreadPoolExecutor(3) as pool:
        streams = [pool.submit(_ask_several, scene, 100_000 + 100 * stream, 8) for stream in range(3)]
        until(lambda: bool(scene.answers), "nothing was answered")
        known = len(scene.answers)
        proxy.leave()
        try:
            time.sleep(AWAY_SECONDS)  # the length of the outage is what is tested
        finally:
            proxy.come_back()
        for stream in streams:
            stream.result(240)
    assert len(scene.answers) >= known + 3
    _read_all_again(scene)


def test_inserts_whose_replies_are_lost(scene: CrashScene, proxy: Proxy) -> None:
    known = len(scene.answers)
    with ThreadPoolExecutor(2) as pool:
        streams = [pool.submit(_ask_several, scene, 200_000 + 100 * stream, 10) for stream in range(2)]
        try:
            for _ in range(_MUTES):
                proxy.mute()
                time.sleep(0.15)  # what is sent meanwhile is done, and nobody is told
                proxy.break_muted()
                time.sleep(0.3)
        finally:
            proxy.come_back()
        for stream in streams:
            stream.result(240)
    assert len(scene.answers) == known + 20
    _read_all_again(scene)


def _read_all_again(scene: CrashScene) -> None:
    for several in scene.answers.values():
        several.extend(scene.attach(several[0].query))
        assert all(each.rows() == several[0].rows() for each in several)


def test_two_workers_with_one_task(scene: CrashScene) -> None:
    """One halts past its lease; the task is queued again, and another answers; then the first offers its own draw."""
    scene.arm("sealed")
    asking = scene.ask("0.0300001")
    scene.wait_until_halted()
    answer = asking.result()  # by the other worker
    scene.release()
    lost = f"query {answer.query.removeprefix('queries/')}: lost"
    until(lambda: any(lost in scene.mesh[name].text() for name in ("worker1", "worker2")), "no worker lost")
    scene.answers[asking.request_id] = [answer, *scene.attach(answer.query)]
    assert all(each.rows() == answer.rows() for each in scene.answers[asking.request_id])


def test_a_worker_that_comes_back_after_the_query_was_given_up(scene: CrashScene) -> None:
    _restart(scene, "front", CRASH_GIVE_UP_SECONDS="3")
    scene.mesh["worker2"].kill()
    said = len(scene.mesh["worker1"].text())
    try:
        scene.arm("sealed")
        asking = scene.ask("0.0310001")
        scene.wait_until_halted()
        with pytest.raises(sf.QueryFailed) as failed:
            asking.result()
        assert failed.value.reason == "QUERY_FAILED"
        scene.release()
        until(lambda: ": lost" in scene.mesh["worker1"].text()[said:], "the worker was not refused")
        again = scene.mesh.connect("ada").dataset("crowd").agg(n=sf.count())
        with pytest.raises(sf.QueryFailed):
            again.run(rho="0.0310001", request_id=asking.request_id)
    finally:
        scene.release()
        _restart(scene, "front", CRASH_GIVE_UP_SECONDS="60")
        scene.mesh["worker2"].start()
    books = scene.auditor.read_settled(30)
    assert [kind for kind, _ in books.terminals.values()].count("charged") == 1
    assert books.paid_by_scope() == scene.auditor.spent(), "what was given up stays paid, once"


@pytest.mark.parametrize("seconds", [0.9, -0.9, 5.0, -5.0])
def test_an_accountant_whose_clock_is_wrong(scene: CrashScene, seconds: float) -> None:
    """Within the skew allowed it works on; beyond it, it appends nothing, and the other does the work."""
    _restart(scene, "accountant2", CRASH_SKEW_SECONDS=str(seconds))
    number = 400_000 + round(seconds * 10) * 100
    try:
        _ask_several(scene, number, 4)
    finally:
        _restart(scene, "accountant2", CRASH_SKEW_SECONDS="0")
    _ask_several(scene, number + 50, 1)


def _restart(scene: CrashScene, name: str, **variables: str) -> None:
    process = scene.mesh[name]
    process.kill()
    scene.mesh.processes[name] = changed = replace(process, environment={**process.environment, **variables})
    changed.start()
    changed.wait_until_serving()
