"""A library that wants to phone home."""

import asyncio
import multiprocessing.connection
import socket
import ssl
import urllib.request
from typing import Any

from .attempts import passed


def connects(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 2) as link:
        link.sendall(b"row")


def fetches(port: int) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).read()


def run(job: Any, rows: Any) -> Any:
    return passed(
        {
            "tcp": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
            "tcp 6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close(),
            "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"row", ("127.0.0.1", job["port"])),
            "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
            "packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
            "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
            "unix": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).bind("\0hostile"),
            "pair": socket.socketpair,
            "connection": lambda: connects(job["port"]),
            "urllib": lambda: fetches(job["port"]),
            "asyncio": lambda: asyncio.run(asyncio.open_connection("127.0.0.1", job["port"])),
            "name": lambda: socket.getaddrinfo("localhost", 80),
            "tls": lambda: ssl.create_default_context().wrap_socket(socket.socket(), server_hostname="localhost"),
            "listener": lambda: multiprocessing.connection.Listener(("127.0.0.1", 0)).close(),
        }
    )
