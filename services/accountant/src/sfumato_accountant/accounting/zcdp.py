"""Zero-concentrated DP: ρ adds up, with a pool of δ beside it.

The sum of ρ is a fully adaptive filter (Feldman and Zrnic 2021, arXiv 2008.11193, theorem 4.3 and remark 4.4); with δ
beside it: Whitehouse et al. 2023, theorem 1. Each query is one non-interactive mechanism, finished before its answer
leaves, so that many analysts are one adaptive adversary.

A limit in (ε, δ) holds what satisfies either of two bounds, each of which gives (ε, δ) by itself: the tight conversion
of Σρ at the δ that thresholds have not used, or Σε ≤ ε while all that was spent is pure. Admitting by either is sound:
at any time the whole transcript satisfies one of them for the same fixed (ε, δ).
"""

from sfumato.v1 import charge_pb2
from sfumato_accountant.accounting.loss import Loss
from sfumato_mesh import zcdp
from sfumato_mesh.money import SUM_MAX


class Zcdp:
    """Accounting in ρ and a pool of δ."""

    def takes_limit(self, limit: charge_pb2.LossLimit) -> bool:
        """Return True for both forms of limit."""
        return limit.WhichOneof("kind") is not None

    def takes_charge(self, charge: Loss) -> bool:
        """Return whether ρ is positive: every mechanism has a ρ, also one that spends δ."""
        return charge.rho_picos > 0 and charge.delta_attos >= 0 and (charge.epsilon_picos or 0) >= 0

    def fits(self, limit: charge_pb2.LossLimit, total: Loss) -> bool:
        """Return whether a total keeps within the limit; see Accounting."""
        if not total.is_representable:
            return False
        if limit.HasField("rho"):
            return total.rho_picos <= limit.rho.rho_picos and total.delta_attos <= limit.rho.delta_attos
        if not limit.HasField("epsilon") or total.delta_attos > limit.epsilon.delta_attos:
            return False
        if total.rho_picos <= self._largest_rho(limit.epsilon, total.delta_attos):
            return True
        return _is_pure(total) and (total.epsilon_picos or 0) <= limit.epsilon.epsilon_picos

    def limit_as_loss(self, limit: charge_pb2.LossLimit, spent: Loss) -> Loss:
        """Return the limit in ρ and δ. One in (ε, δ) gives the largest ρ at the δ that is not spent, and its ε."""
        if limit.HasField("rho"):
            return Loss(limit.rho.rho_picos, None, limit.rho.delta_attos)
        rho = self._largest_rho(limit.epsilon, spent.delta_attos)
        return Loss(rho, limit.epsilon.epsilon_picos if _is_pure(spent) else None, limit.epsilon.delta_attos)

    def remaining(self, limit: charge_pb2.LossLimit, spent: Loss) -> Loss:
        """Return what is left in ρ, in δ and, while the pure route is open, in ε."""
        whole = self.limit_as_loss(limit, spent)
        epsilon = None
        if whole.epsilon_picos is not None:
            epsilon = max(0, whole.epsilon_picos - (spent.epsilon_picos or 0))
        return Loss(max(0, whole.rho_picos - spent.rho_picos), epsilon, max(0, whole.delta_attos - spent.delta_attos))

    def epsilon(self, spent: Loss, delta_attos: int) -> int:
        """Return the tighter of both bounds; see Accounting."""
        bounds = [SUM_MAX]
        if delta_attos > spent.delta_attos and spent.is_representable:
            bounds.append(zcdp.epsilon_of(spent.rho_picos, delta_attos - spent.delta_attos))
        if _is_pure(spent):
            bounds.append(spent.epsilon_picos or 0)
        return min(bounds)

    @staticmethod
    def _largest_rho(limit: charge_pb2.EpsilonDelta, delta_spent: int) -> int:
        unused = limit.delta_attos - delta_spent
        return zcdp.largest_rho(limit.epsilon_picos, unused) if unused > 0 else 0


def _is_pure(loss: Loss) -> bool:
    return loss.delta_attos == 0 and loss.epsilon_picos is not None
