"""Accounting: how losses of a population add up under a limit. One class a kind; a population keeps its kind."""

from typing import Final, Protocol

from sfumato.v1 import charge_pb2, population_pb2
from sfumato_accountant.accounting.basic import Basic
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.units import Unit
from sfumato_accountant.accounting.zcdp import Zcdp


class Accounting(Protocol):
    """A privacy filter: limits are fixed beforehand, and whether a charge fits depends on declared costs only.

    All methods are closed forms: below a millisecond on any input.
    """

    @property
    def kind(self) -> population_pb2.Accounting:
        """Its number in the contract."""
        ...

    def takes_limit(self, limit: charge_pb2.LossLimit) -> bool:
        """Return whether limits of this form are known here."""
        ...

    def entered(self, charge: Loss) -> Loss:
        """Return a price as it is added up here; the same where nothing is to be filled in."""
        ...

    def takes_charge(self, charge: Loss) -> bool:
        """Return whether a price, as entered, is positive and of the form that is added up here."""
        ...

    def fits(self, limit: charge_pb2.LossLimit, total: Loss) -> bool:
        """Return whether a total keeps within the limit of a scope: many queries, each chosen by earlier answers."""
        ...

    def fits_once(self, limit: charge_pb2.LossLimit, charge: Loss) -> bool:
        """Return whether one query keeps within a limit of its own: what it spends is fixed before it draws."""
        ...

    def limit_as_loss(self, limit: charge_pb2.LossLimit, spent: Loss) -> Loss:
        """Return a limit in the unit of account, with an ε where what is spent still lets pure answers count by it."""
        ...

    def remaining(self, limit: charge_pb2.LossLimit, spent: Loss) -> Loss:
        """Return the limit less what is spent; never below zero."""
        ...

    def unit(self, charge: Loss) -> Unit:
        """Return the unit in which a smaller charge of the same kind is told."""
        ...

    def most(self, limit: charge_pb2.LossLimit, spent: Loss, unit: Unit) -> int:
        """Return the largest charge in a unit, without δ, in picos, that still keeps within the limit; 0: none."""
        ...

    def epsilon(self, spent: Loss, delta_attos: int) -> int:
        """Return ε in picos, rounded up, of what is spent, at a δ that includes the δ spent.

        2^63 − 1 where no ε is finite.
        """
        ...


_BY_KIND: Final[dict[int, Accounting]] = {each.kind: each for each in (Zcdp(), Basic())}


def accounting_of(kind: int) -> Accounting | None:
    """Return the accounting of a population's kind; None: this version does not serve it."""
    return _BY_KIND.get(kind)
