"""Makes runs fail after they have seen the data, as a library would: with a text that holds what it saw."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from google.protobuf.duration_pb2 import Duration

SECRET = "Zacharias Quintessenz earns 98765"
GIVE_UP_SECONDS = 1


@contextmanager
def failing_runs() -> Iterator[list[int]]:
    """Every run inside raises a library's error with SECRET in it; yields a list with one item a run that failed."""
    failed: list[int] = []

    def draw(*_: Any, **__: Any) -> Any:
        failed.append(1)
        raise ValueError(f"could not convert {SECRET!r} in row 42 of /data/payroll.csv")

    with (
        mock.patch("sfumato_executor.native_engine.NativeEngine.draw", draw),
        mock.patch("sfumato_executor.plan.quoting.GIVE_UP_AFTER", Duration(seconds=GIVE_UP_SECONDS)),
        # The front keeps quotes: none that was made under the usual time, and none of these for later.
        mock.patch("sfumato_executor.executor_service._request_key", side_effect=lambda _: os.urandom(32)),
    ):
        yield failed
