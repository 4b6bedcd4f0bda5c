"""A library that starts others, or ends them."""

import ctypes
import fcntl
import multiprocessing
import os
import pty
import resource
import signal
import subprocess
import sys
import threading
from typing import Any

from .attempts import passed

PR_SET_PDEATHSIG, PTRACE_ATTACH = 1, 16
LIBC = ctypes.CDLL(None, use_errno=True)


def forks(fork: Any) -> None:
    child = fork()
    child = child[0] if isinstance(child, tuple) else child
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def leaves_a_grandchild() -> None:
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
        os._exit(0)


def starts_process() -> None:
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join()


def checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def shares() -> None:
    """A segment of System V outlives who made it."""
    segment = LIBC.shmget(0, 4096, 0o1600)
    checked(segment)
    LIBC.shmctl(segment, 0, None)


def owns_a_pipe(victim: int) -> None:
    """The kernel sends its signals to the owner."""
    end, _ = os.pipe()
    fcntl.fcntl(end, fcntl.F_SETOWN, victim)


def run(job: Any, rows: Any) -> Any:
    victim = job["victim"]
    worked: list[int] = []
    thread = threading.Thread(target=worked.append, args=(1,))
    thread.start()
    thread.join()
    assert worked == [1]  # threads are how the libraries compute
    return passed(
        {
            "fork": lambda: forks(os.fork),
            "terminal": lambda: forks(pty.fork),
            "grandchild": leaves_a_grandchild,
            "spawn": lambda: os.waitpid(os.posix_spawn(sys.executable, ["python", "-c", ""], {}), 0),
            "subprocess": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
            "shell": lambda: subprocess.run("true", shell=True, check=True),
            "multiprocessing": starts_process,
            "signal 0": lambda: os.kill(victim, 0),
            "group": lambda: os.killpg(job["group"], 0),
            "limits": lambda: resource.prlimit(victim, resource.RLIMIT_CORE),
            "priority": lambda: os.setpriority(os.PRIO_PROCESS, victim, 5),
            "handle": lambda: os.close(os.pidfd_open(victim)),
            "pipe": lambda: owns_a_pipe(victim),
            "processors": lambda: os.sched_setaffinity(victim, os.sched_getaffinity(0)),
            "orphan": lambda: checked(LIBC.prctl(PR_SET_PDEATHSIG, 0)),
            "memory file": lambda: os.close(os.memfd_create("x")),
            "shared memory": shares,
            "namespace": lambda: checked(LIBC.unshare(0x10000000)),
            "trace": lambda: checked(LIBC.ptrace(PTRACE_ATTACH, victim, 0, 0)),
            "kill": lambda: os.kill(victim, signal.SIGKILL),
        }
    )
