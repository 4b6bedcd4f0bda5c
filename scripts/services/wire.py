"""Whether a server answers in its own protocol. Standard library only: the drivers belong to the suites."""

from __future__ import annotations

import http.client
import socket
import struct
from urllib.parse import urlsplit

_PATIENCE_S = 5.0


def accepts_connections(url: str, default_port: int) -> bool:
    """Whether the first host that a URL names takes a TCP connection.

    `mongodb+srv` names no host before a DNS look-up that the standard library cannot do: taken on trust.
    """
    if url.startswith("mongodb+srv:"):
        return True
    first = urlsplit(url).netloc.rpartition("@")[2].split(",")[0]
    place = urlsplit(f"//{first}")
    if place.hostname is None:
        return False
    try:
        with socket.create_connection((place.hostname, place.port or default_port), _PATIENCE_S):
            return True
    except OSError:
        return False


def minio_is_ready(port: int) -> bool:
    """Ask MinIO's own readiness endpoint."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/minio/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def mongodb_lists_databases(port: int) -> bool:
    """Send `listDatabases` as an OP_MSG. A ping would do for mongod; FerretDB must also reach its engine."""
    elements = (
        b"\x10listDatabases\0" + struct.pack("<i", 1) + b"\x08nameOnly\0\x01" + b"\x02$db\0\x06\0\0\0admin\0" + b"\0"
    )
    body = struct.pack("<IB", 0, 0) + struct.pack("<i", len(elements) + 4) + elements
    message = struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body
    try:
        with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as connection:
            connection.sendall(message)
            (length,) = struct.unpack("<i", _exactly(connection, 4))
            reply = _exactly(connection, length - 4)
    except (OSError, EOFError, struct.error):
        return False
    return b"\x01ok\0" + struct.pack("<d", 1.0) in reply


def amqp_opens_vhost(port: int) -> bool:
    """Log in as guest and open the vhost `/` (AMQP 0-9-1, connection methods 10 to 51)."""
    try:
        with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            if _amqp_method(connection)[:2] != (10, 10):
                return False
            login = b"\0guest\0guest"
            response = struct.pack(">I", 0) + b"\x05PLAIN" + struct.pack(">I", len(login)) + login + b"\x05en_US"
            _send_amqp_method(connection, 11, response)
            identity, tune = _amqp_method(connection)[1:]
            if identity != 30:
                return False
            _send_amqp_method(connection, 31, tune[:6] + struct.pack(">H", 0))
            _send_amqp_method(connection, 40, b"\x01/" + b"\0" + b"\0")
            opened = _amqp_method(connection)[:2] == (10, 41)
            _send_amqp_method(connection, 50, struct.pack(">H", 200) + b"\0" + struct.pack(">HH", 0, 0))
            _amqp_method(connection)
            return opened
    except (OSError, EOFError, struct.error):
        return False


def redis_answers(port: int) -> bool:
    """Ask for the server's clock, in its own protocol: a server that still loads, or wants a password, refuses."""
    try:
        with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as connection:
            connection.sendall(b"*1\r\n$4\r\nTIME\r\n")
            return _exactly(connection, 1) == b"*"
    except (OSError, EOFError):
        return False


def _send_amqp_method(connection: socket.socket, method: int, arguments: bytes) -> None:
    payload = struct.pack(">HH", 10, method) + arguments
    connection.sendall(struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce")


def _amqp_method(connection: socket.socket) -> tuple[int, int, bytes]:
    """The next method frame: its class, its method, its arguments."""
    (length,) = struct.unpack(">I", _exactly(connection, 7)[3:])
    payload = _exactly(connection, length + 1)[:-1]
    kind, method = struct.unpack(">HH", payload[:4])
    return kind, method, payload[4:]


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise EOFError
        received += chunk
    return bytes(received)
