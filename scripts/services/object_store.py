"""S3: MinIO."""

from __future__ import annotations

from pathlib import Path

from .install import GoProgram, which
from .ports import LOOPBACK, free_ports
from .process import start, wait_until_healthy
from .wire import minio_is_ready
from .workplace import Workplace

PART = "s3"
ACCESS_KEY = "sfumato"

# A release of 2026-02; upstream has ended maintenance, so that there is no later one to follow.
MINIO = GoProgram("minio", "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c", needs_go="1.24")


def on_path(workplace: Workplace) -> Path | None:
    """The minio on the PATH."""
    found = which("minio", workplace)
    return None if found is None else Path(found)


def start_minio(workplace: Workplace, binary: Path) -> str:
    """Start MinIO on an empty directory and return its URL, which carries its keys."""
    (port,) = free_ports(1)
    room = workplace.room(PART)
    data = workplace.fresh_data(PART)
    secret = workplace.secret(PART)
    environment = {
        "PATH": workplace.environment.get("PATH", ""),
        "HOME": str(room),
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_ROOT_USER": ACCESS_KEY,
        "MINIO_ROOT_PASSWORD": secret,
    }
    process = start("minio", [str(binary), "server", "--address", f"{LOOPBACK}:{port}", str(data)], room, environment)
    wait_until_healthy("minio", room, process, lambda: minio_is_ready(port), patience_s=60)
    return f"http://{ACCESS_KEY}:{secret}@{LOOPBACK}:{port}"
