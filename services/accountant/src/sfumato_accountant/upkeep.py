"""An operator's acts on the store: `sfumato-accountant backup|restore|migrate`. Each says what it did, on stderr."""

import asyncio
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from sfumato_accountant.backup.lines import BackupUnreadable, Counts
from sfumato_accountant.backup.restoring import StoreNotEmpty, restore
from sfumato_accountant.backup.saving import save
from sfumato_accountant.backup.unfinished import StoreUnfinished, require_finished
from sfumato_accountant.settings import AccountantSettings
from sfumato_accountant.stores.opening import open_stores
from sfumato_accountant.stores.ports import StoreUnavailable, StoreVersionUnknown


def carry_out(command: str, settings: AccountantSettings, file: Path | None) -> int:
    """Carry out an act on the store that the settings name; return the exit status: 0 done, 1 not."""
    acts: dict[str, Callable[[], str]] = {
        "backup": lambda: _backup(settings.store_url, _named(file)),
        "restore": lambda: _restore(settings.store_url, _named(file)),
        "migrate": lambda: _migrate(settings.store_url),
    }
    try:
        told, status = acts[command](), 0
    except StoreUnavailable as away:
        told, status = f"the store does not answer, or not in time ({away})", 1
    except StoreUnfinished:
        told, status = "a restore into this store did not come to its end: it is no store to copy", 1
    except StoreNotEmpty:
        told, status = "the store is not empty: name a new file or database in SFUMATO_STORE_URL", 1
    except FileExistsError as there:
        told, status = f"{there.filename} is there already: name another file", 1
    except (BackupUnreadable, StoreVersionUnknown, ValueError) as error:
        told, status = str(error), 1
    except OSError as error:
        told, status = f"{error.filename or file}: {error.strerror}", 1
    sys.stderr.write(f"sfumato-accountant {command}: {told}\n")
    return status


def _named(file: Path | None) -> Path:
    if file is None:
        raise ValueError("name a file")
    return file


def _backup(url: str, file: Path) -> str:
    if file.exists():
        raise FileExistsError(errno.EEXIST, "exists", str(file))
    counts = asyncio.run(_save(url, file))
    return f"{file}: {counts}"


async def _save(url: str, file: Path) -> Counts:
    """Write beside the file, and name it only when it is whole and on the disk. It holds questions: for its owner."""
    draft = file.with_name(f".{file.name}.draft")
    stores = await open_stores(url)
    try:
        await require_finished(stores.records)
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            counts = await save(stores, target.write)
            target.flush()
            os.fsync(target.fileno())
        os.link(draft, file)  # fails where somebody else made it meanwhile
    finally:
        draft.unlink(missing_ok=True)
        await stores.close()
    return counts


def _restore(url: str, file: Path) -> str:
    counts = asyncio.run(_fill(url, file))
    return (
        f"{counts}; every chain is whole. Populations of which more was told since stay closed until you restore a "
        "later backup, or an administrator reopens them"
    )


async def _fill(url: str, file: Path) -> Counts:
    with file.open("rb") as source:
        stores = await open_stores(url)
        try:
            return await restore(stores, source)
        finally:
            await stores.close()


def _migrate(url: str) -> str:
    from sfumato_accountant.stores.migration import migrate

    before, after = migrate(url)
    return f"layout {after} already" if before == after else f"from layout {before} to {after}"
