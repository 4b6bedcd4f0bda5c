"""The accountant as a process of its own."""

import asyncio

from sfumato_accountant.service import METHOD_RULES, open_accountant
from sfumato_accountant.settings import AccountantSettings
from sfumato_mesh import telemetry
from sfumato_mesh.interceptors import internal_interceptors
from sfumato_mesh.principal import PrincipalVerifier
from sfumato_mesh.server import start_server


async def serve(settings: AccountantSettings) -> None:
    """Serve the accountant on its socket until SIGTERM, then drain."""
    accountant = await open_accountant(settings)
    try:
        verifier = PrincipalVerifier("accountant", settings.principal_public_keys())
        interceptors = internal_interceptors("accountant", verifier, METHOD_RULES)
        server = await start_server(settings, accountant.handlers, interceptors)
        await server.run_until_signal()
    finally:
        await accountant.close()


def run() -> None:
    """Start the accountant with the settings of environment and file."""
    settings = AccountantSettings()  # type: ignore[call-arg]  # environment and file have them
    flush = telemetry.setup("accountant", settings)
    try:
        asyncio.run(serve(settings))
    finally:
        flush()


if __name__ == "__main__":
    run()
