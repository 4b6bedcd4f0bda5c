"""Server processes that outlive this program: started in their own session, found and stopped by a pid file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import ServiceError


@dataclass(frozen=True)
class ServerProcess:
    """One started process. The pid alone is not enough: the system gives a dead process's pid to another one."""

    pid: int
    birth: str
    """When the kernel says the process began; a different value means a different process."""

    @property
    def is_alive(self) -> bool:
        """Whether that very process still runs."""
        return self.birth != "" and _birth(self.pid) == self.birth


def start(name: str, argv: Sequence[str], room: Path, environment: Mapping[str, str] | None = None) -> ServerProcess:
    """Start a server in its own session, its output in `room/NAME.log`, its pid in `room/NAME.pid`."""
    room.mkdir(parents=True, exist_ok=True)
    with (room / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=room,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
    child.returncode = 0  # it is meant to outlive this program: no ResourceWarning when the object goes
    process = ServerProcess(child.pid, _birth(child.pid))
    (room / f"{name}.pid").write_text(f"{process.pid} {process.birth}\n")
    return process


def recorded(name: str, room: Path) -> ServerProcess | None:
    """The process that `room/NAME.pid` names, alive or not; None when there is no such file."""
    try:
        pid, _, birth = (room / f"{name}.pid").read_text().strip().partition(" ")
        return ServerProcess(int(pid), birth)
    except (FileNotFoundError, ValueError):
        return None


def stop(name: str, room: Path, how: signal.Signals = signal.SIGTERM, patience_s: float = 30.0) -> None:
    """Stop the process that the pid file names, if it is still that process, and remove the file.

    `how` goes to that one process. After `patience_s` seconds its whole session is killed.
    """
    process = recorded(name, room)
    if process is not None and process.is_alive:
        os.kill(process.pid, how)
        if not _wait_until(lambda: not process.is_alive, patience_s):
            os.killpg(process.pid, signal.SIGKILL)
            _wait_until(lambda: not process.is_alive, 10.0)
    (room / f"{name}.pid").unlink(missing_ok=True)


def wait_until_healthy(
    name: str, room: Path, process: ServerProcess, is_healthy: Callable[[], bool], patience_s: float
) -> None:
    """Wait until `is_healthy` says yes.

    Raises:
        ServiceError: The process ended, or `patience_s` seconds passed; the text carries the end of its log.
    """
    _wait_until(lambda: is_healthy() or not process.is_alive, patience_s)
    if not process.is_alive:
        raise ServiceError(f"{name} ended while it started; the end of {room / name}.log:\n{log_end(name, room)}")
    if not is_healthy():
        raise ServiceError(
            f"{name} did not answer within {patience_s:.0f} s; the end of {room / name}.log:\n{log_end(name, room)}"
        )


def log_end(name: str, room: Path, lines: int = 12) -> str:
    """The last lines of a log, indented."""
    try:
        text = (room / f"{name}.log").read_text(errors="replace")
    except FileNotFoundError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def run(
    argv: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, patience_s: float = 1_800
) -> None:
    """Run a command to its end, its output in `log`.

    Raises:
        ServiceError: The program is missing, failed, or took longer than `patience_s` seconds.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"$ {' '.join(argv)}\n".encode())
        output.flush()
        try:
            status = subprocess.run(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                timeout=patience_s,
            ).returncode
        except FileNotFoundError:
            raise ServiceError(f"{argv[0]} is not installed") from None
        except subprocess.TimeoutExpired:
            raise ServiceError(f"{argv[0]} took longer than {patience_s:.0f} s; see {log}") from None
    if status != 0:
        raise ServiceError(
            f"`{' '.join(argv[:3])} …` ended with status {status}; the end of {log}:\n{log_end(log.stem, log.parent)}"
        )


def _wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def _birth(pid: int) -> str:
    """The kernel's start time of a process; "" when it does not run (a zombie does not run)."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _birth_by_ps(pid)
    try:
        # The second field, the program's name in parentheses, may hold blanks: count from its end.
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _birth_by_ps(pid: int) -> str:
    answer = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True)
    state, _, began = answer.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else "-".join(began.split())
