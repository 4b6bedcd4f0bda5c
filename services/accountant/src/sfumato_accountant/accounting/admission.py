"""Admission: whether every scope that a query counts against can pay, and the refusal that names one that cannot."""

from collections.abc import Iterable, Mapping, Sequence

import grpc

from sfumato.v1 import charge_pb2, population_pb2
from sfumato_accountant.accounting.accounting import Accounting
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.accounting.units import Unit
from sfumato_mesh.money import attos_text, picos_text
from sfumato_mesh.refusal import FieldViolation, Refusal

Lines = Sequence[tuple[ScopeKey, charge_pb2.LossLimit, Loss]]
"""(scope, its limit, what it has spent), population first."""


def lines_that_fail(accounting: Accounting, lines: Lines, charge: Loss) -> Lines:
    """Return the scopes that cannot pay a charge beside what they have spent."""
    return [line for line in lines if not accounting.fits(line[1], line[2] + charge)]


def budget_exhausted(population: str, accounting: Accounting, lines: Lines, charge: Loss) -> Refusal:
    """A charge does not fit. Names the scope with the least left, and what would pass in all scopes.

    Args:
        population: populations/{population}.
        accounting: that of the population.
        lines: every scope that would pay; at least one cannot.
        charge: the price.
    """
    unit = accounting.unit(charge)
    most = {scope: accounting.most(limit, spent, unit) for scope, limit, spent in lines}
    left = {scope: accounting.remaining(limit, spent) for scope, limit, spent in lines}
    failing = [line[0] for line in lines_that_fail(accounting, lines, charge)]
    scope = min(failing, key=lambda each: (most[each], left[each].delta_attos))
    name = scope.words(population)
    passing = min(most.values())
    delta_passing = min(each.delta_attos for each in left.values())
    metadata = {"scope": name, **_amounts("requested", charge), **_left_amounts(left[scope], charge)}
    metadata["would_pass"] = str(passing)
    if charge.delta_attos > delta_passing:
        metadata["hint"] = _delta_hint(delta_passing, [limit for _, limit, _ in lines])
    elif passing > 0:
        metadata["hint"] = f"spend at most {unit.value} {picos_text(passing)}, or ask a custodian to raise the grant"
    else:
        metadata["hint"] = "nothing is left: repeat an earlier question (free), or ask a custodian to raise the grant"
    has = _said(unit, most[scope], left[scope].delta_attos)
    return Refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "BUDGET_EXHAUSTED",
        f"the question costs {_words(charge, unit)} and {name} has {has} left",
        metadata=metadata,
        quota=(name, f"privacy loss of {name}"),
    )


def _delta_hint(passing: int, limits: Iterable[charge_pb2.LossLimit]) -> str:
    if any(limit.HasField("epsilon") and not limit.threshold_delta_attos for limit in limits):
        return (
            "limits in (ε, δ) give thresholds no δ unless the grant says how much: "
            "ask a custodian for threshold_delta, or list the keys"
        )
    return f"spend at most δ {attos_text(passing)} on keys by threshold, or list the keys"


def budget_frozen(population: str, scope: ScopeKey) -> Refusal:
    """A scope that would pay is frozen."""
    name = scope.words(population)
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "BUDGET_FROZEN",
        f"{name} is frozen: nothing may be paid from it",
        metadata={"scope": name, "hint": "repeat an earlier question (free), or ask a custodian to unfreeze it"},
        precondition=("BUDGET_FROZEN", name, "a custodian must unfreeze it"),
    )


def grant_missing(population: str, granted: Iterable[ScopeKey]) -> Refusal:
    """The population has no limit, or no grant names the analyst or the project."""
    has_limit = ScopeKey() in granted
    lacking = "neither the analyst nor the project has a grant" if has_limit else "the population has no limit yet"
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "GRANT_MISSING",
        f"nothing can be paid from {population}: {lacking}",
        metadata={"population": population, "hint": "ask a custodian of the population for a grant"},
        precondition=("GRANT_MISSING", population, lacking),
    )


def accounting_mismatch(population: str, accounting: int, field: str = "") -> Refusal:
    """A limit is of a form that the population's accounting does not take, or the accounting is not served.

    Args:
        population: populations/{population}.
        accounting: number of its kind in the contract.
        field: path of the limit in the request; empty: none is told.
    """
    kind = population_pb2.Accounting.Name(population_pb2.Accounting.ValueType(accounting)).removeprefix("ACCOUNTING_")
    basic = accounting == population_pb2.ACCOUNTING_BASIC
    in_epsilon = "say it in ε, with a δ if keys are to pass thresholds, and no threshold_delta"
    hint = in_epsilon if basic else "say it in ρ or (ε, δ)"
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "ACCOUNTING_MISMATCH",
        f"{population} adds up losses by {kind}, which does not take this",
        metadata={"population": population, "accounting": kind, "hint": hint},
        fields=[FieldViolation(field, f"of a form that {kind} takes")] if field else [],
        precondition=("ACCOUNTING_MISMATCH", population, f"accounting is {kind}"),
    )


def price_above(
    reason: str, what: str, charge: Loss, limit: charge_pb2.LossLimit, bound: str, extra: Mapping[str, str]
) -> Refusal:
    """A price is above a limit for one query: the request's own ("limit") or the policy's ("max")."""
    metadata = {**extra, **_amounts("price", charge), **_limit_amounts(bound, limit)}
    metadata["hint"] = f"{what} is {_limit_words(limit)}: ask for more noise, or for fewer measures"
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        reason,
        f"the price of {_words(charge, _unit_told(charge))} is above {what} of {_limit_words(limit)}",
        metadata=metadata,
        precondition=(reason, what, f"at most {_limit_words(limit)}"),
    )


def _amounts(prefix: str, loss: Loss) -> dict[str, str]:
    """Amounts of a charge. One without ρ is in a population that adds up ε alone."""
    amounts = {} if _unit_told(loss) is Unit.EPSILON else {f"{prefix}_rho_picos": str(loss.rho_picos)}
    if loss.epsilon_picos is not None:
        amounts[f"{prefix}_epsilon_picos"] = str(loss.epsilon_picos)
    if loss.delta_attos:
        amounts[f"{prefix}_delta_attos"] = str(loss.delta_attos)
    return amounts


def _left_amounts(left: Loss, charge: Loss) -> dict[str, str]:
    """Amounts of what is left, in ρ too where the charge has one."""
    amounts = _amounts("remaining", left)
    return amounts if _unit_told(charge) is Unit.EPSILON else {"remaining_rho_picos": str(left.rho_picos)} | amounts


def _unit_told(loss: Loss) -> Unit:
    return Unit.RHO if loss.rho_picos or loss.epsilon_picos is None else Unit.EPSILON


def _limit_amounts(prefix: str, limit: charge_pb2.LossLimit) -> dict[str, str]:
    if limit.HasField("rho"):
        amounts = {f"{prefix}_rho_picos": str(limit.rho.rho_picos)}
        delta = limit.rho.delta_attos
    else:
        amounts = {f"{prefix}_epsilon_picos": str(limit.epsilon.epsilon_picos)}
        delta = limit.epsilon.delta_attos
    return amounts | {f"{prefix}_delta_attos": str(delta)}


def _limit_words(limit: charge_pb2.LossLimit) -> str:
    if limit.HasField("rho"):
        words, delta = f"ρ {picos_text(limit.rho.rho_picos)}", limit.rho.delta_attos
    else:
        words, delta = f"ε {picos_text(limit.epsilon.epsilon_picos)}", limit.epsilon.delta_attos
    return f"{words} and δ {attos_text(delta)}" if delta else words


def _words(loss: Loss, unit: Unit) -> str:
    return _said(unit, loss.rho_picos if unit is Unit.RHO else loss.epsilon_picos or 0, loss.delta_attos)


def _said(unit: Unit, picos: int, delta_attos: int) -> str:
    words = f"{unit.value} {picos_text(picos)}"
    return f"{words} and δ {attos_text(delta_attos)}" if delta_attos else words
