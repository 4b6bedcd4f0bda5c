"""A thousand spends at once on a limit that fits a hundred, by eight analysts, at three accountant processes."""

import asyncio
import itertools
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc
import pytest
from pymongo import MongoClient

from sfumato.v1 import budget_service_pb2 as budget_pb
from sfumato.v1 import ledger_service_pb2 as ledger_pb
from sfumato.v1 import user_admin_service_pb2 as user_pb
from sfumato.v1.user_admin_service_pb2_grpc import UserAdminServiceStub
from sfumato.v1.user_pb2 import ROLE_ANALYST, User
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.refusal import Refusal
from tests.contract.ledger_scene import (
    ADMINISTRATOR,
    AUDITOR,
    DATASET,
    POPULATION,
    STORES,
    Scene,
    question,
    rho,
)
from tests.crash.accountants import accountants

SPENDS: Final = 1000
FITS: Final = 100
_PRICE: Final = 7
_PROCESSES: Final = 3
_SECONDS: Final = 120.0
ANALYSTS: Final = tuple(
    Caller("gateway", f"users/analyst{number}", roles=((ROLE_ANALYST, DATASET),)) for number in range(8)
)


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite://{folder}/ledger.sqlite"
        return
    server = os.environ.get("SFUMATO_TEST_MONGODB_URL", "")
    if not server:
        pytest.fail("SFUMATO_TEST_MONGODB_URL names no server: run `make services`, or `make test-embedded`")
    database = f"sfumato_spends_{uuid.uuid4().hex[:12]}"
    try:
        yield f"{server.rstrip('/')}/{database}"
    finally:
        with MongoClient(server) as client:  # type: ignore[var-annotated]
            client.drop_database(database)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", STORES)
async def test_exactly_what_fits_is_granted_and_nobody_is_refused_for_being_concurrent(
    kind: str, tmp_path: Path
) -> None:
    with _store(kind, tmp_path) as url, accountants(tmp_path, url, _PROCESSES) as running:
        scene = running.scene()
        await _furnish(scene)
        told = await asyncio.gather(*(_spend(scene, number) for number in range(SPENDS)))
        outcomes = Counter(outcome for outcome, _ in told)
        print(f"{kind}: {sum(repeats for _, repeats in told)} outcomes unknown at first")
        assert outcomes == {"granted": FITS, "BUDGET_EXHAUSTED": SPENDS - FITS}
        await _check_books(scene)


async def _furnish(scene: Scene) -> None:
    await scene.furnish()
    await scene.publish()
    await scene.grant(rho(FITS * _PRICE + _PRICE - 1))
    with calling_as(ADMINISTRATOR):
        users = UserAdminServiceStub(scene.first.channel)
        for analyst in ANALYSTS:
            name = analyst.user.removeprefix("users/")
            user = User(issuer="https://issuer", subject=name)
            await users.CreateUser(user_pb.CreateUserRequest(user_id=name, user=user))
    for analyst in ANALYSTS:
        await scene.grant(rho(SPENDS * _PRICE), analyst=analyst.user)


async def _spend(scene: Scene, number: int) -> tuple[str, int]:
    """Spend under one id until the outcome is known; return it, and how often it was not."""
    analyst = ANALYSTS[number % len(ANALYSTS)]
    request = question(number + 1, _PRICE)
    end = asyncio.get_running_loop().time() + _SECONDS
    for repeats in itertools.count():
        try:
            reservation = await scene.reserve(request, analyst, replica=number % _PROCESSES)
        except grpc.RpcError as error:
            refusal = Refusal.from_rpc_error(error)
            if refusal is not None and error.code() is not grpc.StatusCode.UNAVAILABLE:
                return refusal.reason, repeats
            if asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(0.05)
            continue
        assert reservation.charge.rho_picos == _PRICE
        return "granted", repeats
    raise AssertionError


async def _check_books(scene: Scene) -> None:
    """The chain holds as many reservations as were granted, each once, and every replica's balances say so."""
    reserved: list[str] = []
    token = ""
    while True:
        with calling_as(AUDITOR):
            page = await scene.first.ledger.ListLedgerEntries(
                ledger_pb.ListLedgerEntriesRequest(parent=POPULATION, page_size=1000, page_token=token)
            )
        reserved += [
            record.event.reserved.query
            for entry in page.ledger_entries
            for record in entry.records
            if record.event.HasField("reserved")
        ]
        token = page.next_page_token
        if not token:
            break
    assert len(reserved) == len(set(reserved)) == FITS
    for replica in scene.replicas:
        with calling_as(AUDITOR):
            budgets = await replica.budgets.ListBudgets(budget_pb.ListBudgetsRequest(population=POPULATION))
        spent = {each.scope.analyst: each.spent.rho_picos for each in budgets.budgets}
        assert spent[""] == FITS * _PRICE
        assert sum(spent.values()) == 2 * FITS * _PRICE
