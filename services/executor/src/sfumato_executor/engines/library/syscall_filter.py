"""The seccomp filter of a library's process: which system calls it may not make. Stdlib only, and no side effects.

A filter is a classic BPF program over `struct seccomp_data` (Linux Documentation/userspace-api/seccomp_filter.rst; the
return values and their order are in seccomp(2)). It sees the numbers of a call and its arguments, not what pointers
point at, so calls that hide what they ask for in memory (clone3, openat2, io_uring) are refused as a whole: the C
library falls back to calls whose arguments can be seen.

The filter lists what is refused, since what Python, BLAS and XLA use differs with their versions. Calls newer than the
list do not exist for the process (`ENOSYS`), so a newer kernel opens nothing. What a path may be opened for is
Landlock's part (`confinement.py`).
"""

import struct
from dataclasses import dataclass
from typing import Final

EPERM: Final = 1
ENOSYS: Final = 38

_NEWEST: Final = 450
"""Number of set_mempolicy_home_node (Linux 5.17), the same on both machines: later calls are not there."""
_X32: Final = 0x40000000
"""Set in the numbers of the x32 table, by which an x86-64 program could make every call under another number."""

# classic BPF, as in linux/bpf_common.h
_LOAD: Final = 0x20
_AND: Final = 0x54
_IF_EQUAL: Final = 0x15
_IF_ABOVE: Final = 0x25
_IF_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

_KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000
_ALLOW: Final = 0x7FFF0000

# offsets in struct seccomp_data; both machines are little-endian, so the low half of an argument comes first
_NUMBER: Final = 0
_MACHINE: Final = 4
_ARGUMENTS: Final = 16

_CLONE_THREAD: Final = 0x00010000
_CLONE_NEW_NAMESPACES: Final = 0x7E020000
_O_ACCMODE: Final = 3
_O_WRONLY: Final = 1
_O_RDWR: Final = 2
_O_TRUNC: Final = 0o1000
_F_SETSIG: Final = 10
_F_SETOWN: Final = 8
_F_SETOWN_EX: Final = 15
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_PTRACER: Final = 0x59616D61
_TIOCSTI: Final = 0x5412


@dataclass(frozen=True)
class Machine:
    """Where a machine's calls are: asm/unistd_64.h, and asm-generic/unistd.h for aarch64."""

    audit_arch: int
    """As in linux/audit.h."""
    numbers: dict[str, int]
    """Of calls that are looked into, and of capset."""
    refused: tuple[int, ...]
    """Calls that fail whatever their arguments."""
    has_x32: bool = False


# Numbers from 424 on are the same on both machines.
_REFUSED_ON_BOTH: Final = (
    424,  # pidfd_send_signal
    *(425, 426, 427),  # io_uring: its calls pass no filter
    *(428, 429, 430, 431, 432, 433, 442),  # mounts
    *(434, 438, 440, 448),  # pidfd_open, pidfd_getfd, process_madvise, process_mrelease
    443,  # quotactl_fd
    447,  # memfd_secret
)

_X86_64: Final = Machine(
    audit_arch=0xC000003E,
    numbers={
        "clone": 56, "kill": 62, "tgkill": 234, "prlimit64": 302, "prctl": 157, "fcntl": 72, "ioctl": 16,
        "open": 2, "openat": 257, "clone3": 435, "openat2": 437, "capset": 126,
    },
    refused=(
        *_REFUSED_ON_BOTH,
        *(57, 58, 59, 322),  # fork, vfork, execve, execveat
        *(41, 53, 42, 49, 50, 43, 288, 44, 46, 307),  # sockets: socket, socketpair, connect … sendmmsg
        *(200, 129, 297),  # tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
        *(101, 310, 311, 312),  # ptrace, process_vm_readv, process_vm_writev, kcmp
        *(141, 251, 203, 144, 142, 314, 256, 279),  # priorities, processors and pages of other processes
        *(165, 166, 155, 161, 272, 308),  # mount, umount2, pivot_root, chroot, unshare, setns
        *(321, 298, 323, 300, 304, 303),  # bpf, perf_event_open, userfaultfd, fanotify_init, *_handle_at
        *(248, 249, 250),  # keys of the kernel
        *(29, 30, 31, 67, 68, 69, 70, 71, 64, 65, 66, 220, 240, 241),  # System V and POSIX queues: they outlive it
        319,  # memfd_create: memory that RLIMIT_AS does not count
        *(90, 91, 268, 92, 93, 94, 260),  # modes and owners of files, which Landlock does not restrict
        *(188, 189, 190, 197, 198, 199, 132, 235, 280, 261),  # their attributes and times
        *(76, 133, 259),  # truncate, mknod, mknodat
        *(175, 313, 176, 246, 320, 169, 167, 168, 163, 179, 103, 153, 135, 136, 139, 134, 180, 212),  # the system
        *(164, 227, 305, 159, 170, 171, 172, 173, 154),  # clocks, host's name, ports
        *(253, 294, 254),  # inotify: what others do with files
    ),
    has_x32=True,
)  # fmt: skip

_AARCH64: Final = Machine(
    audit_arch=0xC00000B7,
    numbers={
        "clone": 220, "kill": 129, "tgkill": 131, "prlimit64": 261, "prctl": 167, "fcntl": 25, "ioctl": 29,
        "openat": 56, "clone3": 435, "openat2": 437, "capset": 91,
    },
    refused=(
        *_REFUSED_ON_BOTH,
        *(221, 281),  # execve, execveat; fork and vfork are clone
        *(198, 199, 203, 200, 201, 202, 242, 206, 211, 269),  # sockets
        *(130, 138, 240),  # tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
        *(117, 270, 271, 272),  # ptrace, process_vm_readv, process_vm_writev, kcmp
        *(140, 30, 122, 119, 118, 274, 238, 239),  # priorities, processors and pages of other processes
        *(40, 39, 41, 51, 97, 268),  # mount, umount2, pivot_root, chroot, unshare, setns
        *(280, 241, 282, 262, 265, 264),  # bpf, perf_event_open, userfaultfd, fanotify_init, *_handle_at
        *(217, 218, 219),  # keys of the kernel
        *(194, 195, 196, 197, 186, 187, 188, 189, 190, 191, 192, 193, 180, 181),  # System V and POSIX queues
        279,  # memfd_create
        *(52, 53, 54, 55),  # fchmod, fchmodat, fchownat, fchown
        *(5, 6, 7, 14, 15, 16, 88),  # attributes and times of files
        *(45, 33),  # truncate, mknodat
        *(105, 273, 106, 104, 294, 142, 224, 225, 89, 60, 116, 58, 92, 42, 18),  # the system
        *(170, 112, 266, 171, 161, 162),  # clocks, host's name
        *(26, 27),  # inotify
    ),
)  # fmt: skip

MACHINES: Final = {"x86_64": _X86_64, "aarch64": _AARCH64}
"""By `platform.machine()`. A library does not run on others."""

_Step = tuple[int, int, int, int]
"""Code, steps to skip if true, steps to skip if false, operand."""

_LET: Final[_Step] = (_RETURN, 0, 0, _ALLOW)
_DENY: Final[_Step] = (_RETURN, 0, 0, _ERRNO | EPERM)


def filter_program(machine: Machine, pid: int) -> bytes:
    """Return the filter of process `pid` as an array of `struct sock_filter`."""
    steps: list[_Step] = [
        (_LOAD, 0, 0, _MACHINE),
        (_IF_EQUAL, 1, 0, machine.audit_arch),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine.has_x32:
        steps += [(_IF_ANY_BIT, 0, 1, _X32), (_RETURN, 0, 0, _KILL_PROCESS)]
    steps += [(_IF_ABOVE, 0, 1, _NEWEST), (_RETURN, 0, 0, _ERRNO | ENOSYS)]
    for name in ("clone3", "openat2"):
        steps += _call(machine, name, [(_RETURN, 0, 0, _ERRNO | ENOSYS)])
    for number in machine.refused:
        steps += [(_IF_EQUAL, 0, 1, number), _DENY]
    steps += _looked_into(machine, pid)
    steps.append(_LET)
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _looked_into(machine: Machine, pid: int) -> list[_Step]:
    threads = [(_IF_ANY_BIT, 1, 0, _CLONE_NEW_NAMESPACES), (_IF_ANY_BIT, 1, 0, _CLONE_THREAD), _DENY, _LET]
    steps = _call(machine, "clone", [_argument(0), *threads])
    # a signal to itself is how abort() ends it; 0 and negative numbers are groups of processes
    steps += _call(machine, "kill", [_argument(0), *_only(pid)])
    steps += _call(machine, "tgkill", [_argument(0), *_only(pid)])
    steps += _call(machine, "prlimit64", [_argument(0), *_only(0)])
    # it ends with its parent, and stays closed to other processes
    steps += _call(machine, "prctl", [_argument(0), *_not(_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_PTRACER)])
    # the kernel would send SIGIO, or any other signal, to the owner of a pipe
    steps += _call(machine, "fcntl", [_argument(1), *_not(_F_SETOWN, _F_SETOWN_EX, _F_SETSIG)])
    steps += _call(machine, "ioctl", [_argument(1), *_not(_TIOCSTI)])
    # Landlock before Linux 6.2 lets a file that may be read be opened for reading and emptied
    steps += _call(machine, "open", _no_reading_and_emptying(_argument(1)))
    steps += _call(machine, "openat", _no_reading_and_emptying(_argument(2)))
    return steps


def _call(machine: Machine, name: str, body: list[_Step]) -> list[_Step]:
    """Steps for one call. The body returns on every way through it, since it may have loaded something else."""
    number = machine.numbers.get(name)
    return [] if number is None else [(_IF_EQUAL, 0, len(body), number), *body]


def _argument(place: int) -> _Step:
    """Load the low 32 bits of an argument; the kernel looks at no more of those used here."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * place)


def _only(value: int) -> list[_Step]:
    return [(_IF_EQUAL, 1, 0, value), _DENY, _LET]


def _not(*values: int) -> list[_Step]:
    """Refuse these values."""
    steps: list[_Step] = [(_IF_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [*steps, _LET, _DENY]


def _no_reading_and_emptying(flags: _Step) -> list[_Step]:
    ways: list[_Step] = [(_AND, 0, 0, _O_ACCMODE), (_IF_EQUAL, 2, 0, _O_WRONLY), (_IF_EQUAL, 1, 0, _O_RDWR)]
    return [flags, (_IF_ANY_BIT, 0, 4, _O_TRUNC), *ways, _DENY, _LET]
