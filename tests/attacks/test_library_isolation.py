"""Attack: a library that is hostile, or has been made so, runs with the rows of a dataset.

Real processes try what such a library would: to send rows away, to read credentials and other data, to leave something
behind, to start or end processes, to take the machine. Each attempt is refused, or ends the job; the next job runs. The
same attempts without confinement work, so it is the confinement that refuses them.
"""

import importlib.util
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from sfumato_executor.engines.library.isolation import Cause, EngineFailedError, Limits, run_isolated

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = [sys.executable, "-I", "-B", str(Path(__file__).parent / "hostile_engine" / "entry.py")]
FREE = [*HOSTILE, "free"]
ROWS = pa.table({"who": [f"Zacharias-{i}" for i in range(1000)], "x": list(range(1000))})
LIMITS = Limits(wall_seconds=60, cpu_seconds=60, memory_bytes=2 << 30, result_bytes=1 << 24, threads=1)


@pytest.fixture(autouse=True)
def scratch_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No job leaves a folder."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the same user that must survive."""
    process = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def runs_the_next_job() -> None:
    table = run_isolated("plain", {"told": "ä"}, ROWS, LIMITS, command=HOSTILE)
    assert table.to_pylist() == [{"told": "ä", "count": 1000, "left": 0}]


def passed(engine: str, job: dict[str, object], command: list[str]) -> set[str]:
    return set(run_isolated(engine, job, ROWS, LIMITS, command=command)["passed"].to_pylist())  # type: ignore[arg-type]


def failure(engine: str, way: str = "", limits: Limits = LIMITS, rows: pa.Table = ROWS) -> Cause:
    with pytest.raises(EngineFailedError) as caught:
        run_isolated(engine, {"way": way}, rows, limits, command=HOSTILE)
    return caught.value.cause


def test_it_reaches_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        job: dict[str, object] = {"port": server.getsockname()[1]}
        assert passed("network", job, HOSTILE) == set()
        assert {"tcp", "udp", "unix", "pair", "connection", "listener"} <= passed("network", job, FREE)


def test_it_finds_no_secrets_and_changes_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "credentials"
    outside.mkdir()
    secret = outside / "key-marked"
    secret.write_text("key-marked is in it")
    secret.chmod(0o600)
    monkeypatch.setenv("SFUMATO_ATTACK_SECRET", secret.name)
    job: dict[str, object] = {"secret": str(secret), "outside": str(outside), "parent": os.getpid()}
    before = secret.stat()
    with secret.open() as held:
        os.set_inheritable(held.fileno(), True)
        assert passed("files", job, HOSTILE) == set()
    after = secret.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_uid) == (before.st_mode, before.st_mtime_ns, before.st_uid)
    assert secret.read_text() == "key-marked is in it"
    assert list(outside.iterdir()) == [secret]
    worked = passed("files", job, FREE)
    assert {"secret", "secret by link", "folder", "users", "parent's arguments", "processes"} <= worked
    assert {"mode", "times", "beside", "parent folder", "rename"} <= worked


def test_it_starts_and_ends_no_process(victim: subprocess.Popen[bytes]) -> None:
    job: dict[str, object] = {"victim": victim.pid, "group": os.getpgid(0)}
    assert passed("processes", job, HOSTILE) == set()
    assert victim.poll() is None
    runs_the_next_job()
    assert {"fork", "grandchild", "spawn", "subprocess", "signal 0", "limits", "pipe"} <= passed("processes", job, FREE)
    assert victim.wait(60) < 0  # a free one kills it


def test_it_becomes_no_other_program() -> None:
    assert passed("programs", {}, HOSTILE) == set()
    with pytest.raises(EngineFailedError):
        passed("programs", {}, FREE)


@pytest.mark.parametrize(
    ("way", "limits", "cause"),
    [
        ("sleeps", replace(LIMITS, wall_seconds=1.5), Cause.TIMEOUT),
        ("spins", replace(LIMITS, cpu_seconds=1), Cause.CPU),
        ("spins_on", replace(LIMITS, cpu_seconds=1), Cause.KILLED),
        ("eats", replace(LIMITS, memory_bytes=1 << 30), Cause.MEMORY),
        ("maps", LIMITS, Cause.MEMORY),
        ("dies", LIMITS, Cause.KILLED),
    ],
)
def test_its_limits_end_it(way: str, limits: Limits, cause: Cause) -> None:
    assert failure("exhaustion", way, limits) == cause
    runs_the_next_job()


def test_the_number_of_its_threads_is_limited() -> None:
    started = run_isolated("exhaustion", {"way": "threads"}, ROWS, LIMITS, command=HOSTILE)["started"][0].as_py()
    assert 0 < started < LIMITS.memory_bytes >> 16  # a stack of at least 64 kB each counts as memory
    runs_the_next_job()


def test_its_files_are_limited() -> None:
    assert passed("exhaustion", {"way": "fills"}, HOSTILE) == set()
    assert passed("exhaustion", {"way": "fills"}, FREE) == {"file"}


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("endless", Cause.RESULT_TOO_LARGE),
        ("garbage", Cause.NOT_A_TABLE),
        ("nothing", Cause.NOT_A_TABLE),
        ("half", Cause.NOT_A_TABLE),
        ("more", Cause.NOT_A_TABLE),
        ("compressed", Cause.NOT_A_TABLE),
        ("raises", Cause.JOB_FAILED),
        ("exits", Cause.JOB_FAILED),
    ],
)
def test_what_it_writes_is_a_table_or_nothing(
    way: str, cause: Cause, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EngineFailedError) as caught:
        run_isolated("output", {"way": way}, ROWS, LIMITS, command=HOSTILE)
    assert caught.value.cause == cause
    told = [str(caught.value), repr(caught.value.__cause__), caplog.text, *capfd.readouterr()]
    assert not any("Zacharias" in text for text in told)
    runs_the_next_job()


def test_a_job_that_closes_its_output_is_ended_in_time() -> None:
    assert failure("output", "closes", replace(LIMITS, wall_seconds=2)) == Cause.TIMEOUT


def test_a_process_that_reads_nothing_is_ended_in_time() -> None:
    rows = pa.table({"x": pa.array(range(1_000_000), pa.int64())})  # more than a pipe holds
    command = [sys.executable, "-I", str(Path(HOSTILE[-1]).with_name("never_reads.py"))]
    with pytest.raises(EngineFailedError) as caught:
        run_isolated("any", {}, rows, replace(LIMITS, wall_seconds=1), command=command)
    assert caught.value.cause == Cause.TIMEOUT


def test_what_it_prints_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_isolated("output", {"way": "prints"}, ROWS, LIMITS, command=HOSTILE).equals(ROWS)
    assert tuple(capfd.readouterr()) == ("", "")


def test_an_engine_of_unknown_name_runs_nothing() -> None:
    with pytest.raises(EngineFailedError) as caught:
        run_isolated("os", {}, ROWS, LIMITS)
    assert caught.value.cause == Cause.UNCONFINABLE


def test_jobs_run_at_once_and_one_is_stopped() -> None:
    stopping = threading.Event()
    ended: list[object] = []

    def sleeps() -> None:
        try:
            run_isolated("exhaustion", {"way": "sleeps"}, ROWS, LIMITS, command=HOSTILE, stopping=stopping)
        except EngineFailedError as error:
            ended.append(error.cause)

    def works() -> None:
        ended.append(run_isolated("output", {"way": "prints"}, ROWS, LIMITS, command=HOSTILE).equals(ROWS))

    sleeper, *workers = [threading.Thread(target=job) for job in (sleeps, works, works)]
    for thread in (sleeper, *workers):
        thread.start()
    for thread in workers:
        thread.join(60)
    stopping.set()
    sleeper.join(60)
    assert ended == [True, True, Cause.STOPPED]


def test_it_dies_with_its_worker(tmp_path: Path) -> None:
    """A worker that is killed leaves no library running: each holds rows."""
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.attacks import test_library_isolation as attacks
print("started", flush=True)
attacks.run_isolated("exhaustion", {{"way": "sleeps"}}, attacks.ROWS, attacks.LIMITS, command=attacks.HOSTILE)
"""
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env={"TMPDIR": str(tmp_path)})
    assert worker.stdout is not None
    try:
        assert worker.stdout.readline() == b"started\n"
        child = first_child(worker.pid)
        handle = os.pidfd_open(child)
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()
    waiting = select.poll()
    waiting.register(handle)
    assert waiting.poll(60_000)
    os.close(handle)


def first_child(pid: int) -> int:
    """The process's child once it sleeps confined, or at least runs."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children and "Seccomp:\t2" in Path(f"/proc/{children[0]}/status").read_text():
            return int(children[0])
        time.sleep(0.02)
    raise AssertionError("no confined child")


@pytest.mark.skipif(os.getuid() != 0, reason="it is another user already")
@pytest.mark.slow
def test_another_user_is_confined_too() -> None:
    """Root has rights that the confinement must take; another user has none, and may not need them."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("nothing here changes the user")
    other = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-B"]
    starts_itself = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'import pyarrow']))"
    if subprocess.run([*other, "-c", starts_itself], capture_output=True, check=False).returncode != 0:
        pytest.skip("no other user can start this interpreter")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        chosen = "network or secrets or process or limits or writes"
        tested = ["-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", chosen, "--basetemp", f"{folder}/tests"]
        done = subprocess.run([*other, *tested], cwd=ROOT, stdout=subprocess.PIPE, check=False)
        assert done.returncode == 0, done.stdout.decode()[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "modules", [["snsynth", "mbi", "jax"], ["snsql"], ["diffprivlib.models"]], ids=lambda it: it[0]
)
def test_the_libraries_start_confined(modules: list[str]) -> None:
    if any(importlib.util.find_spec(module.split(".")[0]) is None for module in modules):
        pytest.skip("not installed")
    limits = replace(LIMITS, memory_bytes=4 << 30)
    assert run_isolated("imports", {"modules": modules}, ROWS, limits, command=HOSTILE)["done"].to_pylist() == [True]
