"""The executor over a real accountant: prepare, sell, run, read, settle; in one process and in several."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sfumato_executor.queue import make_app
from sfumato_executor.releases.bucket_objects import BucketObjects
from sfumato_executor.sources.credentials import BucketCredentials
from sfumato_mesh.caller import calling_as
from sfumato_mesh.channels import AioMeshChannel, aio_channel
from sfumato_mesh.keys import public_key_bytes
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1 import (
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    executor_service_pb2,
    executor_service_pb2_grpc,
    reservation_pb2,
)
from tests.contract.queue_scene import (
    ADA,
    DATASET,
    ROWS,
    Executor,
    Mesh,
    count_by_species,
    fresh_id,
    open_mesh,
    publish,
    table_of,
)


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    async with open_mesh(tmp_path) as opened:
        yield opened


async def test_prepared_sold_run_and_read(mesh: Mesh) -> None:
    async with mesh.front() as executor, executor.worker():
        assert (await publish(executor)).state == catalog_service_pb2.Preparation.STATE_READY
        reservation = await executor.sell(count_by_species())
        query = reservation.claim.query_id
        await executor.submit(query)
        committed = await mesh.ended(query)
        assert committed.state == reservation_pb2.Reservation.STATE_COMMITTED
        assert [each.alias for each in committed.receipt.statement.measures] == ["n"]
        answer = await executor.read(query)
        counts = dict(zip(answer["species"].to_pylist(), answer["n"].to_pylist(), strict=True))
        assert all(abs(counts[species] - rows) < 100 for species, rows in ROWS.items())
        assert (await executor.read(query)).equals(answer)
        assert (await executor.read(query, 2)).num_rows == 1

        shared = await executor.sell(count_by_species(alias="penguins"), fresh=False)
        assert shared.state == reservation_pb2.Reservation.STATE_SHARED
        again = await executor.read(shared.claim.query_id)
        assert again["penguins"].to_pylist() == answer["n"].to_pylist()


async def test_a_dummy_run(mesh: Mesh) -> None:
    async with mesh.front() as executor:
        record = catalog_service_pb2.DatasetRecord()
        catalog = mesh.accountant(catalog_service_pb2_grpc.CatalogServiceStub)
        with calling_as(ADA):
            record = (await catalog.GetDatasetRecord(catalog_service_pb2.GetDatasetRecordRequest(name=DATASET))).record
        runs = []
        for seed in (7, 7, 8):
            request = executor_service_pb2.RunDummyRequest(
                task=count_by_species(), record=record, row_count=1000, seed=seed
            )
            runs.append(table_of([each.event async for each in executor.stub().RunDummy(request)]))
        assert runs[0].equals(runs[1])
        assert not runs[0].equals(runs[2])
        assert 800 < sum(runs[0]["n"].to_pylist()) < 1200


async def test_a_start_runs_what_was_paid_and_lost(mesh: Mesh) -> None:
    async with mesh.front() as executor, executor.worker():
        await publish(executor)
    async with mesh.front(settle_interval_seconds=3600, queue_prefix="first") as executor:
        query = (await executor.sell(count_by_species())).claim.query_id  # and the process dies before it is queued
    async with mesh.front(queue_prefix="second") as executor, executor.worker():
        assert (await mesh.ended(query)).state == reservation_pb2.Reservation.STATE_COMMITTED
        assert (await executor.read(query)).num_rows == 3


async def test_what_nobody_runs_is_charged_when_its_time_is_over(mesh: Mesh) -> None:
    async with mesh.front() as executor, executor.worker():
        await publish(executor)
    async with mesh.front(settle_interval_seconds=0.05, queue_prefix="nobody") as executor:
        query = (await executor.sell(count_by_species(), give_up_seconds=1)).claim.query_id
        assert (await mesh.ended(query)).state == reservation_pb2.Reservation.STATE_CHARGED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await executor.read(query)
        refusal = Refusal.from_rpc_error(caught.value)
        assert refusal is not None
        assert refusal.reason == "QUERY_FAILED"


async def test_data_that_do_not_fit_are_refused_to_the_custodian(mesh: Mesh) -> None:
    assert mesh.settings.data_root is not None
    (mesh.settings.data_root / "penguins.csv").write_text("species\nAdelie\n")
    async with mesh.front() as executor, executor.worker():
        preparation = await publish(executor)
    assert preparation.state == catalog_service_pb2.Preparation.STATE_REFUSED
    assert any("mass" in problem for problem in preparation.problems)


async def test_only_the_gateway_may_call(mesh: Mesh) -> None:
    async with mesh.front() as executor:
        channel = AioMeshChannel(executor.channel, mesh.signers["executor"], "executor")
        stub: Any = executor_service_pb2_grpc.ExecutorServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Submit(executor_service_pb2.SubmitRequest(query_id=fresh_id()))
        refusal = Refusal.from_rpc_error(caught.value)
        assert refusal is not None
        assert refusal.reason == "PEER_NOT_ALLOWED"


async def test_a_chain_without_its_mark_is_not_sold(mesh: Mesh, tmp_path: Path) -> None:
    async with mesh.front() as executor, executor.worker():
        await publish(executor)
        query = (await executor.sell(count_by_species())).claim.query_id
        await executor.submit(query)
        await mesh.ended(query)
        await executor.read(query)
    [mark] = (tmp_path / "releases" / "marks").iterdir()
    fields = json.loads(mark.read_text())
    mark.write_text(json.dumps({"hash": fields["hash"], "seq": str(int(fields["seq"]) + 1)}))  # told, and not there
    async with mesh.front() as executor:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await executor.sell(count_by_species())
        refusal = Refusal.from_rpc_error(caught.value)
        assert refusal is not None
        assert refusal.reason == "LEDGER_BEHIND"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _environment(mesh: Mesh, folder: Path, port: int, broker_url: str) -> dict[str, str]:
    """What an operator says: a broker, a bucket, keys, data."""
    s3 = urlsplit(os.environ["SFUMATO_TEST_S3_URL"])
    access = BucketCredentials(f"{s3.hostname}:{s3.port}", s3.username or "", s3.password or "", secure=False)
    bucket = f"mesh-{uuid.uuid4().hex}"
    BucketObjects(access, bucket).make_bucket()
    (folder / "credentials").mkdir()
    (folder / "credentials" / "releases.json").write_text(json.dumps(asdict(access)))
    pem = mesh.keys["executor"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "executor.pem").write_bytes(pem)
    gateway = public_key_bytes(mesh.keys["gateway"].public_key()).hex()
    return {
        "PATH": os.environ["PATH"],
        "SFUMATO_ACCOUNTANT_TARGET": mesh.settings.accountant_target,
        "SFUMATO_BROKER_URL": broker_url,
        "SFUMATO_QUEUE_PREFIX": f"test-{uuid.uuid4().hex}",
        "SFUMATO_RELEASES": f"s3://{bucket}/mesh",
        "SFUMATO_CREDENTIALS_DIR": str(folder / "credentials"),
        "SFUMATO_DATA_ROOT": str(mesh.settings.data_root),
        "SFUMATO_CACHE_DIR": str(folder / "copies"),
        "SFUMATO_SIGNING_KEY": str(folder / "executor.pem"),
        "SFUMATO_PRINCIPAL_KEYS": json.dumps({"gateway": gateway}),
        "SFUMATO_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "SFUMATO_WORKER_CONCURRENCY": "1",
        "SFUMATO_LEASE_SECONDS": "3",
    }


@asynccontextmanager
async def _process(name: str, environment: dict[str, str]) -> AsyncIterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "sfumato_executor.main", name]
    process = await asyncio.to_thread(subprocess.Popen, command, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(process.wait, 60)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.servers
@pytest.mark.parametrize("broker", ["SFUMATO_TEST_AMQP_URL", "SFUMATO_TEST_REDIS_URL"])
async def test_front_and_worker_as_processes(mesh: Mesh, tmp_path: Path, broker: str) -> None:
    if not os.environ.get(broker):
        pytest.fail(f"{broker} is not set: `make services` starts the server, or name your own")
    port = _free_port()
    environment = _environment(mesh, tmp_path, port, os.environ[broker])
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(_process("front", environment))
        worker = await stack.enter_async_context(_process("worker", environment))
        channel = aio_channel(f"127.0.0.1:{port}")
        stack.push_async_callback(channel.close)
        await asyncio.wait_for(channel.channel_ready(), 30)
        executor = Executor(mesh, mesh.settings, channel)
        assert (await publish(executor)).state == catalog_service_pb2.Preparation.STATE_READY
        query = (await executor.sell(count_by_species())).claim.query_id
        await executor.submit(query)
        assert (await mesh.ended(query)).state == reservation_pb2.Reservation.STATE_COMMITTED
        answer = await executor.read(query)
        assert answer["species"].to_pylist() == sorted(ROWS)

        os.killpg(worker.pid, signal.SIGKILL)
        lost = (await executor.sell(count_by_species())).claim.query_id  # never queued: the settler must find it
        await stack.enter_async_context(_process("worker", environment))
        assert (await mesh.ended(lost, 40)).state == reservation_pb2.Reservation.STATE_COMMITTED

        front.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(front.wait, 40) == 0
    app = make_app(environment["SFUMATO_BROKER_URL"], environment["SFUMATO_QUEUE_PREFIX"])
    with app.connection_for_write() as connection, connection.channel() as declared:
        for queue in app.conf.task_queues:
            queue.bind(declared).delete()
            queue.exchange.bind(declared).delete()
