"""Credentials of buckets: named files in one folder, put there by the operator, read when they are used."""

import json
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sfumato_executor.sources.refusal import SourceRefusedError

DEFAULT = "default"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


@dataclass(frozen=True)
class BucketCredentials:
    """Where buckets are and what opens them."""

    endpoint: str
    """host or host:port."""
    access_key: str
    secret_key: str
    secure: bool = True
    region: str = "us-east-1"

    def __repr__(self) -> str:
        """Without the keys."""
        return f"BucketCredentials(endpoint={self.endpoint!r})"


def bucket_credentials(folder: Path | None, name: str) -> BucketCredentials:
    """Credentials of a name, or those named "default": `<name>.toml` or `<name>.json`.

    Raises:
        SourceRefusedError: there is no such file, or it is not one. The text never holds what the file does.
    """
    name = name or DEFAULT
    if folder is None or not _NAME.fullmatch(name):
        raise SourceRefusedError(f"there are no credentials named {name!r}")
    read = _read(folder / name)
    if read is None:
        raise SourceRefusedError(f"there are no credentials named {name!r}")
    known = {field.name for field in fields(BucketCredentials)}
    texts = all(isinstance(read.get(key), str) for key in ("endpoint", "access_key", "secret_key"))
    if not texts or not read.keys() <= known or not isinstance(read.get("secure", True), bool):
        raise SourceRefusedError(f"the credentials named {name!r} are not complete, or hold more than they should")
    return BucketCredentials(**read)


def _read(stem: Path) -> dict[str, Any] | None:
    try:
        if (file := stem.with_name(f"{stem.name}.toml")).is_file():
            return tomllib.loads(file.read_text())
        if (file := stem.with_name(f"{stem.name}.json")).is_file():
            content = json.loads(file.read_text())
            return content if isinstance(content, dict) else {}
    except (ValueError, OSError):
        return {}
    return None
