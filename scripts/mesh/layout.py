"""What a production mesh on one machine consists of: which processes, and what each of them is told.

Two gateways, two accountants, an executor's front and two workers, on a MongoDB-compatible server, an S3 store and a
broker. Nothing is started here: `lay_out` writes keys, credentials and the settings file that all share, and says how
each process is called. Secrets go to the processes that need them, through their environment.
"""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sfumato_mesh.keys import key_id, load_or_create_signing_key, public_key_bytes
from sfumato_mesh.tokens import LocalIssuer

AUDIENCE: Final = "sfumato"
LISTENING: Final = ("gateway1", "gateway2", "front", "accountant1", "accountant2")
"""Processes that have a port, and a second one for their health."""
WORKERS: Final = ("worker1", "worker2")
_KEYS: Final = ("gateway", "executor", "ledger", "ledger-next", "issuer")


@dataclass(frozen=True)
class Servers:
    """The servers that a mesh stands on, secrets included."""

    mongodb: str
    """mongodb://…, without a database."""
    s3: str
    """http://KEY:SECRET@HOST:PORT."""
    broker: str
    """amqp://… or redis://…."""


@dataclass(frozen=True)
class Names:
    """What a mesh is called on the servers, which it shares with others."""

    database: str
    releases: str
    """Bucket of releases, marks and prepared data."""
    lake: str
    """Bucket for tables: what a source may name, with the credentials lake-reader."""
    queues: str

    @classmethod
    def marked(cls, mark: str) -> "Names":
        """Return the names of the mesh with a mark of its own: hexadecimal digits."""
        return cls(f"sfumato_{mark}", f"releases-{mark}", f"lake-{mark}", f"mesh-{mark}")

    @classmethod
    def fresh(cls) -> "Names":
        """Return names that nobody uses."""
        return cls.marked(secrets.token_hex(6))


@dataclass(frozen=True)
class Policy:
    """What differs between meshes of this shape."""

    issuer: str
    """`iss` of the tokens that it takes."""
    administrator: str
    """`sub` of the first administrator."""
    lease_seconds: float = 20.0
    drain_seconds: float = 30.0
    settle_interval_seconds: float = 1.0
    worker_concurrency: int = 1


@dataclass(frozen=True)
class Declared:
    """One process, as it is to be called."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health_port: int
    """0: it has none."""
    children: int
    """Processes that it forks before it works."""


@dataclass(frozen=True)
class Layout:
    """A mesh, ready to be started."""

    processes: tuple[Declared, ...]
    """In an order in which they may be started; any other is as good."""
    gateways: tuple[str, ...]
    """Address of each gateway."""
    issuer: LocalIssuer

    @property
    def target(self) -> str:
        """One target for all gateways, for clients that balance."""
        return "ipv4:" + ",".join(self.gateways)


def lay_out(
    folder: Path,
    servers: Servers,
    names: Names,
    ports: Mapping[str, int],
    policy: Policy,
    more: Mapping[str, str] | None = None,
) -> Layout:
    """Write what the processes read, and return how they are called.

    Args:
        folder: for keys, credentials, settings, and below `data` for tables that a source names by path.
        servers: where to find them.
        names: what the mesh is called there; its buckets are to exist.
        ports: NAME and NAME-health → a free port of loopback, for each of LISTENING.
        policy: see Policy.
        more: further variables of every process, above all others.
    """
    for part in ("keys", "credentials", "data"):
        (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    key = {name: folder / "keys" / f"{name}.pem" for name in _KEYS}
    for path in key.values():
        load_or_create_signing_key(path)  # here, once: processes that start together would each make one
    _write_credentials(folder / "credentials", servers.s3)
    (folder / "mesh.toml").write_text(_settings(key, names, ports, policy))
    accounts = {
        "SFUMATO_STORE_URL": urlsplit(servers.mongodb)._replace(path=f"/{names.database}").geturl(),
        "SFUMATO_LEDGER_KEY_FILE": str(key["ledger"]),
        "SFUMATO_LEDGER_NEXT_KEY_FILE": str(key["ledger-next"]),
        "SFUMATO_ADMINISTRATOR_ISSUER": policy.issuer,
        "SFUMATO_ADMINISTRATOR_SUBJECT": policy.administrator,
    }
    executes = {
        "SFUMATO_BROKER_URL": servers.broker,
        "SFUMATO_CREDENTIALS_DIR": str(folder / "credentials"),
        "SFUMATO_SIGNING_KEY": str(key["executor"]),
    }
    common = {"SFUMATO_CONFIG": str(folder / "mesh.toml"), "HOME": str(folder)}
    processes = []
    for name in ("accountant1", "accountant2", "front", *WORKERS, "gateway1", "gateway2"):
        kind = name.rstrip("12")
        own = {
            "accountant": accounts,
            "front": executes,
            "worker": {
                **executes,
                "SFUMATO_CACHE_DIR": str(folder / f"cache-{name}"),
                "SFUMATO_DATA_ROOT": str(folder / "data"),
            },
            "gateway": {"SFUMATO_SIGNING_KEY": str(key["gateway"])},
        }[kind]
        health = ports.get(f"{name}-health", 0)
        if health:
            own = {
                **own,
                "SFUMATO_LISTEN_ADDRESS": f"127.0.0.1:{ports[name]}",
                "SFUMATO_HEALTH_ADDRESS": f"127.0.0.1:{health}",
            }
        children = policy.worker_concurrency if name in WORKERS else 0
        processes.append(Declared(name, _command(kind), {**common, **own, **(more or {})}, health, children))
    issuing = load_or_create_signing_key(key["issuer"])
    gateways = tuple(f"127.0.0.1:{ports[name]}" for name in ("gateway1", "gateway2"))
    return Layout(tuple(processes), gateways, LocalIssuer(policy.issuer, AUDIENCE, issuing))


def port_names() -> list[str]:
    """Return what `lay_out` must know a port for."""
    return [*LISTENING, *(f"{name}-health" for name in LISTENING)]


def _command(kind: str) -> tuple[str, ...]:
    programs = Path(sys.executable).parent
    if kind in ("front", "worker"):
        return str(programs / "sfumato-executor"), kind
    return (str(programs / f"sfumato-{kind}"),)


def _settings(key: Mapping[str, Path], names: Names, ports: Mapping[str, int], policy: Policy) -> str:
    publics = {name: load_or_create_signing_key(path).public_key() for name, path in key.items()}
    return f"""
issuer = "{policy.issuer}"
audience = "{AUDIENCE}"
log_level = "INFO"
drain_seconds = {policy.drain_seconds}
accountant_target = "ipv4:127.0.0.1:{ports["accountant1"]},127.0.0.1:{ports["accountant2"]}"
executor_target = "127.0.0.1:{ports["front"]}"
queue_prefix = "{names.queues}"
releases = "s3://{names.releases}/mesh"
lease_seconds = {policy.lease_seconds}
settle_interval_seconds = {policy.settle_interval_seconds}
worker_concurrency = {policy.worker_concurrency}

[principal_keys]
gateway = "{public_key_bytes(publics["gateway"]).hex()}"
executor = "{public_key_bytes(publics["executor"]).hex()}"

[token_keys]
{key_id(publics["issuer"])} = "{public_key_bytes(publics["issuer"]).hex()}"
"""


def _write_credentials(folder: Path, s3: str) -> None:
    server = urlsplit(s3)
    text = (
        f'endpoint = "{server.hostname}:{server.port}"\naccess_key = "{server.username}"\n'
        f'secret_key = "{server.password}"\nsecure = {str(server.scheme == "https").lower()}\n'
    )
    for name in ("releases", "lake-reader"):
        path = folder / f"{name}.toml"
        path.touch(mode=0o600)
        path.write_text(text)
