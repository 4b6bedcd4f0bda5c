"""`sfumato up` that ends as by `kill -9` at one step of a query's way: for tests, a program of its own.

    python -m tests.crash.dying_mesh STEP --data FOLDER --port PORT

It wraps one method of a service from outside; when FOLDER/armed exists, the wrapped step ends the process with status
9 at once, before or after it was done. No handler, no `finally` and no buffered write comes after `os._exit`.
"""

import inspect
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from sfumato_accountant.handlers.accountant import AccountantHandlers
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.stores.sqlite import SqliteLedgerStore
from sfumato_embedded.command import up
from sfumato_executor.executor_service import ExecutorHandlers
from sfumato_executor.queue import TaskQueue
from sfumato_executor.reading import ReleaseReader
from sfumato_executor.releases.store import ReleaseStore
from sfumato_executor.telling import MarkRaiser
from sfumato_executor.worker import QueryWorker
from sfumato_gateway.answers import Answers

STATUS: Final = 9
ARMED: Final = "armed"


@dataclass(frozen=True)
class Step:
    """A place on a query's way."""

    owner: type
    method: str
    after: bool
    """Whether the step is done before the process ends."""
    only: Callable[..., bool] = lambda *_, **__: True
    """Which calls of the method are meant."""


def _entry_of(kind: str) -> Callable[..., bool]:
    def meant(_store: object, entry: Any, *_: object) -> bool:
        return any(f'"{kind}":' in each.payload for each in entry.records)

    return meant


STEPS: Final[dict[str, Step]] = {
    "claimed": Step(Claims, "put", after=True),
    "before the reservation is appended": Step(SqliteLedgerStore, "append", after=False, only=_entry_of("reserved")),
    "reserved, and nobody told": Step(SqliteLedgerStore, "append", after=True, only=_entry_of("reserved")),
    "reserved": Step(AccountantHandlers, "ReserveQuery", after=True),
    "submitted": Step(TaskQueue, "submit_query", after=True),
    "priced by the worker": Step(QueryWorker, "_price", after=True),
    "drawn, before it is sealed": Step(ReleaseStore, "put_if_absent", after=False),
    "sealed, before it is committed": Step(ReleaseStore, "put_if_absent", after=True),
    "before the terminal is appended": Step(SqliteLedgerStore, "append", after=False, only=_entry_of("committed")),
    "committed, and nobody told": Step(SqliteLedgerStore, "append", after=True, only=_entry_of("committed")),
    "committed, before it is marked": Step(MarkRaiser, "raise_to", after=False),
    "marked, before it is read": Step(MarkRaiser, "raise_to", after=True),
    "read, before the answer leaves": Step(ReleaseReader, "read", after=True),
    "in the middle of the answer": Step(ExecutorHandlers, "ReadRelease", after=True),
    "in the middle of the answer, at the gateway": Step(Answers, "_release", after=True),
    "repeated, and nobody told": Step(SqliteLedgerStore, "append", after=True, only=_entry_of("shared")),
}
"""In the order of the way. A stream counts as done with its first message."""


def die_at(step: Step, armed: Path) -> None:
    """Wrap the step's method."""
    original = getattr(step.owner, step.method)

    def end(*arguments: Any) -> None:
        if armed.exists() and step.only(*arguments):
            os._exit(STATUS)

    async def coroutine(*arguments: Any, **named: Any) -> Any:
        if not step.after:
            end(*arguments)
        result = await original(*arguments, **named)
        if step.after:
            end(*arguments)
        return result

    async def stream(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
        async for message in original(*arguments, **named):
            yield message
            end(*arguments)

    def function(*arguments: Any, **named: Any) -> Any:
        if not step.after:
            end(*arguments)
        result = original(*arguments, **named)
        if step.after:
            end(*arguments)
        return result

    if inspect.isasyncgenfunction(original):
        setattr(step.owner, step.method, stream)
    else:
        setattr(step.owner, step.method, coroutine if inspect.iscoroutinefunction(original) else function)


def main() -> None:
    """Run the mesh of the arguments."""
    step = STEPS[sys.argv[1]]
    folder = Path(sys.argv[sys.argv.index("--data") + 1])
    die_at(step, folder / ARMED)
    sys.argv[1:2] = []
    typer.run(up)


if __name__ == "__main__":
    main()
