"""Long readings without the garbage collector.

A cold fold makes millions of objects, keeps most of them, and makes no cycles: the collector would look through all of
them again and again, for a fifth of the time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_running: list[None] = []
"""One item for each block that runs now, in whatever chain."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Let no garbage be collected in the block; what was off stays off. Blocks may overlap."""
    was_on = gc.isenabled() or bool(_running)
    _running.append(None)
    gc.disable()
    try:
        yield
    finally:
        _running.pop()
        if was_on and not _running:
            gc.enable()
