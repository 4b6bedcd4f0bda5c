"""`sfumato-executor front|worker|public-key`: the executor's processes."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# What a worker forks from must not be imported here: see worker_process.
FORK_SUPPORT = "GRPC_ENABLE_FORK_SUPPORT"
_PROGRAM = "sfumato-executor"


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one of the executor's processes until it is told to stop; return its exit status."""
    parser = argparse.ArgumentParser(prog=_PROGRAM, description=__doc__)
    parser.add_argument("process", choices=("front", "worker", "public-key"))
    process = parser.parse_args(arguments).process
    os.environ.setdefault(FORK_SUPPORT, "1")  # before gRPC is imported
    if process == "front":
        asyncio.run(_serve_front())
        return 0
    return _run_worker() if process == "worker" else _print_public_key()


async def _serve_front() -> None:
    from sfumato_executor.service import METHOD_RULES, open_front
    from sfumato_executor.settings import ExecutorSettings
    from sfumato_mesh.channels import AioMeshChannel, aio_channel
    from sfumato_mesh.interceptors import internal_interceptors
    from sfumato_mesh.principal import PrincipalSigner, PrincipalVerifier
    from sfumato_mesh.server import start_server
    from sfumato_mesh.settings import settings_of
    from sfumato_mesh.telemetry import setup

    settings = settings_of(ExecutorSettings, _PROGRAM)
    _require_key(settings.signing_key)
    shut_down = setup("executor", settings)
    signer = PrincipalSigner("executor", settings.load_signing_key())
    channel = AioMeshChannel(aio_channel(settings.accountant_target), signer, "accountant")
    front = await open_front(settings, channel)
    try:
        verifier = PrincipalVerifier("executor", settings.principal_public_keys())
        interceptors = internal_interceptors("executor", verifier, METHOD_RULES)
        server = await start_server(settings, front.handlers, interceptors)
        await server.run_until_signal(settings.drain_seconds)
    finally:
        await front.close()
        await channel.close()
        shut_down()


def _run_worker() -> int:
    from sfumato_executor.service import WorkerParts, open_worker
    from sfumato_executor.settings import ExecutorSettings
    from sfumato_executor.worker_process import ProcessParts, make_worker_app, run_worker
    from sfumato_mesh.channels import SyncMeshChannel, sync_channel
    from sfumato_mesh.principal import PrincipalSigner
    from sfumato_mesh.settings import settings_of
    from sfumato_mesh.telemetry import set_up_logging, setup

    settings = settings_of(ExecutorSettings, _PROGRAM)
    _require_key(settings.signing_key)
    set_up_logging("worker", settings.log_level)  # traces begin in the children: their exporter would not live on
    shut_downs: list[Callable[[], None]] = []

    def open_parts() -> WorkerParts:
        shut_downs.append(setup("worker", settings))
        signer = PrincipalSigner("executor", settings.load_signing_key())
        return open_worker(settings, SyncMeshChannel(sync_channel(settings.accountant_target), signer, "accountant"))

    def close() -> None:
        for shut_down in shut_downs:
            shut_down()

    parts = ProcessParts(open_parts, close)
    app = make_worker_app(settings.broker_url.get_secret_value(), settings.queue_prefix, parts)
    return run_worker(app, settings.worker_concurrency, settings.worker_queues.split(","))


def _require_key(named: Path | None) -> None:
    """End a start that no key was named for: a worker's children would fail one after another, for ever."""
    if named is None:
        raise SystemExit(f"{_PROGRAM}: SFUMATO_SIGNING_KEY names no file: the executor signs its calls")


def _print_public_key() -> int:
    from sfumato_executor.settings import ExecutorSettings
    from sfumato_mesh.keys import public_key_bytes
    from sfumato_mesh.settings import settings_of

    key = settings_of(ExecutorSettings, _PROGRAM).load_signing_key()
    sys.stdout.write(public_key_bytes(key.public_key()).hex() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(run())
