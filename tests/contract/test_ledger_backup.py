"""Backup and restore, from every store into every store: what was spent stays spent, and half a store is none."""

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from sfumato.v1 import budget_service_pb2, ledger_service_pb2
from sfumato_accountant.backup.lines import BackupUnreadable, Counts
from sfumato_accountant.backup.restoring import StoreNotEmpty, restore
from sfumato_accountant.backup.saving import chain_length, save
from sfumato_accountant.backup.unfinished import StoreUnfinished
from sfumato_accountant.main import run
from sfumato_accountant.service import open_accountant
from sfumato_accountant.settings import AccountantSettings
from sfumato_accountant.stores.opening import open_stores
from sfumato_mesh.caller import calling_as
from sfumato_mesh.v1 import reservation_service_pb2
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.contract.ledger_scene import (
    ADA,
    AUDITOR,
    PICO,
    POPULATION,
    STORES,
    Scene,
    opened_scene,
    question,
    refused,
    rho,
)


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path) as scene:
        await scene.grant(rho(PICO))
        await scene.grant(rho(PICO // 2), analyst="users/ada")
        yield scene


@pytest.fixture(params=STORES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a store in which nothing was ever put."""
    with empty_store(request.param, tmp_path) as url:
        yield url


@contextmanager
def empty_store(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite://{folder}/restored.sqlite"
        return
    server, name = os.environ["SFUMATO_TEST_MONGODB_URL"], f"sfumato_restored_{uuid.uuid4().hex[:12]}"
    yield f"{server.rstrip('/')}/{name}"
    with MongoClient[dict[str, Any]](server) as client:
        client.drop_database(name)


async def backup(scene: Scene) -> bytes:
    file = BytesIO()
    stores = await open_stores(scene.settings.store_url)
    try:
        await save(stores, file.write)
    finally:
        await stores.close()
    return file.getvalue()


async def fill(url: str, copy: bytes) -> Counts:
    stores = await open_stores(url)
    try:
        return await restore(stores, BytesIO(copy))
    finally:
        await stores.close()


@asynccontextmanager
async def reopened(scene: Scene, url: str) -> AsyncIterator[Scene]:
    """An accountant on another store, with the same keys and the same clock."""
    again = Scene(scene.settings.model_copy(update={"store_url": url}))
    again.clock = scene.clock
    await again.open()
    try:
        yield again
    finally:
        await again.first.accountant.close()


async def head(scene: Scene) -> Any:
    with calling_as(AUDITOR):
        request = ledger_service_pb2.GetLedgerHeadRequest(population=POPULATION)
        return (await scene.first.ledger.GetLedgerHead(request)).head


async def budgets(scene: Scene) -> list[Any]:
    with calling_as(AUDITOR):
        request = budget_service_pb2.ListBudgetsRequest(population=POPULATION)
        return list((await scene.first.budgets.ListBudgets(request)).budgets)


async def reservation(scene: Scene, query_id: str) -> Reservation:
    with calling_as(ADA):
        request = reservation_service_pb2.GetReservationRequest(query_id=query_id)
        found: Reservation = (await scene.first.reservations.GetReservation(request)).reservation
        return found


async def test_a_restored_store_knows_all_that_was_spent_and_answered(scene: Scene, empty: str) -> None:
    answered = await scene.answered(question(1, 10))
    shared = await scene.reserve(question(1, 10))
    is_open = await scene.reserve(question(2, 20))
    known = [await reservation(scene, each.claim.query_id) for each in (answered, shared, is_open)]
    counts = await fill(empty, await backup(scene))
    assert counts.entries == (await head(scene)).sequence + 1
    async with reopened(scene, empty) as again:
        assert await head(again) == await head(scene)
        assert await budgets(again) == await budgets(scene)
        assert [await reservation(again, each.claim.query_id) for each in (answered, shared, is_open)] == known
        assert (await again.reserve(question(1, 10))).release_query_id == answered.claim.query_id
        assert await again.commit(is_open) == await scene.commit(is_open)
        await refused("BUDGET_EXHAUSTED", again.reserve(question(3, PICO // 2)))


async def test_a_store_in_use_gives_a_whole_backup(scene: Scene, tmp_path: Path) -> None:
    """Whatever is appended while it is read: each entry that is copied finds its claims in the copy."""

    async def ask(number: int) -> None:
        await scene.answered(question(10 + number, 1))

    asked = [asyncio.create_task(ask(number)) for number in range(30)]
    copies = [await backup(scene) for _ in range(3)]
    await asyncio.gather(*asked)
    copies.append(await backup(scene))
    for number, copy in enumerate(copies):
        counts = await fill(f"sqlite://{tmp_path}/copy-{number}.sqlite", copy)
        assert 3 <= counts.entries <= (await head(scene)).sequence + 1


async def test_a_spoilt_file_is_refused_and_leaves_a_store_that_nobody_opens(scene: Scene, tmp_path: Path) -> None:
    await scene.answered(question(1, 10))
    copy = await backup(scene)
    lines = copy.splitlines(keepends=True)
    entry = next(number for number, line in enumerate(lines) if line.startswith(b'{"entry"'))
    claim = next(number for number, line in enumerate(lines) if line.startswith(b'{"side":"claim"'))
    twice = [*lines[: entry + 1], lines[entry], *lines[entry + 1 :]]
    spoilt = {
        "cut short: its last line": lines[:-1],
        "is not JSON": [*lines[:-2], lines[-2][:-9]],
        "lines lost": [*lines[:claim], *lines[claim + 1 :]],
        "lines lost|twice": twice,
        "behind the end": [*lines, lines[1]],
        "not the header": lines[1:],
        "format 2": [lines[0].replace(b'"version":1', b'"version":2'), *lines[1:]],
        "of no kind": [*lines[:2], b'{"thing":"x","id":"y","body":""}\n', *lines[2:]],
        "no line of a backup": [*lines[:2], b"[]\n", *lines[2:]],
        "changed": [*lines[:entry], lines[entry].replace(b"genesis", b"genesys"), *lines[entry + 1 :]],
    }
    for number, (words, parts) in enumerate(spoilt.items()):
        url = f"sqlite://{tmp_path}/spoilt-{number}.sqlite"
        with pytest.raises(BackupUnreadable, match=words):
            await fill(url, b"".join(parts))
        with pytest.raises(StoreUnfinished):
            await open_accountant(AccountantSettings(store_url=url, ledger_key_file=tmp_path / "ledger.pem"))
        with pytest.raises(StoreNotEmpty):
            await fill(url, copy)


async def test_a_forged_backup_with_a_right_digest_fails_the_chains(scene: Scene, tmp_path: Path) -> None:
    """Who rewrites what was spent, and the last line too, breaks a hash or a signature."""
    await scene.answered(question(1, 10))
    stores = await open_stores(scene.settings.store_url)
    try:
        last = await chain_length(stores.ledger, POPULATION) - 1
        [entry] = await stores.ledger.read(POPULATION, last, 1)
    finally:
        await stores.close()
    copy = await backup(scene)
    signature = entry.signature.hex().encode()
    changes = {
        "hash": (b'"rho_picos\\":\\"10\\"', b'"rho_picos\\":\\"11\\"'),
        "sign": (signature, signature[:-2] + (b"00" if signature[-2:] != b"00" else b"01")),
    }
    for name, (before, after) in changes.items():
        assert before in copy
        with pytest.raises(BackupUnreadable, match="a chain of the backup is not whole"):
            await fill(f"sqlite://{tmp_path}/forged-{name}.sqlite", _with_digest(copy.replace(before, after)))


def _with_digest(copy: bytes) -> bytes:
    import hashlib

    body, _, end = copy[:-1].rpartition(b"\n")
    fields = json.loads(end)
    fields["end"]["sha256"] = hashlib.sha256(body + b"\n").hexdigest()
    return body + b"\n" + json.dumps(fields, separators=(",", ":")).encode() + b"\n"


async def test_a_store_that_holds_anything_is_not_filled(scene: Scene) -> None:
    copy = await backup(scene)
    before = await budgets(scene)
    with pytest.raises(StoreNotEmpty):
        await fill(scene.settings.store_url, copy)
    await scene.reserve(question(9, 1))
    assert len(await budgets(scene)) == len(before)


async def test_chains_are_measured_with_few_reads(scene: Scene) -> None:
    stores = await open_stores(scene.settings.store_url)
    try:
        for expected in range((await head(scene)).sequence + 1, (await head(scene)).sequence + 6):
            assert await chain_length(stores.ledger, POPULATION) == expected
            await scene.reserve(question(expected + 100, 1))
        assert await chain_length(stores.ledger, "populations/none") == 0
    finally:
        await stores.close()


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def furnish() -> None:
        async with opened_scene("sqlite", tmp_path) as scene:
            await scene.grant(rho(PICO))
            await scene.grant(rho(PICO), analyst="users/ada")
            await scene.answered(question(1, 10))

    asyncio.run(furnish())
    for name, value in (
        ("LEDGER_KEY_FILE", tmp_path / "ledger.pem"),
        ("STORE_URL", f"sqlite://{tmp_path}/ledger.sqlite"),
    ):
        monkeypatch.setenv(f"SFUMATO_{name}", str(value))
    file = tmp_path / "copy.jsonl"
    assert run(["backup", str(file)]) == 0
    assert file.stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob(".*draft"))
    assert run(["backup", str(file)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert run(["restore", str(file)]) == 1
    assert "not empty" in capsys.readouterr().err
    monkeypatch.setenv("SFUMATO_STORE_URL", f"sqlite://{tmp_path}/again.sqlite")
    assert run(["restore", str(tmp_path / "nothing")]) == 1
    assert run(["restore", str(file)]) == 0
    assert "every chain is whole" in capsys.readouterr().err
    assert run(["migrate"]) == 0
    assert "already" in capsys.readouterr().err
