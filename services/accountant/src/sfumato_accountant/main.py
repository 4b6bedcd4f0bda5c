"""The accountant as a process of its own."""

import asyncio
import logging
import time
from typing import Final

from sfumato_accountant.service import METHOD_RULES, Accountant, open_accountant
from sfumato_accountant.settings import AccountantSettings
from sfumato_accountant.stores.ports import StoreUnavailable
from sfumato_mesh import telemetry
from sfumato_mesh.interceptors import internal_interceptors
from sfumato_mesh.principal import PrincipalVerifier
from sfumato_mesh.server import start_server
from sfumato_mesh.settings import settings_of

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
        await server.run_until_signal()
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


def run() -> None:
    """Start the accountant with the settings of environment and file."""
    settings = settings_of(AccountantSettings, "sfumato-accountant")
    flush = telemetry.setup("accountant", settings)
    try:
        asyncio.run(serve(settings))
    except StoreUnavailable:
        raise SystemExit("sfumato-accountant: the store that SFUMATO_STORE_URL names does not answer") from None
    finally:
        flush()


if __name__ == "__main__":
    run()
