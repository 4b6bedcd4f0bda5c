"""What a library's process takes from itself before it imports the library. Stdlib only; irrevocable.

Limits of resources, no privileges, no files but the interpreter's, the libraries' and its scratch folder (Landlock,
Linux Documentation/userspace-api/landlock.rst), no network, no processes and no signals to others (seccomp,
`syscall_filter.py`). A kernel that lacks one of them runs no library.

What stays: names and sizes of files can be learned where the user could (Landlock does not restrict stat), and the time
that a job takes.

The packages for this are young (`landlockpy`) or bind libseccomp, which slim images lack; it is three system calls and
one.
"""

import ctypes
import os
import platform
import resource
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfumato_executor.engines.library.syscall_filter import MACHINES, Machine, filter_program

_LIBC: Final = ctypes.CDLL(None, use_errno=True)

# linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_SECCOMP_MODE_FILTER: Final = 2
_SIGKILL: Final = 9

# linux/landlock.h; the numbers of its calls are the same on every machine
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION_ONLY: Final = 1
_PATH_BENEATH: Final = 1
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_REMOVE_DIR: Final = 1 << 4
_REMOVE_FILE: Final = 1 << 5
_MAKE_DIR: Final = 1 << 7
_MAKE_REG: Final = 1 << 8
_REFER: Final = 1 << 13
_TRUNCATE: Final = 1 << 14
_OF_A_FILE: Final = _WRITE_FILE | _READ_FILE | _TRUNCATE
_READ: Final = _READ_FILE | _READ_DIR
_OWN: Final = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
_RIGHTS_BY_VERSION: Final = (0, 13, 14, 15, 15)
"""How many rights to files each version of Landlock knows; 16 from version 5 on. It is told to deny them all."""
_NET_FROM: Final = 4
_SCOPES_FROM: Final = 6

_OPEN_FILES: Final = 256
_TASKS: Final = 4096
"""Processes and threads of the user, in all its processes: the kernel counts no others. It does not hold for root."""
_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
_MACHINE_FACTS: Final = ("/proc/cpuinfo", "/proc/meminfo", "/proc/self/status", "/sys/devices/system/cpu")
_RANDOM: Final = "/dev/urandom"


class UnconfinableError(Exception):
    """The process cannot be confined here, or is not although it tried."""


@dataclass(frozen=True)
class Ceilings:
    """What the process may take of the machine."""

    cpu_seconds: int
    memory_bytes: int
    """Of address space, which all threads share."""
    file_bytes: int
    """Of each file in the scratch folder."""


def is_confinable() -> bool:
    """Return whether this machine and kernel can confine a process. Changes nothing."""
    return (
        sys.platform == "linux"
        and platform.machine() in MACHINES
        and _landlock_version() >= 1
        and Path("/proc/sys/kernel/seccomp/actions_avail").is_file()
    )


def confine(ceilings: Ceilings, scratch: Path) -> None:
    """Confine this process for the rest of its life. It must have one thread.

    Args:
        ceilings: of resources.
        scratch: the only folder that stays writable.

    Raises:
        UnconfinableError: something of it did not hold. The process must end.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None or sys.platform != "linux":
        raise UnconfinableError("this machine has no filter")
    if len(os.listdir("/proc/self/task")) != 1:
        raise UnconfinableError("filters hold for one thread and those that it starts")
    _limit(ceilings)
    _shed_privileges(machine)
    _close_files(_readable(), scratch)
    _filter_calls(machine)
    _prove(scratch)


def _limit(ceilings: Ceilings) -> None:
    wanted = {
        resource.RLIMIT_AS: ceilings.memory_bytes,
        resource.RLIMIT_FSIZE: ceilings.file_bytes,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,  # no file holds what its memory held
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_NPROC: _TASKS,
    }
    for what, most in wanted.items():
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    # the first limit ends it by a signal of its own, by which the parent knows the cause
    resource.setrlimit(resource.RLIMIT_CPU, (ceilings.cpu_seconds, ceilings.cpu_seconds + 1))


def _shed_privileges(machine: Machine) -> None:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    third_version = struct.pack("=Ii", 0x20080522, 0)
    _checked(_LIBC.syscall(machine.numbers["capset"], third_version, bytes(24)), "capset")
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)


def _prctl(option: int, value: int) -> None:
    _checked(
        _LIBC.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)), "prctl"
    )


def _checked(result: int, call: str) -> int:
    if result < 0:
        raise UnconfinableError(f"{call} failed with error {ctypes.get_errno()}")
    return result


def _landlock_version() -> int:
    """Return Landlock's version, or a number below 1 where the kernel has none."""
    return int(_LIBC.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_ONLY)))


def _readable() -> Iterable[str]:
    """Yield what Python, the libraries and the C library read: their own files, and facts of the machine."""
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
    yield from (path for path in sys.path if Path(path).is_absolute() and Path(path) != Path("/"))
    yield from (*_SYSTEM, *_MACHINE_FACTS, _RANDOM)


def _close_files(readable: Iterable[str], scratch: Path) -> None:
    """Deny every right to every file, but reading of the readable and writing below the scratch folder."""
    version = _checked(_landlock_version(), "landlock")
    count = _RIGHTS_BY_VERSION[version] if version < len(_RIGHTS_BY_VERSION) else 16
    known = (1 << count) - 1
    # struct landlock_ruleset_attr: rights to files; to TCP ports; to sockets and signals of others
    fields = [known, 3 if version >= _NET_FROM else 0, 3 if version >= _SCOPES_FROM else 0]
    ruleset = struct.pack("=QQQ", *fields)[: 24 if version >= _SCOPES_FROM else 16 if version >= _NET_FROM else 8]
    call = _LIBC.syscall(_CREATE_RULESET, ruleset, ctypes.c_size_t(len(ruleset)), ctypes.c_uint32(0))
    rules = _checked(call, "landlock_create_ruleset")
    try:
        for path in readable:
            _allow(rules, path, _READ & known)
        _allow(rules, "/dev/null", (_READ_FILE | _WRITE_FILE) & known)
        _allow(rules, str(scratch), _OWN & known)
        _checked(_LIBC.syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0)), "landlock_restrict_self")
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there, or closed already
        return
    try:
        is_folder = os.path.isdir(path)
        beneath = struct.pack("=Qi", rights if is_folder else rights & _OF_A_FILE, opened)
        call = _LIBC.syscall(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), beneath, ctypes.c_uint32(0))
        _checked(call, "landlock_add_rule")
    finally:
        os.close(opened)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def _filter_calls(machine: Machine) -> None:
    steps = filter_program(machine, os.getpid())
    program = _Program(len(steps) // 8, steps)
    call = _LIBC.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(program))
    _checked(call, "seccomp")


def _prove(scratch: Path) -> None:
    """Try what must fail: the proof that the kernel does what it was told."""
    passed = [what for what, attempt in _ATTEMPTS.items() if _passes(attempt, scratch)]
    if passed:
        raise UnconfinableError(f"passed: {', '.join(passed)}")


def _connects(scratch: Path) -> None:
    del scratch
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()


def _reads_outside(scratch: Path) -> None:
    del scratch
    os.close(os.open("/etc/passwd", os.O_RDONLY))


def _lists_outside(scratch: Path) -> None:
    os.listdir(scratch.parent)


def _writes_outside(scratch: Path) -> None:
    path = scratch.with_name(f"{scratch.name}-outside")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    path.unlink()


def _forks(scratch: Path) -> None:
    del scratch
    if os.fork() == 0:
        os._exit(0)


_ATTEMPTS: Final[dict[str, Callable[[Path], None]]] = {
    "a socket": _connects,
    "a file outside": _reads_outside,
    "a folder outside": _lists_outside,
    "writing outside": _writes_outside,
    "a second process": _forks,
}


def _passes(attempt: Callable[[Path], None], scratch: Path) -> bool:
    try:
        attempt(scratch)
    except PermissionError:
        return False
    except OSError:
        return True  # failed for another reason than the confinement
    return True
