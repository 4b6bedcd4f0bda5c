"""The accountant as a whole: stores, ledger, catalogue, and the handlers that serve them."""

from collections.abc import Sequence
from datetime import timedelta

from sfumato_accountant.backup.unfinished import require_finished
from sfumato_accountant.catalog.catalog import Catalog
from sfumato_accountant.handlers.accountant import AccountantHandlers
from sfumato_accountant.handlers.budget_admin import BudgetAdminHandlers
from sfumato_accountant.handlers.budgets import BudgetHandlers
from sfumato_accountant.handlers.delegation import Delegation
from sfumato_accountant.handlers.key_rotation import KeyRotation
from sfumato_accountant.handlers.ledger import LedgerHandlers
from sfumato_accountant.handlers.pricing import Pricing
from sfumato_accountant.handlers.reopening import Reopening
from sfumato_accountant.handlers.reservations import ReservationHandlers
from sfumato_accountant.handlers.succession import Succession
from sfumato_accountant.handlers.timeline import Timelines
from sfumato_accountant.ledger.acts import Acts
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.receipts import Receipts
from sfumato_accountant.ledger.reservations import Reservations
from sfumato_accountant.ledger.signatures import LedgerKey, LedgerKeys, Signers
from sfumato_accountant.ledger.snapshots import SnapshotFolder
from sfumato_accountant.ledger.timekeeping import Timekeeper
from sfumato_accountant.rules import METHOD_RULES
from sfumato_accountant.settings import AccountantSettings
from sfumato_accountant.stores.opening import open_stores
from sfumato_accountant.stores.ports import Stores
from sfumato_mesh.clock import Clock, SystemClock
from sfumato_mesh.keys import load_or_create_signing_key
from sfumato_mesh.server import Handlers

__all__ = ["METHOD_RULES", "Accountant", "open_accountant"]


class Accountant:
    """An open accountant: serve its handlers under METHOD_RULES, and close it at the end."""

    def __init__(
        self,
        stores: Stores,
        keys: Signers,
        clock: Clock,
        skew_max: timedelta,
        snapshots: SnapshotFolder | None = None,
    ) -> None:
        self._stores = stores
        claims = Claims(stores.ledger)
        self.timekeeper = Timekeeper(clock, stores.ledger, skew_max)
        self._chains = Chains(stores.ledger, claims, keys, self.timekeeper, snapshots)
        self.catalog = Catalog(stores.records, clock, self._chains)
        acts = Acts(stores.ledger)
        reservations = Reservations(claims, Receipts(stores.ledger, keys), self.catalog)
        self.handlers: Sequence[Handlers] = (
            *self.catalog.handlers,
            AccountantHandlers(
                Pricing(self.catalog, self._chains),
                self._chains,
                claims,
                reservations,
                Reopening(self.catalog, self._chains, acts, keys),
            ),
            ReservationHandlers(self.catalog, self._chains, reservations),
            LedgerHandlers(self.catalog, self._chains, claims, stores.ledger),
            BudgetHandlers(
                self.catalog,
                self._chains,
                Timelines(self.catalog, self._chains, clock),
                Delegation(self.catalog, self._chains, acts),
            ),
            BudgetAdminHandlers(self.catalog, self._chains, acts),
        )
        rotation = KeyRotation(self.catalog, self._chains, acts, keys)
        self.catalog.services.populations.rotate_ledger_key = rotation.rotate
        succession = Succession(self.catalog, self._chains, acts)
        self.catalog.services.populations.merge = succession.merge
        self.catalog.services.populations.split = succession.split

    async def close(self) -> None:
        """Stop waiting, finish what is queued, and close the store."""
        await self._chains.close()
        await self._stores.close()


async def open_accountant(settings: AccountantSettings, *, clock: Clock | None = None) -> Accountant:
    """Open the store that the settings name, and everything on it.

    Args:
        settings: see AccountantSettings.
        clock: what gives entries their time; None: the machine's.

    Raises:
        ValueError: the address of the store or the key file is of no known kind.
        StoreUnavailable: the store does not answer.
        StoreVersionUnknown: the store was written in another layout.
        StoreUnfinished: a restore into the store did not come to its end.
        OSError: the folder for snapshots cannot be used.
    """
    keys = _signers(settings)
    stores = await open_stores(settings.store_url)
    try:
        await require_finished(stores.records)
        skew_max = timedelta(seconds=settings.clock_skew_seconds)
        snapshots = None if settings.snapshot_folder is None else SnapshotFolder(settings.snapshot_folder)
        accountant = Accountant(stores, keys, clock if clock is not None else SystemClock(), skew_max, snapshots)
        if settings.administrator_issuer and settings.administrator_subject:
            await accountant.catalog.bootstrap(settings.administrator_issuer, settings.administrator_subject)
    except BaseException:
        await stores.close()
        raise
    return accountant


def _signers(settings: AccountantSettings) -> Signers:
    present = LedgerKey(load_or_create_signing_key(settings.ledger_key_file))
    if settings.ledger_next_key_file is None:
        return present
    return LedgerKeys(present, LedgerKey(load_or_create_signing_key(settings.ledger_next_key_file)))
