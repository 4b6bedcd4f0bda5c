"""Opening the mesh for a command. Tests put other openers in their place."""

from collections.abc import Iterator
from contextlib import contextmanager

from sfumato._transport.administration import Administration
from sfumato._transport.ledger import LedgerCalls
from sfumato.mesh import Mesh, connect, open_session


@contextmanager
def mesh() -> Iterator[Mesh]:
    """Open the mesh as an analyst."""
    with connect() as opened:
        yield opened


@contextmanager
def auditing() -> Iterator[Mesh]:
    """Open the mesh with the token that `administration` takes, to look at what others do."""
    with Mesh(open_session(administrator=True)) as opened:
        yield opened


@contextmanager
def administration() -> Iterator[Administration]:
    """Open the mesh with SFUMATO_TOKEN, or the administrator's token of the connection file."""
    opened = Administration(open_session(administrator=True).calls)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def ledger() -> Iterator[LedgerCalls]:
    """Open the mesh for a ledger's reader, as `administration` does."""
    calls = open_session(administrator=True).calls
    try:
        yield LedgerCalls(calls)
    finally:
        calls.close()
