"""Zero-concentrated DP: ρ adds up, with a pool of δ beside it.

The sum of ρ is a fully adaptive filter (Feldman and Zrnic 2021, arXiv 2008.11193, theorem 4.3 and remark 4.4); with δ
beside it: Whitehouse et al. 2023, theorem 1. Each query is one non-interactive mechanism, finished before its answer
leaves, so that many analysts are one adaptive adversary.

A limit in ρ with a δ beside it fixes both pools beforehand: what it promises is (ε, δ' + δ) with ε the tight conversion
of ρ at any δ'. A limit in (ε, δ) splits its δ beforehand too: a share t that thresholds may spend, and δ − t for the
conversion. It holds what satisfies either of two bounds:

1. Σδ ≤ t, and the tight conversion of Σρ at δ − t, whatever of t is spent, keeps within ε. That is the filter at one
   fixed (ρ, t): what it lets through is t-approximately ρ-zCDP, which is (ε, (δ − t) + t).
2. Σε ≤ ε, while all that was spent is pure.

The split must not follow what is spent. Were the conversion at δ − Σδ, an adversary could look at the answers to much
of ρ: the transcripts whose loss is on its way beyond ε go on spending ρ, and have nearly all of the conversion's δ; the
others, nearly all there are, spend δ instead. Both add up, to nearly 2δ (the tests find the best such adversary). One
query is no adversary: it spends its ρ and its δ whatever it draws. Under a limit for one query its own δ is the share.

Admitting by either bound is sound. Split an event S of transcripts into S₁, whose every prefix was admitted by Σε, and
S₂, all others: they keep within the first. Likelihoods of a transcript in S₁ differ by at most e^ε, so P(S₁) ≤
e^ε·Q(S₁). A filter that stops at the first alone runs through every transcript in S₂ unchanged, so P(S₂) ≤ e^ε·Q(S₂) +
δ. The sum is what is promised. (With a δ on either side the two would add: the second is for pure losses only.)

A mechanism that is known only to be (ε, δ)-differentially private, as those of libraries are, enters at ρ =
ε·tanh(ε/2) and δ. Kairouz, Oh and Viswanath 2015 (arXiv 1311.0776, section 3): on any two neighbours its answers are a
post-processing of a mechanism that tells all with probability δ and else responds at random with ε. But for that event
of probability δ its loss is that of randomised response, which is ε·tanh(ε/2)-zCDP; that is δ-approximate zCDP, which
post-processing keeps (Bun and Steinke 2016, arXiv 1605.02065, section 8).
"""

from dataclasses import replace

from sfumato.v1 import charge_pb2, population_pb2
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.units import Unit
from sfumato_mesh import zcdp
from sfumato_mesh.money import SUM_MAX


class Zcdp:
    """Accounting in ρ and a pool of δ."""

    kind = population_pb2.ACCOUNTING_ZCDP

    def takes_limit(self, limit: charge_pb2.LossLimit) -> bool:
        """Return True for both forms of limit, with a share for thresholds only below the δ of one in (ε, δ)."""
        share = limit.threshold_delta_attos
        return limit.WhichOneof("kind") is not None and (share == 0 or 0 < share < limit.epsilon.delta_attos)

    def entered(self, charge: Loss) -> Loss:
        """Return the charge, with the ρ of its ε where it states none."""
        if charge.rho_picos or not charge.epsilon_picos:
            return charge
        return replace(charge, rho_picos=zcdp.rho_of_pure(charge.epsilon_picos))

    def takes_charge(self, charge: Loss) -> bool:
        """Return whether ρ is positive: every mechanism has a ρ, also one that spends δ."""
        return charge.rho_picos > 0 and charge.delta_attos >= 0 and (charge.epsilon_picos or 0) >= 0

    def fits(self, limit: charge_pb2.LossLimit, total: Loss) -> bool:
        """Return whether a total keeps within the limit; see Accounting."""
        return self._keeps_within(limit, total, limit.threshold_delta_attos)

    def fits_once(self, limit: charge_pb2.LossLimit, charge: Loss) -> bool:
        """Return whether one query keeps within a limit of its own; see Accounting."""
        return self._keeps_within(limit, charge, charge.delta_attos)

    def limit_as_loss(self, limit: charge_pb2.LossLimit, spent: Loss) -> Loss:
        """Return the limit in ρ and δ. One in (ε, δ) gives its largest ρ, its share for thresholds, and its ε."""
        if limit.HasField("rho"):
            return Loss(limit.rho.rho_picos, None, limit.rho.delta_attos)
        share = limit.threshold_delta_attos
        return Loss(
            self._largest_rho(limit.epsilon, share), limit.epsilon.epsilon_picos if spent.is_pure else None, share
        )

    def remaining(self, limit: charge_pb2.LossLimit, spent: Loss) -> Loss:
        """Return what is left in ρ, in δ and, while the pure route is open, in ε; nothing above a limit in δ."""
        whole = self.limit_as_loss(limit, spent)
        if spent.delta_attos > whole.delta_attos:
            return Loss(0, None, 0)
        epsilon = None
        if whole.epsilon_picos is not None:
            epsilon = max(0, whole.epsilon_picos - (spent.epsilon_picos or 0))
        return Loss(max(0, whole.rho_picos - spent.rho_picos), epsilon, max(0, whole.delta_attos - spent.delta_attos))

    def unit(self, charge: Loss) -> Unit:
        """Return ε for a pure charge, whose ε may pass where its ρ does not; else ρ."""
        return Unit.EPSILON if charge.is_pure and charge.epsilon_picos else Unit.RHO

    def most(self, limit: charge_pb2.LossLimit, spent: Loss, unit: Unit) -> int:
        """Return the largest ρ, or pure ε by either route, that still fits."""
        left = self.remaining(limit, spent)
        if unit is Unit.RHO:
            return left.rho_picos
        return max(zcdp.largest_pure(left.rho_picos), left.epsilon_picos or 0)

    def epsilon(self, spent: Loss, delta_attos: int) -> int:
        """Return the tighter of both bounds; see Accounting."""
        bounds = [SUM_MAX]
        if delta_attos > spent.delta_attos and spent.is_representable:
            bounds.append(zcdp.epsilon_of(spent.rho_picos, delta_attos - spent.delta_attos))
        if spent.is_pure:
            bounds.append(spent.epsilon_picos or 0)
        return min(bounds)

    def _keeps_within(self, limit: charge_pb2.LossLimit, total: Loss, share: int) -> bool:
        """Return whether a total keeps within a limit, of whose δ, if it is one in (ε, δ), thresholds have a share."""
        if not total.is_representable:
            return False
        if limit.HasField("rho"):
            return total.rho_picos <= limit.rho.rho_picos and total.delta_attos <= limit.rho.delta_attos
        if not limit.HasField("epsilon") or not total.delta_attos <= share <= limit.epsilon.delta_attos:
            return False
        if total.rho_picos <= self._largest_rho(limit.epsilon, share):
            return True
        return total.is_pure and (total.epsilon_picos or 0) <= limit.epsilon.epsilon_picos

    @staticmethod
    def _largest_rho(limit: charge_pb2.EpsilonDelta, share: int) -> int:
        rest = limit.delta_attos - share
        return zcdp.largest_rho(limit.epsilon_picos, rest) if rest > 0 else 0
