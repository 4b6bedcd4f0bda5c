"""What is refused to a library's process, and what is read of its result.

The filter is run here by a reading of classic BPF that follows linux/Documentation/networking/filter.rst, so that the
filter of a machine other than this one is tested too; the kernel's own reading is tested by the attacks.
"""

import ctypes
import io
import platform
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from sfumato_executor.engines.library.confinement import is_confinable
from sfumato_executor.engines.library.results import BadResultError, read_result
from sfumato_executor.engines.library.syscall_filter import MACHINES, Machine, filter_program

PID = 4242
ALLOWED, DENIED, ABSENT, KILLED = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
OTHER_WAYS = {"x86_64": 0x40000003, "aarch64": 0x40000028}  # audit_arch of the 32-bit tables
# numbers as in the kernel's tables arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h
NEEDED = {
    "x86_64": {"read": 0, "write": 1, "mmap": 9, "mprotect": 10, "futex": 202, "exit_group": 231, "rseq": 334},
    "aarch64": {"read": 63, "write": 64, "mmap": 222, "mprotect": 226, "futex": 98, "exit_group": 94, "rseq": 293},
}
FORBIDDEN = {
    "x86_64": {"fork": 57, "vfork": 58, "execve": 59, "execveat": 322, "socket": 41, "socketpair": 53, "ptrace": 101,
               "process_vm_readv": 310, "process_vm_writev": 311, "mount": 165, "unshare": 272, "setns": 308,
               "bpf": 321, "io_uring_setup": 425, "keyctl": 250, "perf_event_open": 298, "userfaultfd": 323,
               "memfd_create": 319, "truncate": 76, "chmod": 90, "shmget": 29, "pidfd_send_signal": 424,
               "rt_sigqueueinfo": 129},
    "aarch64": {"execve": 221, "execveat": 281, "socket": 198, "socketpair": 199, "ptrace": 117,
                "process_vm_readv": 270, "process_vm_writev": 271, "mount": 40, "unshare": 97, "setns": 268, "bpf": 280,
                "io_uring_setup": 425, "keyctl": 219, "perf_event_open": 241, "userfaultfd": 282, "memfd_create": 279,
                "truncate": 45, "fchmodat": 53, "shmget": 194, "pidfd_send_signal": 424, "rt_sigqueueinfo": 138},
}  # fmt: skip


def verdict(machine: Machine, number: int, *arguments: int, architecture: int | None = None) -> int:
    """Return what the filter says to a call."""
    architecture = machine.audit_arch if architecture is None else architecture
    data = struct.pack("<iIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("=HBBI", filter_program(machine, PID)))
    assert len(steps) < 4096  # BPF_MAXINSNS
    held, place = 0, 0
    while True:
        code, if_true, if_false, operand = steps[place]
        if code == 0x06:
            return int(operand)
        place += 1
        if code == 0x20:
            held = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x54:
            held &= operand
        else:
            holds = {0x15: held == operand, 0x25: held > operand, 0x45: bool(held & operand)}[code]
            place += if_true if holds else if_false


@pytest.fixture(params=sorted(MACHINES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_computing_needs_is_allowed(name: str) -> None:
    machine = MACHINES[name]
    assert {call: verdict(machine, number) for call, number in NEEDED[name].items()} == dict.fromkeys(
        NEEDED[name], ALLOWED
    )


def test_what_reaches_others_is_refused(name: str) -> None:
    machine = MACHINES[name]
    said = {call: verdict(machine, number) for call, number in FORBIDDEN[name].items()}
    assert said == dict.fromkeys(FORBIDDEN[name], DENIED)


def test_other_tables_of_calls_end_the_process(name: str) -> None:
    machine = MACHINES[name]
    assert verdict(machine, 1, architecture=OTHER_WAYS[name]) == KILLED
    if name == "x86_64":
        assert verdict(machine, 0x40000000 | 41) == KILLED


def test_calls_that_hide_what_they_ask_for_and_later_calls_are_absent(name: str) -> None:
    machine = MACHINES[name]
    assert [verdict(machine, number) for number in (435, 437, 451, 999)] == [ABSENT] * 4


@pytest.mark.parametrize(
    ("call", "arguments", "said"),
    [
        ("clone", (0x3D0F00,), ALLOWED),  # as the C library makes a thread
        ("clone", (0x01200011,), DENIED),  # as it forks
        ("clone", (0x4111,), DENIED),  # and as posix_spawn does
        ("clone", (0x3D0F00 | 0x10000000,), DENIED),  # a namespace of users
        ("kill", (PID, 6), ALLOWED),
        ("kill", (PID + 1, 0), DENIED),
        ("kill", (0, 9), DENIED),
        ("kill", (2**64 - 1, 9), DENIED),
        ("tgkill", (PID, PID + 1, 6), ALLOWED),
        ("tgkill", (PID - 1, PID - 1, 6), DENIED),
        ("prlimit64", (0, 7), ALLOWED),
        ("prlimit64", (PID - 1, 7), DENIED),
        ("prctl", (15,), ALLOWED),  # a thread's name
        ("prctl", (1,), DENIED),
        ("prctl", (4, 1), DENIED),
        ("fcntl", (1, 3), ALLOWED),
        ("fcntl", (1, 8, 1), DENIED),
        ("fcntl", (1, 10, 9), DENIED),
        ("openat", (0, 0, 0o0), ALLOWED),
        ("openat", (0, 0, 0o1101), ALLOWED),  # a new file
        ("openat", (0, 0, 0o1102), ALLOWED),
        ("openat", (0, 0, 0o1000), DENIED),
        ("openat", (0, 0, 0o1003), DENIED),
    ],
)
def test_what_arguments_decide(name: str, call: str, arguments: Sequence[int], said: int) -> None:
    machine = MACHINES[name]
    assert verdict(machine, machine.numbers[call], *arguments) == said


def test_the_numbers_are_those_of_this_machine() -> None:
    machine = MACHINES.get(platform.machine())
    headers = [Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h")]
    header = headers[0] if platform.machine() == "x86_64" else headers[1]
    if machine is None or not header.is_file():
        pytest.skip("no headers of the kernel")
    known = {m[1]: int(m[2]) for m in re.finditer(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())}
    assert {call: known[call] for call in machine.numbers} == machine.numbers
    told = NEEDED[platform.machine()] | FORBIDDEN[platform.machine()]
    assert {call: known[call] for call in told} == told


def test_this_machine_can_confine() -> None:
    assert ctypes.sizeof(ctypes.c_void_p) == 8
    assert is_confinable()


TABLE = pa.table({"name": ["a", None], "shape": [[1, 2], []], "values": [[0.5], [float("nan")]]})


def stream(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as out:
        out.write_table(table, max_chunksize=1)
    return sink.getvalue()


def changed(text: str, old: bytes, new: bytes) -> bytes:
    written = stream(pa.table({"t": [text]}))
    assert written.count(old) == 1
    return written.replace(old, new)


def test_a_plain_table_is_read_with_what_it_says_of_itself() -> None:
    table = TABLE.replace_schema_metadata({b"sfumato.model": b"{}"})
    read = read_result(stream(table), 1 << 20)
    assert read.schema.equals(table.schema, check_metadata=True)
    assert read.drop_columns(["values"]).equals(table.drop_columns(["values"]))
    assert read_result(stream(table.slice(0, 0)), 1 << 20).num_rows == 0


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"{}",
        stream(TABLE)[:-40],
        stream(TABLE) + b"\0",
        stream(TABLE) + stream(TABLE),
        stream(TABLE, compression="zstd"),
        stream(TABLE, compression="lz4"),
        stream(pa.table({"c": pa.array(["a"]).dictionary_encode()})),
        stream(pa.table({"n": pa.nulls(3)})),
        stream(pa.table({"s": [{"a": 1}]})),
        stream(pa.table({"j": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}"]))})),
        stream(pa.table({})),
        changed("aaaaaaaaa", struct.pack("<ii", 0, 9) + b"a", struct.pack("<ii", 0, 99) + b"a"),
        changed("marked", b"marked", b"mark\xff\xff"),  # no UTF-8
    ],
)
def test_anything_else_is_refused(written: bytes) -> None:
    with pytest.raises(BadResultError):
        read_result(written, 1 << 20)


def test_a_table_beyond_the_limit_is_refused() -> None:
    written = stream(TABLE)
    assert read_result(written, len(written)).num_rows == 2
    with pytest.raises(BadResultError):
        read_result(written, len(written) - 1)


def test_no_bit_of_a_stream_can_break_the_reader() -> None:
    """Each byte changed in turn: a table or a refusal, and nothing else."""
    written = stream(TABLE)
    for place in range(len(written)):
        changed = written[:place] + bytes([written[place] ^ 0x41]) + written[place + 1 :]
        try:
            read_result(changed, 1 << 20)
        except BadResultError:
            continue
