"""A question as it was priced, and who would pay."""

from dataclasses import dataclass

from sfumato_accountant.accounting.accounting import Accounting
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import Payer
from sfumato_accountant.catalog.retention import FOR_EVER, Retention
from sfumato_accountant.catalog.sharing import Sharing
from sfumato_accountant.ledger.events import Versions


@dataclass(frozen=True, slots=True)
class Price:
    """What one query costs, under the policies as they are now."""

    population: str
    """populations/{population}: the chain."""
    accounting: Accounting
    payer: Payer
    plan_digest: bytes
    charge: Loss
    """Price of a new release."""
    versions: Versions
    """Current versions, in the order of the price's datasets."""
    fresh: bool
    """Whether no release that exists may answer."""
    sharing: Sharing = Sharing.NONE
    """Whose releases may answer."""
    retention: Retention = FOR_EVER
    """How long a release may answer."""
    family_digest: bytes = b""
    """Family of which a wider question may answer; empty: none may."""
