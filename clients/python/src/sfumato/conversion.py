"""From ρ to (ε, δ) and back, without a server: the tight conversion of zero-concentrated differential privacy.

Canonne, Kamath and Steinke 2020 (arXiv 2004.00010). With β = α − 1 for an order α > 1, ρ-zCDP implies (ε, δ) with

    ε = (1 + β)ρ + ln β − ln(1 + β) + (ln(1/δ) − ln(1 + β))/β

for every β > 0, least where ln(1 + β) + β²ρ = ln(1/δ). The root is found in doubles and the formula evaluated there in
50 decimal digits; it is stationary at the root, so that results are exact to the last of 15 digits. What the mesh
charges is the same, rounded to integers against the spender.
"""

import math
import sys
from decimal import MAX_EMAX, MIN_EMIN, ROUND_FLOOR, Context, Decimal

_DIGITS = Context(prec=50, Emin=MIN_EMIN, Emax=MAX_EMAX)
_SIGNIFICANT = Context(prec=15, Emin=MIN_EMIN, Emax=MAX_EMAX)
_STEPS_MAX = 200
_SUM_MAX = 2**63 - 1


def epsilon_from_rho(rho: float, delta: float) -> float:
    """Least ε, to 15 digits, such that what costs `rho` is (ε, `delta`)-differentially private.

    `rho` is 0 or above, `delta` within 0 and 1, both excluded. Raises ValueError for anything else, NaN, infinities
    and subnormal numbers included.
    """
    _check(rho, delta, "rho")
    if rho == 0:
        return 0.0
    tail = _tail(delta)
    beta = Decimal(math.exp(_log_order(math.log(rho), float(tail))))
    order, penalty = _terms(beta, tail)
    epsilon = _DIGITS.add(_DIGITS.multiply(order, Decimal(rho)), penalty)
    return _result(epsilon)


def rho_from_epsilon(epsilon: float, delta: float) -> float:
    """Greatest ρ, to 15 digits, of which every answer stays (`epsilon`, `delta`)-differentially private.

    `epsilon` is 0 or above, `delta` within 0 and 1, both excluded. Raises ValueError for anything else, NaN,
    infinities and subnormal numbers included.
    """
    _check(epsilon, delta, "epsilon")
    tail = _tail(delta)
    beta = Decimal(math.exp(_log_order_within(epsilon, float(tail))))
    order, penalty = _terms(beta, tail)
    rho = _DIGITS.divide(_DIGITS.subtract(Decimal(epsilon), penalty), order)
    return _result(rho)


def largest_rho_picos(epsilon_picos: int, delta_attos: int) -> int:
    """Greatest ρ, in whole units of 10^-12, of which every answer stays (ε, δ)-differentially private.

    ε in units of 10^-12, 0 or above; δ in units of 10^-18, above 0. From δ = 1 on everything does: 2^63 − 1. At an
    order β that is off by 10^-15 the formula errs by the square of that, and downwards.
    """
    if epsilon_picos < 0 or delta_attos <= 0:
        raise ValueError("epsilon must not be negative, and delta must be above 0")
    if delta_attos >= 10**18:
        return _SUM_MAX
    epsilon = _DIGITS.divide(Decimal(epsilon_picos), Decimal(10**12))
    tail = _DIGITS.minus(_DIGITS.ln(_DIGITS.divide(Decimal(delta_attos), Decimal(10**18))))
    beta = Decimal(math.exp(_log_order_within(float(epsilon), float(tail))))
    order, penalty = _terms(beta, tail)
    rho = _DIGITS.divide(_DIGITS.subtract(epsilon, penalty), order)
    return min(_SUM_MAX, max(0, int(_DIGITS.multiply(rho, Decimal(10**12)).to_integral_value(rounding=ROUND_FLOOR))))


def _log_order(log_rho: float, tail: float) -> float:
    """x = ln β where ln(1 + e^x) + ρe^2x is `tail`; `log_rho` may be −∞.

    The left side grows and is convex in x: Newton steps from the right of the root fall towards it and never pass.
    """
    x = tail + math.log(-math.expm1(-tail))  # ln(e^tail − 1)
    if log_rho > -math.inf:
        x = min(x, (math.log(tail) - log_rho) / 2)
    for _ in range(_STEPS_MAX):
        square = math.exp(2 * x + log_rho)
        share = 1 / (1 + math.exp(-x))
        step = (_softplus(x) + square - tail) / (share + 2 * square)
        if step <= abs(x) * 1e-15:
            break
        x -= step
    return x


def _log_order_within(epsilon: float, tail: float) -> float:
    """x = ln β of the greatest ρ.

    The tight ε is concave in ρ with slope 1 + β: Newton steps from a ρ within the limits rise and never pass. The
    looser conversion of Bun and Steinke gives the first.
    """
    rho = (epsilon / (math.sqrt(epsilon + tail) + math.sqrt(tail))) ** 2
    x = 0.0
    for _ in range(_STEPS_MAX):
        x = _log_order(math.log(rho) if rho > 0 else -math.inf, tail)
        beta = math.exp(x)
        step = (epsilon - (2 * beta + 1) * rho + _softplus(-x)) / (1 + beta)
        if step <= rho * 1e-15:
            break
        rho += step
    return x


def _softplus(x: float) -> float:
    """ln(1 + e^x) without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _tail(delta: float) -> Decimal:
    """ln(1/δ)."""
    return _DIGITS.minus(_DIGITS.ln(Decimal(delta)))


def _terms(beta: Decimal, tail: Decimal) -> tuple[Decimal, Decimal]:
    """1 + β, and all of ε but the term in ρ."""
    order = _DIGITS.add(1, beta)
    log_order = _DIGITS.ln(order)
    spread = _DIGITS.divide(_DIGITS.subtract(tail, log_order), beta)
    return order, _DIGITS.add(_DIGITS.subtract(_DIGITS.ln(beta), log_order), spread)


def _result(value: Decimal) -> float:
    return float(_SIGNIFICANT.plus(value)) if value > 0 else 0.0


def _check(loss: float, delta: float, name: str) -> None:
    for value, label in ((loss, name), (delta, "delta")):
        if not math.isfinite(value) or 0 < abs(value) < sys.float_info.min:
            raise ValueError(f"{label} must be a finite number, and not subnormal: it is {value!r}")
    if math.copysign(1.0, loss) < 0:
        raise ValueError(f"{name} must not be negative: it is {loss!r}")
    if not 0 < delta < 1:
        raise ValueError(f"delta must lie between 0 and 1: it is {delta!r}")
