"""The ledger's keys of an embedded mesh: one in use, and one that `RotateLedgerKey` turns to.

What an operator does by hand elsewhere is done at a start: once every chain has turned to the next key, that takes the
place of the one before, which is gone then, and another next key is made.
"""

import asyncio
from pathlib import Path

from sfumato_accountant.ledger.key_use import keys_in_use
from sfumato_accountant.settings import AccountantSettings
from sfumato_mesh.keys import key_id, load_or_create_signing_key


async def retire_ledger_key(settings: AccountantSettings) -> None:
    """Let the next key be the key in use, if no chain needs that any more. Before an accountant is opened."""
    present, following = settings.ledger_key_file, settings.ledger_next_key_file
    if following is None or not (present.exists() and following.exists()):
        return
    used = await keys_in_use(settings.store_url)
    if used == {await asyncio.to_thread(_id_of, following)}:
        following.replace(present)


def _id_of(file: Path) -> str:
    return key_id(load_or_create_signing_key(file).public_key())
