"""What is shown while a fit is waited for: a line on a terminal, a bar in a notebook, nothing elsewhere."""

import datetime
import sys
import threading
from importlib import import_module
from types import TracebackType
from typing import Any, Final, TextIO

from google.longrunning import operations_pb2

from sfumato._core.tables import bar, html_bar
from sfumato.jobs import Progress

_SHOW_AFTER: Final = 1.0
_EVERY: Final = 1.0


class Waiting:
    """Draws how far a fit is, each second: of a fit on data the mesh tells nothing between its start and its end."""

    def __init__(self, operation: operations_pb2.Operation, terminal: TextIO | None = None) -> None:
        self._operation = operation
        self._name = operation.name.replace("operations/", "models/")
        self._terminal = sys.stderr if terminal is None else terminal
        self._cell = _notebook_cell() if terminal is None else None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._shown = False

    def take(self, operation: operations_pb2.Operation) -> None:
        """Take what was told last."""
        self._operation = operation

    def interrupted(self) -> None:
        """Say where the fit is found."""
        self._stop()
        self._terminal.write(f"\n{self._name} goes on; mesh.model({self._name.partition('/')[2]!r}) finds it.\n")

    def __enter__(self) -> "Waiting":
        if self._cell is not None or self._terminal.isatty():
            self._thread = threading.Thread(target=self._draw, name="sfumato-waiting", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _draw(self) -> None:
        delay = _SHOW_AFTER
        while not self._ended.wait(delay):
            delay = _EVERY
            now = Progress.of(self._operation, datetime.datetime.now(datetime.UTC))
            if self._cell is not None:
                self._cell.show(html_bar(now.share, 1.0, f"{self._name}: {now}"))
                continue
            self._terminal.write(f"\r\x1b[2K{self._name}: {bar(now.share, 1.0)} {now}")
            self._terminal.flush()
            self._shown = True

    def _stop(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._shown:
            self._terminal.write("\r\x1b[2K")
            self._terminal.flush()
            self._shown = False
        if self._cell is not None:
            self._cell.show("")


class _Cell:
    """One place under a cell of a notebook, drawn anew each time."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None

    def show(self, html: str) -> None:
        """Show HTML; nothing is made where there was none."""
        data = {"text/html": html, "text/plain": ""}
        if self._handle is not None:
            self._handle.update(data, raw=True)
        elif html:
            self._handle = self._display(data, raw=True, display_id=True)


def _notebook_cell() -> _Cell | None:
    """Return a place to draw in, if this runs in a notebook's kernel; IPython is never loaded for it."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None and hasattr(shell, "get_ipython") else None
    if running is None or not hasattr(running, "kernel"):
        return None
    return _Cell(import_module("IPython.display").display)
