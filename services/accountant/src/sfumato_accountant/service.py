"""The accountant as a whole: stores, ledger, catalogue, and the handlers that serve them."""

from collections.abc import Sequence
from datetime import timedelta

from sfumato_accountant.catalog.catalog import Catalog
from sfumato_accountant.handlers.accountant import AccountantHandlers
from sfumato_accountant.handlers.budget_admin import BudgetAdminHandlers
from sfumato_accountant.handlers.budgets import BudgetHandlers
from sfumato_accountant.handlers.ledger import LedgerHandlers
from sfumato_accountant.handlers.pricing import Pricing
from sfumato_accountant.handlers.reservations import ReservationHandlers
from sfumato_accountant.ledger.acts import Acts
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.receipts import Receipts
from sfumato_accountant.ledger.reservations import Reservations
from sfumato_accountant.ledger.signatures import LedgerKey
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

    def __init__(self, stores: Stores, key: LedgerKey, clock: Clock, skew_max: timedelta) -> None:
        self._stores = stores
        claims = Claims(stores.ledger)
        self._chains = Chains(stores.ledger, claims, key, Timekeeper(clock, stores.ledger, skew_max))
        self.catalog = Catalog(stores.records, clock, self._chains)
        reservations = Reservations(claims, Receipts(stores.ledger, key))
        self.handlers: Sequence[Handlers] = (
            *self.catalog.handlers,
            AccountantHandlers(Pricing(self.catalog, self._chains), self._chains, claims, reservations),
            ReservationHandlers(self.catalog, self._chains, reservations),
            LedgerHandlers(self.catalog, self._chains, stores.ledger),
            BudgetHandlers(self.catalog, self._chains),
            BudgetAdminHandlers(self.catalog, self._chains, Acts(stores.ledger)),
        )

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
    """
    key = LedgerKey(load_or_create_signing_key(settings.ledger_key_file))
    stores = await open_stores(settings.store_url)
    try:
        skew_max = timedelta(seconds=settings.clock_skew_seconds)
        accountant = Accountant(stores, key, clock if clock is not None else SystemClock(), skew_max)
        if settings.administrator_issuer and settings.administrator_subject:
            await accountant.catalog.bootstrap(settings.administrator_issuer, settings.administrator_subject)
    except BaseException:
        await stores.close()
        raise
    return accountant
