"""Starting, watching and ending the processes of a mesh. They outlive this program and are found by their pid files."""

import hashlib
import json
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from scripts.mesh.layout import Declared
from scripts.services.errors import ServiceError
from scripts.services.process import ServerProcess, log_end, recorded, start

_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05


def digest_of(declared: Declared, settings: str) -> str:
    """Return what changes with everything that a process is told."""
    told = json.dumps([declared.command, sorted(declared.environment.items()), settings])
    return hashlib.sha256(told.encode()).hexdigest()


def is_current(declared: Declared, room: Path, settings: str) -> bool:
    """Return whether the process runs, and was told what it would be told now."""
    process = recorded(declared.name, room)
    note = room / f"{declared.name}.told"
    return (
        process is not None and process.is_alive and note.exists() and note.read_text() == digest_of(declared, settings)
    )


def launch(declared: Declared, room: Path, settings: str) -> None:
    """Start a process, its output in `room/NAME.log`."""
    environment = {"PATH": os.environ.get("PATH", ""), **declared.environment}
    start(declared.name, declared.command, room, environment)
    (room / f"{declared.name}.told").write_text(digest_of(declared, settings))


def is_working(declared: Declared, room: Path) -> bool:
    """Ask a service's health port; of a worker, whether its children are there."""
    process = recorded(declared.name, room)
    if process is None or not process.is_alive:
        return False
    if not declared.health_port:
        return len(_children(process)) >= declared.children
    with grpc.insecure_channel(f"127.0.0.1:{declared.health_port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def wait_until_working(processes: Iterable[Declared], room: Path, patience_s: float = _START_SECONDS) -> None:
    """Return when all of them work.

    Raises:
        ServiceError: one ended, or does not work in time; with the end of its log.
    """
    end = time.monotonic() + patience_s
    for declared in processes:
        while not is_working(declared, room):
            process = recorded(declared.name, room)
            ended = process is None or not process.is_alive
            if ended or time.monotonic() >= end:
                what = "ended while it started" if ended else f"does not work after {patience_s:.0f} s"
                raise ServiceError(f"{declared.name} {what}; the end of its log:\n{log_end(declared.name, room)}")
            time.sleep(_POLL_SECONDS)


def end_all(names: Iterable[str], room: Path, patience_s: float) -> list[str]:
    """Send SIGTERM to processes and wait; kill what does not end, and return the names of what had to be killed."""
    running = [(name, process) for name in names if (process := recorded(name, room)) is not None and process.is_alive]
    for _, process in running:
        os.kill(process.pid, signal.SIGTERM)
    end = time.monotonic() + patience_s
    while any(process.is_alive for _, process in running) and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
    killed = [name for name, process in running if process.is_alive]
    for name, process in running:
        if name in killed:
            os.killpg(process.pid, signal.SIGKILL)  # a worker's children are of its group
    while any(process.is_alive for _, process in running):
        time.sleep(_POLL_SECONDS)
    for name, _ in running:
        (room / f"{name}.pid").unlink(missing_ok=True)
        (room / f"{name}.told").unlink(missing_ok=True)
    return killed


def _children(process: ServerProcess) -> list[str]:
    try:
        return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    except OSError:
        return []
