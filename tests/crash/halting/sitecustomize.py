"""Makes a process of a mesh under test halt at a step of a query's way; its PYTHONPATH must name this folder.

CRASH_FOLDER is a folder that all processes share. A file `armed` in it names a step. The first process that comes to
that step renames the file to `halted`, and stays there until that file is gone, or until it is killed.
"""

import asyncio
import contextlib
import datetime
import functools
import importlib.machinery
import inspect
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_POLL_SECONDS = 0.005


class Step(NamedTuple):
    """A place on a query's way: before or after a method, where its arguments or its result hold a text."""

    module: str
    owner: str
    method: str
    after: bool
    text: str = ""
    """What the payload of an appended entry holds, or the kind of a streamed event."""


STEPS = {
    "reserved": Step("sfumato_accountant.stores.mongodb", "MongodbLedgerStore", "append", True, '"reserved":'),
    "submitted": Step("sfumato_executor.queue", "TaskQueue", "submit_query", True),
    "started": Step("sfumato_executor.worker", "QueryWorker", "_price", True),
    "drawn": Step("sfumato_executor.releases.store", "ReleaseStore", "put_if_absent", False),
    "sealed": Step("sfumato_executor.releases.store", "ReleaseStore", "put_if_absent", True),
    "committed": Step("sfumato_accountant.stores.mongodb", "MongodbLedgerStore", "append", True, '"committed":'),
    "streaming": Step("sfumato_gateway.answers", "Answers", "_release", True, "batch"),
}


def _folder() -> Path:
    return Path(os.environ["CRASH_FOLDER"])


def _claims(name: str) -> bool:
    """Return whether this process is the one that halts at the step."""
    armed = _folder() / "armed"
    with contextlib.suppress(OSError):
        if armed.read_text() == name:
            armed.rename(_folder() / "halted")
            return True
    return False


def _stays() -> bool:
    return (_folder() / "halted").exists()


def _halt(name: str) -> None:
    if _claims(name):
        while _stays():
            time.sleep(_POLL_SECONDS)


async def _halt_here(name: str) -> None:
    if _claims(name):
        while _stays():  # noqa: ASYNC110  (what it waits for is a file)
            await asyncio.sleep(_POLL_SECONDS)


def _wrap(name: str, step: Step, owner: type) -> None:
    original = getattr(owner, step.method)

    def is_meant(arguments: Sequence[Any]) -> bool:
        return not step.text or any(step.text in each.payload for each in arguments[1].records)

    @functools.wraps(original)
    def function(*arguments: Any, **named: Any) -> Any:
        if not step.after:
            _halt(name)
        result = original(*arguments, **named)
        if step.after:
            _halt(name)
        return result

    @functools.wraps(original)
    async def coroutine(*arguments: Any, **named: Any) -> Any:
        result = await original(*arguments, **named)
        if is_meant(arguments):
            await _halt_here(name)
        return result

    @functools.wraps(original)
    async def stream(*arguments: Any, **named: Any) -> Any:
        async for event in original(*arguments, **named):
            yield event
            if event.WhichOneof("kind") == step.text:
                await _halt_here(name)

    kinds = {inspect.isasyncgenfunction: stream, inspect.iscoroutinefunction: coroutine}
    setattr(owner, step.method, next((made for is_kind, made in kinds.items() if is_kind(original)), function))


def _set_clock_wrong(module: ModuleType) -> None:
    seconds = float(os.environ.get("CRASH_SKEW_SECONDS", "0"))
    original = module.SystemClock.now
    if seconds:
        module.SystemClock.now = lambda self: original(self) + datetime.timedelta(seconds=seconds)


def _give_up_soon(module: ModuleType) -> None:
    if "CRASH_GIVE_UP_SECONDS" in os.environ:
        module.GIVE_UP_AFTER.FromSeconds(int(os.environ["CRASH_GIVE_UP_SECONDS"]))


OTHERS = {"sfumato_mesh.clock": _set_clock_wrong, "sfumato_executor.plan.quoting": _give_up_soon}


class _Finder:
    """Changes a module when it is imported."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        steps = [(key, step) for key, step in STEPS.items() if step.module == name]
        other = OTHERS.get(name)
        spec = importlib.machinery.PathFinder.find_spec(name, path) if steps or other else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def executed(module: ModuleType) -> None:
            execute(module)
            for key, step in steps:
                _wrap(key, step, getattr(module, step.owner))
            if other is not None:
                other(module)

        spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec


if "CRASH_FOLDER" in os.environ:
    sys.meta_path.insert(0, _Finder())
