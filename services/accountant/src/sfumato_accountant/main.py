"""The accountant as a process of its own."""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sfumato_accountant.backup.unfinished import StoreUnfinished
from sfumato_accountant.readiness import tell_readiness
from sfumato_accountant.service import METHOD_RULES, Accountant, open_accountant
from sfumato_accountant.settings import AccountantSettings
from sfumato_accountant.stores.ports import StoreUnavailable, StoreVersionUnknown
from sfumato_mesh import telemetry
from sfumato_mesh.interceptors import internal_interceptors
from sfumato_mesh.principal import PrincipalVerifier
from sfumato_mesh.server import start_server
from sfumato_mesh.settings import settings_of

_PROGRAM: Final = "sfumato-accountant"
_STORE_SECONDS: Final = 60.0
"""How long a start waits for the store: servers of a mesh may start in any order."""
_RETRY_SECONDS: Final = 0.5

_LOG: Final = logging.getLogger(__name__)


async def serve(settings: AccountantSettings) -> None:
    """Serve the accountant on its socket until SIGTERM, then drain.

    Raises:
        StoreUnavailable: the store did not answer for a minute.
    """
    accountant = await _opened(settings)
    try:
        verifier = PrincipalVerifier("accountant", settings.principal_public_keys())
        interceptors = internal_interceptors("accountant", verifier, METHOD_RULES)
        server = await start_server(settings, accountant.handlers, interceptors)
        readiness = asyncio.create_task(tell_readiness(accountant.timekeeper.is_fit, server.set_serving))
        await server.run_until_signal()
        readiness.cancel()
    finally:
        await accountant.close()


async def _opened(settings: AccountantSettings) -> Accountant:
    end = time.monotonic() + _STORE_SECONDS
    while True:
        try:
            return await open_accountant(settings)
        except StoreUnavailable:
            if time.monotonic() >= end:
                raise
            _LOG.warning("the store does not answer: trying again")
            await asyncio.sleep(_RETRY_SECONDS)


def run(arguments: Sequence[str] | None = None) -> int:
    """Serve, or do one of the operator's acts on the store; return the exit status."""
    parser = argparse.ArgumentParser(prog=_PROGRAM, description="The accountant; without a command it serves.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("serve", help="serve until SIGTERM")
    for name, text in (("backup", "write the store to a file, while it is in use"), ("restore", "fill an empty store")):
        commands.add_parser(name, help=text).add_argument("file", type=Path, metavar="FILE")
    commands.add_parser("migrate", help="bring the store to this version's layout, while no accountant runs")
    chosen = parser.parse_args(arguments)
    settings = settings_of(AccountantSettings, _PROGRAM)
    if chosen.command in ("backup", "restore", "migrate"):
        from sfumato_accountant.upkeep import carry_out

        return carry_out(chosen.command, settings, getattr(chosen, "file", None))
    _serve(settings)
    return 0


def _serve(settings: AccountantSettings) -> None:
    flush = telemetry.setup("accountant", settings)
    try:
        asyncio.run(serve(settings))
    except StoreUnavailable:
        raise SystemExit(f"{_PROGRAM}: the store that SFUMATO_STORE_URL names does not answer") from None
    except StoreVersionUnknown as other:
        raise SystemExit(f"{_PROGRAM}: {other}: an older layout is brought up by `{_PROGRAM} migrate`") from None
    except StoreUnfinished:
        raise SystemExit(
            f"{_PROGRAM}: a restore into this store did not come to its end: empty the store, and restore again"
        ) from None
    finally:
        flush()


if __name__ == "__main__":
    sys.exit(run())
