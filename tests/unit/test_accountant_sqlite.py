"""SQLite as the accountant opens it: the log has its size from the start, and short reads see what is committed."""

import sqlite3
from pathlib import Path

from sfumato_accountant.stores.ports import Side, SideKind
from sfumato_accountant.stores.sqlite import SqliteStores


async def test_the_log_is_grown_once_and_nothing_of_it_stays_in_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    for _ in range(2):
        stores = SqliteStores(path)
        log = path.with_name("ledger.sqlite-wal")
        assert log.stat().st_size >= 4_000_000
        await stores.ledger.put_side(Side(SideKind.OUTCOME, "x", b"body"))
        assert log.stat().st_size < 6_000_000
        with sqlite3.connect(path) as reader:
            assert reader.execute("SELECT kind, id FROM sides").fetchall() == [("outcome", "x")]
        await stores.close()
    assert path.stat().st_size < 8_000_000


async def test_a_read_at_once_sees_a_write_as_soon_as_it_returned(tmp_path: Path) -> None:
    stores = SqliteStores(tmp_path / "ledger.sqlite")
    for number in range(50):
        assert await stores.records.insert("user", str(number), b"body", "etag")
        assert await stores.records.get("user", str(number)) is not None
    ids = [str(number) for number in range(40)]  # more than are read at once
    for each in ids:
        await stores.ledger.put_side(Side(SideKind.CLAIM, each, each.encode()))
    assert await stores.ledger.get_sides(SideKind.CLAIM, ids) == {each: each.encode() for each in ids}
    await stores.close()
