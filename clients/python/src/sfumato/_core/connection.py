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
_LISTS: Final = ("ipv4:", "ipv6:")
_NAME: Final = "dns:///"


@dataclass(frozen=True)
class Connection:
    """An address and a token."""

    target: str
    """host:port, ipv4:host:port,host:port (or ipv6) for several gateways, or dns:///name:port for all of a name."""
    token: str = field(repr=False)
    """Bearer token."""

    @property
    def is_local(self) -> bool:
        """Whether all of it is this machine: then, and only then, the wire is not encrypted."""
        return all(_is_loopback(address.rpartition(":")[0].strip("[]")) for address in _addresses(self.target))

    @property
    def is_several(self) -> bool:
        """Whether the target may mean several gateways."""
        return self.target.startswith((*_LISTS, _NAME))


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
        target: host:port, or several (see Connection), if the caller says it.
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


def _addresses(target: str) -> list[str]:
    """Return the host:port parts of a target."""
    for scheme in _LISTS:
        if target.startswith(scheme):
            return target.removeprefix(scheme).split(",")
    return [target.removeprefix(_NAME)]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check(target: str) -> None:
    if len(target) > _LONGEST_TARGET or not all(_is_address(each) for each in _addresses(target)):
        raise InvalidRequest(
            "the address is not host:port, nor ipv4:host:port,host:port.",
            reason="REQUEST_INVALID",
            hint="sf.connect('sfumato.example.org:443')",
        )
    if target.startswith(_LISTS) and any(not _is_number(each, target) for each in _addresses(target)):
        raise InvalidRequest(
            "a list of addresses takes numbers, not names.",
            reason="REQUEST_INVALID",
            hint="dns:///NAME:PORT calls all addresses of a name",
        )


def _is_address(address: str) -> bool:
    host, colon, port = address.rpartition(":")
    return bool(colon and host) and not set("/,@ ") & set(host) and port.isdigit() and 0 < int(port) < 65536


def _is_number(address: str, target: str) -> bool:
    host = address.rpartition(":")[0]
    try:
        return f"ipv{ipaddress.ip_address(host.strip('[]')).version}" == target[:4]
    except ValueError:
        return False


def _read(written: str | None) -> Mapping[str, str]:
    if not written:
        return {}
    try:
        value = json.loads(written)
    except ValueError:
        raise NotConfigured("the connection file is not JSON.", hint="`sfumato up` writes it anew") from None
    return {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}
