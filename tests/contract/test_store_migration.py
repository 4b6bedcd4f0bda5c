"""A store of an older layout is refused, brought up by an act, and then says what it always said."""

import asyncio
import os
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pymongo import MongoClient

from sfumato.v1 import budget_service_pb2
from sfumato_accountant.main import run
from sfumato_accountant.settings import AccountantSettings
from sfumato_accountant.stores.migration import migrate
from sfumato_accountant.stores.opening import open_stores
from sfumato_accountant.stores.ports import SCHEMA_VERSION, StoreUnavailable, StoreVersionUnknown
from sfumato_mesh.caller import calling_as
from sfumato_mesh.v1 import reservation_service_pb2
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.contract.ledger_scene import ADA, AUDITOR, PROJECT, Scene, question, refused

LAYOUT_1 = Path(__file__).parent / "layouts" / "layout_1.sql"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A file in layout 1: 10 paid, answered and shared; 20 paid by a project and given up; 30 paid and open."""
    path = tmp_path / "ledger.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(LAYOUT_1.read_text())
    connection.close()
    return path


def settings_on(path: Path) -> AccountantSettings:
    key = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
    file = path.with_name("ledger.pem")
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(0o600)
    return AccountantSettings(store_url=f"sqlite://{path}", ledger_key_file=file, clock_skew_seconds=1e9)


async def test_an_older_layout_is_refused_until_it_is_migrated(store: Path) -> None:
    with pytest.raises(StoreVersionUnknown, match=f"layout 1; this version of Sfumato knows {SCHEMA_VERSION}"):
        await open_stores(f"sqlite://{store}")
    assert migrate(f"sqlite://{store}") == (1, SCHEMA_VERSION)
    assert migrate(f"sqlite://{store}") == (SCHEMA_VERSION, SCHEMA_VERSION)
    stores = await open_stores(f"sqlite://{store}")
    await stores.close()


async def test_after_it_everything_is_as_it_was(store: Path) -> None:
    migrate(f"sqlite://{store}")
    scene = Scene(settings_on(store))
    await scene.open()
    try:
        with calling_as(AUDITOR):
            request = budget_service_pb2.ListBudgetsRequest()
            budgets = (await scene.first.budgets.ListBudgets(request)).budgets
        spent = {(each.scope.project, each.scope.analyst): each.spent.rho_picos for each in budgets}
        assert spent == {("", ""): 60, ("", "users/ada"): 60, (PROJECT, ""): 20}
        states = {}
        with calling_as(ADA):
            for number in range(1, 5):
                asked = reservation_service_pb2.GetReservationRequest(query_id=str(uuid.UUID(int=number)))
                states[number] = (await scene.first.reservations.GetReservation(asked)).reservation.state
        assert states == {
            1: Reservation.STATE_COMMITTED,
            2: Reservation.STATE_SHARED,
            3: Reservation.STATE_CHARGED,
            4: Reservation.STATE_OPEN,
        }
        scene.clock.advance(120)
        assert (await scene.reserve(question(1, 10))).release_query_id == str(uuid.UUID(int=1))
        paid = await scene.reserve(question(5, 5))
        assert paid.state == Reservation.STATE_OPEN, "the chain goes on, with its key"
        await refused("BUDGET_FROZEN", scene.reserve(question(6, 1, project=PROJECT)))
        await refused("BUDGET_EXHAUSTED", scene.reserve(question(7, 440)))
    finally:
        await scene.first.accountant.close()


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1, 99])
def test_other_layouts_are_refused_and_nothing_is_touched(store: Path, version: int) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    before = store.read_bytes()
    with pytest.raises(StoreVersionUnknown, match=f"layout {version}"):
        migrate(f"sqlite://{store}")
    assert store.read_bytes() == before


def test_a_migration_that_is_cut_off_changes_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sfumato_accountant.stores import migration

    step: Callable[[sqlite3.Connection], None] = migration._SQLITE_STEPS[1]

    def full(connection: sqlite3.Connection) -> None:
        step(connection)
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setitem(migration._SQLITE_STEPS, 1, full)
    with pytest.raises(StoreUnavailable):
        migrate(f"sqlite://{store}")
    monkeypatch.undo()
    with sqlite3.connect(store) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT COUNT(*) FROM entries WHERE body LIKE '{%'").fetchone() == (11,)
    assert migrate(f"sqlite://{store}") == (1, SCHEMA_VERSION)


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreVersionUnknown, match="there is no store"):
        migrate(f"sqlite://{tmp_path}/none.sqlite")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="sqlite:///ABSOLUTE/PATH"):
        migrate("sqlite://")


def test_the_command_says_what_it_did(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SFUMATO_STORE_URL", f"sqlite://{store}")
    monkeypatch.setenv("SFUMATO_LEDGER_KEY_FILE", str(store.with_name("ledger.pem")))
    with pytest.raises(SystemExit, match="sfumato-accountant migrate"):
        run([])
    assert run(["migrate"]) == 0
    assert f"from layout 1 to {SCHEMA_VERSION}" in capsys.readouterr().err


@pytest.mark.servers
def test_mongodb_too() -> None:
    server = os.environ["SFUMATO_TEST_MONGODB_URL"].rstrip("/")
    name = f"sfumato_layout_{uuid.uuid4().hex[:12]}"
    url = f"{server}/{name}"
    with MongoClient[dict[str, Any]](server) as client:
        try:
            with pytest.raises(StoreVersionUnknown, match="there is no store"):
                migrate(url)
            client[name]["meta"].insert_one({"_id": "layout", "version": 1})
            with pytest.raises(StoreVersionUnknown):
                asyncio.run(open_stores(url))
            assert migrate(url) == (1, SCHEMA_VERSION)
            asyncio.run(_opens(url))
            client[name]["meta"].replace_one({"_id": "layout"}, {"version": 77})
            with pytest.raises(StoreVersionUnknown, match="layout 77"):
                migrate(url)
        finally:
            client.drop_database(name)


async def _opens(url: str) -> None:
    await (await open_stores(url)).close()
