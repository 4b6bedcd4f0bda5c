"""Which mesh, and as whom: SFUMATO_TARGET with SFUMATO_TOKEN or SFUMATO_TOKEN_FILE, or what `sfumato up` wrote.

As the CLI has it: the wire is plain on this machine and TLS everywhere else, and the token of the file goes to the
address of the file only.
"""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path

from .refusals import RefusedError

_HINT = "start a mesh with `sfumato up`, or set SFUMATO_TARGET and SFUMATO_TOKEN or SFUMATO_TOKEN_FILE"


def lines() -> str:
    """Return address, "plaintext" or "tls", and token, one a line.

    Raises:
        RefusedError: one of them is not known, or is none.
    """
    written = _written()
    target = os.environ.get("SFUMATO_TARGET") or written.get("target", "")
    if not target:
        raise RefusedError("SFUMATO_TARGET", "no address of a mesh is known", _HINT)
    token = os.environ.get("SFUMATO_TOKEN") or _from_file(os.environ.get("SFUMATO_TOKEN_FILE", ""))
    if not token and target == written.get("target"):
        token = written.get("admin_token", "")
    if not token:
        raise RefusedError("SFUMATO_TOKEN", f"no token for {target} is known", _HINT)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise RefusedError("SFUMATO_TOKEN", "it has characters that no token has")
    address = _first(target)
    host = address.rpartition(":")[0].strip("[]")
    return f"{address}\n{'plaintext' if _is_loopback(host) else 'tls'}\n{token}\n"


def _written() -> dict[str, str]:
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    try:
        found = json.loads((Path(base) / "sfumato" / "connection.json").read_text(encoding="utf-8"))
    except OSError:
        return {}
    except ValueError:
        raise RefusedError("connection.json", "it is not JSON", "`sfumato up` writes it anew") from None
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def _from_file(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(
            "SFUMATO_TOKEN_FILE", f"it cannot be read: {getattr(error, 'strerror', 'not text')}"
        ) from None


def _first(target: str) -> str:
    """Return one host:port of a target that may name several."""
    for scheme in ("ipv4:", "ipv6:", "dns:///"):
        if target.startswith(scheme):
            target = target[len(scheme) :].partition(",")[0]
    host, colon, port = target.rpartition(":")
    if not colon or not host or set("/,@ ") & set(host) or not port.isdigit() or not 0 < int(port) < 65536:
        raise RefusedError("SFUMATO_TARGET", "the address is not host:port", "sfumato.example.org:443")
    return target


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
