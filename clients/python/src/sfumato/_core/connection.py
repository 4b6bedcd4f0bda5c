"""Which mesh to call, and as whom. Reads what it is given: no environment, no files.

Order: argument, then environment (SFUMATO_TARGET, SFUMATO_TOKEN), then the connection file. A token of the file goes
to the file's address only, never to another host.
"""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sfumato.errors import InvalidRequest, NotConfigured

TARGET_VARIABLE: Final = "SFUMATO_TARGET"
TOKEN_VARIABLE: Final = "SFUMATO_TOKEN"  # noqa: S105  (the name of a variable)
_HINT: Final = "start one with `sfumato up`, or set SFUMATO_TARGET and SFUMATO_TOKEN, or pass them to connect()"
_LONGEST_TARGET: Final = 512


@dataclass(frozen=True)
class Connection:
    """An address and a token."""

    target: str
    """host:port."""
    token: str = field(repr=False)
    """Bearer token."""

    @property
    def is_local(self) -> bool:
        """Whether it is this machine: then, and only then, the wire is not encrypted."""
        host = self.target.rpartition(":")[0].strip("[]")
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def connection_file(environment: Mapping[str, str], home: Path) -> Path:
    """Return where `sfumato up` writes address and tokens."""
    base = environment.get("XDG_CONFIG_HOME") or str(home / ".config")
    return Path(base) / "sfumato" / "connection.json"


def resolve(
    target: str | None,
    token: str | None,
    environment: Mapping[str, str],
    written: str | None,
    *,
    administrator: bool = False,
) -> Connection:
    """Return the connection to use.

    Args:
        target: host:port, if the caller says it.
        token: bearer token, if the caller says it.
        environment: variables.
        written: text of the connection file; None: there is none.
        administrator: take the administrator's token of the file.

    Raises:
        NotConfigured: no address or no token is known.
        InvalidRequest: the address is not host:port.
    """
    file = _read(written)
    address = target or environment.get(TARGET_VARIABLE) or file.get("target", "")
    if not address:
        raise NotConfigured("no address of a mesh is known.", hint=_HINT)
    _check(address)
    secret = token or environment.get(TOKEN_VARIABLE) or ""
    if not secret and address == file.get("target"):
        secret = file.get("admin_token" if administrator else "token", "")
    if not secret:
        raise NotConfigured(f"no token for {address} is known.", hint=_HINT)
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise InvalidRequest("the token has characters that no token has.", reason="REQUEST_INVALID")
    return Connection(address, secret)


def _check(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if (
        len(address) > _LONGEST_TARGET
        or not colon
        or not host
        or "/" in address
        or not port.isdigit()
        or not 0 < int(port) < 65536
    ):
        raise InvalidRequest(
            "the address is not host:port.", reason="REQUEST_INVALID", hint="sf.connect('sfumato.example.org:443')"
        )


def _read(written: str | None) -> Mapping[str, str]:
    if not written:
        return {}
    try:
        value = json.loads(written)
    except ValueError:
        raise NotConfigured("the connection file is not JSON.", hint="`sfumato up` writes it anew") from None
    return {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}
