"""The Docker way: one service of compose.yaml, published on a free loopback port."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import ServiceError
from .install import which
from .process import run
from .workplace import REPOSITORY, Workplace

_ENGINE_PATIENCE_S = 10


@dataclass(frozen=True)
class ComposeService:
    """A service of compose.yaml and the port it serves inside."""

    name: str
    port: int


def engine_answers(workplace: Workplace) -> bool:
    """Whether there is an engine behind the client, and the compose plugin."""
    docker = which("docker", workplace)
    if docker is None:
        return False
    for question in (["version", "--format", "{{.Server.Version}}"], ["compose", "version"]):
        try:
            answer = subprocess.run([docker, *question], capture_output=True, timeout=_ENGINE_PATIENCE_S)
        except subprocess.TimeoutExpired:
            return False
        if answer.returncode != 0:
            return False
    return True


def start_service(workplace: Workplace, part: str, service: ComposeService, secret: str) -> int:
    """Bring one service up and return the loopback port on which it is published."""
    log = workplace.room(part) / "docker.log"
    environment = {**workplace.environment, "SFUMATO_SERVICES_SECRET": secret}
    run([*_compose(workplace), "up", "-d", service.name], log, environment)
    question = [*_compose(workplace), "port", service.name, str(service.port)]
    answer = subprocess.run(question, capture_output=True, text=True, env=environment)
    port = answer.stdout.strip().rpartition(":")[2]
    if not port.isdigit():
        raise ServiceError(f"docker compose published no port for {service.name}: {answer.stderr.strip()}")
    return int(port)


def wait_until_healthy(service: ComposeService, is_healthy: Callable[[], bool], patience_s: float) -> None:
    """Wait until the published server answers.

    Raises:
        ServiceError: It did not within `patience_s` seconds.
    """
    deadline = time.monotonic() + patience_s
    while not is_healthy():
        if time.monotonic() > deadline:
            raise ServiceError(f"the container of {service.name} did not answer within {patience_s:.0f} s")
        time.sleep(0.3)


def remove_service(workplace: Workplace, part: str, service: ComposeService) -> None:
    """Stop one service and remove its container and data."""
    run(
        [*_compose(workplace), "rm", "--stop", "--force", "--volumes", service.name],
        workplace.room(part) / "docker.log",
    )


def _compose(workplace: Workplace) -> list[str]:
    project = "sfumato-" + hashlib.sha256(str(workplace.state).encode()).hexdigest()[:8]
    return ["docker", "compose", "--file", str(REPOSITORY / "compose.yaml"), "--project-name", project]
