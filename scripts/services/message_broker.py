"""AMQP: RabbitMQ, as a node of its own that shares nothing with one that the machine may run."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from .errors import ServiceError
from .install import debian_packages_missing, disable_units, install_debian_packages, which
from .ports import LOOPBACK, free_ports
from .process import start, wait_until_healthy
from .wire import accepts_connections, amqp_opens_vhost
from .workplace import Workplace

PART = "amqp"

# Debian's /usr/sbin/rabbitmq-server changes to the user rabbitmq and its directories; this one starts the node as
# the environment says.
_DEBIAN_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_SYSTEM_DIRECTORIES = {Path("/usr/sbin"), Path("/sbin"), Path("/usr/bin"), Path("/bin")}


def on_path(workplace: Workplace) -> Path | None:
    """The start script of the RabbitMQ on the PATH."""
    found = which("rabbitmq-server", workplace)
    if found is None:
        return None
    is_debians = Path(found).parent in _SYSTEM_DIRECTORIES and _DEBIAN_SCRIPT.exists()
    return _DEBIAN_SCRIPT if is_debians else Path(found)


def missing(workplace: Workplace) -> str | None:
    """What stands in the way of installing RabbitMQ; None when nothing."""
    # An ordinary user's PATH may lack /usr/sbin.
    return None if _DEBIAN_SCRIPT.exists() else debian_packages_missing(workplace)


def install(workplace: Workplace) -> Path:
    """Have Debian's RabbitMQ, and no service of it, and return its start script."""
    if not _DEBIAN_SCRIPT.exists():
        install_debian_packages(workplace, "rabbitmq-server")
        disable_units(workplace, "rabbitmq-server.service", "epmd.service", "epmd.socket")
    return _DEBIAN_SCRIPT


def start_rabbitmq(workplace: Workplace, script: Path) -> str:
    """Start Erlang's port mapper and the node on empty directories.

    The node would start a port mapper that stays when it ends. Ours is a process like the others, stopped by its pid.
    """
    port, distribution_port, mapper_port = free_ports(3)
    room = workplace.room(PART)
    data = workplace.fresh_data(PART)
    environment = _environment(workplace, data, port, distribution_port, mapper_port)
    mapper = start("epmd", [_epmd(workplace), "-address", LOOPBACK, "-port", str(mapper_port)], room, environment)
    mapper_place = f"epmd://{LOOPBACK}:{mapper_port}"
    wait_until_healthy("epmd", room, mapper, lambda: accepts_connections(mapper_place, mapper_port), patience_s=10)
    node = start("rabbitmq", [str(script)], room, environment)
    # 7 s on an idle machine of two cores, 26 s on a busy one.
    wait_until_healthy("rabbitmq", room, node, lambda: amqp_opens_vhost(port), patience_s=120)
    return f"amqp://guest:guest@{LOOPBACK}:{port}//"


def _environment(workplace: Workplace, data: Path, port: int, distribution: int, mapper: int) -> dict[str, str]:
    kept = {name: value for name, value in workplace.environment.items() if not re.match("RABBITMQ_|ERL_", name)}
    # One name a state directory: two nodes of one name would be taken for one node by tools on the machine.
    name = hashlib.sha256(str(workplace.state).encode()).hexdigest()[:8]
    return {
        **kept,
        "HOME": str(data),  # the cookie lies there
        "PATH": kept.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin",
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(mapper),
        "RABBITMQ_NODENAME": f"sfumato-{name}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_SCHEMA_DIR": str(data / "schema"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(data / "config"),
        "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": str(data / "rabbitmq-env.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins"),
        "RABBITMQ_PID_FILE": str(data / "node.pid"),
    }


def _epmd(workplace: Workplace) -> str:
    found = which("epmd", workplace)
    if found is None:
        beside = sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))
        if not beside:
            raise ServiceError(
                "epmd, Erlang's port mapper, is not on the PATH; install erlang-base or name its directory"
            )
        found = str(beside[-1])
    return found
