"""Basic composition: ε adds up, and δ adds up.

The sums are a filter for adaptively chosen parameters too (Dwork, Kenthapadi, McSherry, Mironov and Naor 2006; Rogers,
Roth, Ullman and Vadhan 2016, arXiv 1605.08294, lemma 3.5). Nothing is converted, so that a charge is what its mechanism
says by itself: no Gaussian noise, which has no ε of its own, can be paid here.
"""

from sfumato.v1 import charge_pb2, population_pb2
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.units import Unit
from sfumato_mesh.money import SUM_MAX


class Basic:
    """Accounting in sums of ε and δ; ρ is no unit here."""

    kind = population_pb2.ACCOUNTING_BASIC

    def takes_limit(self, limit: charge_pb2.LossLimit) -> bool:
        """Return whether the limit is one in (ε, δ). δ adds up for itself: there is nothing to share out."""
        return limit.WhichOneof("kind") == "epsilon" and limit.threshold_delta_attos == 0

    def entered(self, charge: Loss) -> Loss:
        """Return the charge as it is."""
        return charge

    def takes_charge(self, charge: Loss) -> bool:
        """Return whether ε is positive and nothing is known by its ρ alone."""
        return (charge.epsilon_picos or 0) > 0 and charge.rho_picos == 0 and charge.delta_attos >= 0

    def fits(self, limit: charge_pb2.LossLimit, total: Loss) -> bool:
        """Return whether Σε and Σδ keep within the limit."""
        if not limit.HasField("epsilon") or total.epsilon_picos is None or total.rho_picos:
            return False
        within = total.delta_attos <= limit.epsilon.delta_attos
        return total.is_representable and within and total.epsilon_picos <= limit.epsilon.epsilon_picos

    def fits_once(self, limit: charge_pb2.LossLimit, charge: Loss) -> bool:
        """Return whether one query keeps within a limit of its own, which is added up as any."""
        return self.fits(limit, charge)

    def limit_as_loss(self, limit: charge_pb2.LossLimit, spent: Loss) -> Loss:  # noqa: ARG002  (the same at any spend)
        """Return the limit as a loss; nothing for one in ρ, which no charge keeps within."""
        return Loss(0, limit.epsilon.epsilon_picos, limit.epsilon.delta_attos)

    def remaining(self, limit: charge_pb2.LossLimit, spent: Loss) -> Loss:
        """Return what is left in ε and δ."""
        whole = self.limit_as_loss(limit, spent)
        if spent.epsilon_picos is None or whole.epsilon_picos is None:
            return Loss()
        epsilon = max(0, whole.epsilon_picos - spent.epsilon_picos)
        return Loss(0, epsilon, max(0, whole.delta_attos - spent.delta_attos))

    def unit(self, charge: Loss) -> Unit:  # noqa: ARG002  (whatever is charged)
        """Return ε."""
        return Unit.EPSILON

    def most(self, limit: charge_pb2.LossLimit, spent: Loss, unit: Unit) -> int:
        """Return the ε that is left; no ρ can be paid."""
        return (self.remaining(limit, spent).epsilon_picos or 0) if unit is Unit.EPSILON else 0

    def epsilon(self, spent: Loss, delta_attos: int) -> int:
        """Return Σε, which holds from δ = Σδ on; below it no ε is finite."""
        if spent.epsilon_picos is None or delta_attos < spent.delta_attos:
            return SUM_MAX
        return min(SUM_MAX, spent.epsilon_picos)
