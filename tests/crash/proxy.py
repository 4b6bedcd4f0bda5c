"""A TCP proxy in front of a server: what is behind it can be away, or do its work without answering."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

_CHUNK = 65536


class Proxy:
    """Forwards connections of loopback to a server."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._away = False
        self._mute = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def leave(self) -> None:
        """Be away: break what is connected, and break every new connection."""
        self._away = True
        self._break_all()

    def come_back(self) -> None:
        self._away = self._mute = False

    def mute(self) -> None:
        """Pass on what clients say, and nothing that the server answers."""
        self._mute = True

    def break_muted(self) -> None:
        """Break the connections, whose clients will never know; new ones are answered."""
        self._break_all()
        self._mute = False

    def close(self) -> None:
        self._listener.close()
        self._break_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._away:
                client.close()
                continue
            try:
                server = socket.create_connection(self._server)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if not (is_answer and self._mute):
                    sink.sendall(data)
        for each in (source, sink):
            self._break(each)

    def _break_all(self) -> None:
        with self._lock:
            everything = tuple(self._open)
        for each in everything:
            self._break(each)

    def _break(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


@contextmanager
def proxy_of(url: str) -> Iterator[tuple[Proxy, str]]:
    """Run a proxy of the server that a URL names; give it, and the URL that leads through it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = Proxy(parts.hostname, parts.port)
    credentials, at, _ = parts.netloc.rpartition("@")
    try:
        yield proxy, parts._replace(netloc=f"{credentials}{at}127.0.0.1:{proxy.port}").geturl()
    finally:
        proxy.close()
