"""Loopback ports that nobody uses."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the range from which Linux takes the source ports of outgoing connections (32768 and up), so that no
# connection of another program can take a port between this choice and the server's bind.
_RANGE = range(20_000, 32_000)
_MOST_TRIES = 1_000


def free_ports(count: int, choose: random.Random | None = None) -> list[int]:
    """Return `count` different TCP ports on 127.0.0.1 that can be bound now.

    Args:
        count: How many ports, at least 1.
        choose: Source of the candidates; the operating system's randomness when absent.

    Raises:
        OSError: No free port was found in 1,000 tries.
    """
    chooser = choose if choose is not None else random.SystemRandom()
    found: list[int] = []
    for _ in range(_MOST_TRIES):
        port = chooser.choice(_RANGE)
        if port not in found and _can_be_bound(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"no {count} free ports between {_RANGE.start} and {_RANGE.stop} on {LOOPBACK}")


def _can_be_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
