"""`sfumato-gateway [public-key]`: the gateway as a process of its own."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from sfumato_gateway.service import METHOD_RULES, SERVICE_NAMES, open_gateway
from sfumato_gateway.settings import GatewaySettings
from sfumato_mesh import telemetry
from sfumato_mesh.channels import AioMeshChannel, aio_channel
from sfumato_mesh.interceptors import public_interceptors
from sfumato_mesh.keys import load_or_create_signing_key, public_key_bytes
from sfumato_mesh.principal import PrincipalSigner
from sfumato_mesh.server import start_server
from sfumato_mesh.settings import settings_of
from sfumato_mesh.tokens import TokenVerifier


def run(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; settings come from SFUMATO_… and the file that SFUMATO_CONFIG names.

    With `public-key`: print the public half of the key that SFUMATO_SIGNING_KEY names, which is made if it is absent.
    """
    parser = argparse.ArgumentParser(prog="sfumato-gateway", description=__doc__)
    parser.add_argument("process", choices=("serve", "public-key"), nargs="?", default="serve")
    settings = settings_of(GatewaySettings, "sfumato-gateway")
    if parser.parse_args(arguments).process == "public-key":
        sys.stdout.write(_public_key(settings) + "\n")
        return
    shut_down = telemetry.setup("gateway", settings)
    try:
        asyncio.run(_serve(settings))
    finally:
        shut_down()


def _public_key(settings: GatewaySettings) -> str:
    if settings.signing_key is None:
        raise SystemExit("sfumato-gateway: SFUMATO_SIGNING_KEY must be set")
    return public_key_bytes(load_or_create_signing_key(settings.signing_key).public_key()).hex()


async def _serve(settings: GatewaySettings) -> None:
    missing = [name for name in ("accountant_target", "executor_target", "signing_key") if not getattr(settings, name)]
    if missing or settings.signing_key is None:
        names = ", ".join(f"SFUMATO_{name.upper()}" for name in missing)
        raise SystemExit(f"sfumato-gateway: {names} must be set")
    signer = PrincipalSigner("gateway", load_or_create_signing_key(settings.signing_key))
    accountant = AioMeshChannel(aio_channel(settings.accountant_target), signer, "accountant")
    executor = AioMeshChannel(aio_channel(settings.executor_target), signer, "executor")
    async with accountant, executor:
        gateway = await open_gateway(settings, accountant, executor)
        verifier = TokenVerifier(settings.issuer, settings.audience, settings.token_public_keys())
        interceptors = public_interceptors("gateway", verifier, gateway.resolve, METHOD_RULES)
        server = await start_server(settings, gateway.handlers, interceptors, reflection=SERVICE_NAMES)
        warming = asyncio.create_task(gateway.warm_up())
        await server.run_until_signal(settings.drain_seconds)
        await warming
        await gateway.close()
