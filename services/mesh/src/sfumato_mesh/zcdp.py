"""Zero-concentrated differential privacy to (ε, δ) and back: the tight conversion, on integer money.

Canonne, Kamath and Steinke 2020 (arXiv 2004.00010): ρ-zCDP implies (ε, δ) for every order α > 1 with

    ε(α) = αρ + ln(1 − 1/α) + (ln(1/δ) − ln α)/(α − 1),    ln δ(α) = (α − 1)(αρ − ε + ln(1 − 1/α)) − ln α,
    ρ(α) = (ε − ln(1 − 1/α) − (ln(1/δ) − ln α)/(α − 1))/α,

so that any α gives a valid statement and the best α the tight one. With β = α − 1 the derivatives say where it lies:

    ε(α) is least where ln(1 + β) + β²ρ = ln(1/δ)       (the left side grows from 0 without bound: one root),
    δ(α) is least where (2β + 1)ρ − ln(1 + 1/β) = ε     (grows from −∞ without bound: one root).

The root is found in doubles; the formula is then evaluated at that very double in 50 decimal digits. At the optimum
the formula is stationary, so the root's error of 10^-15 enters as its square, far below one unit, and only makes the
statement weaker, never wrong. Rounding goes against the spender: ε, δ and costs up, limits down.
"""

import math
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import lru_cache

from sfumato_mesh.money import ATTO, PICO, SUM_MAX

_DIGITS = Context(prec=50, Emin=MIN_EMIN, Emax=MAX_EMAX)
_MARGIN = Decimal("1e-15")
"""In units of the result: above the error of evaluation in all of the range, below anything that matters."""
_STEPS_MAX = 200
_CACHED = 65536


@lru_cache(maxsize=_CACHED, typed=True)
def epsilon_of(rho_picos: int, delta_attos: int) -> int:
    """ε in picos, rounded up, that ρ-zCDP guarantees at δ.

    `rho_picos` lies in 0 … 2^63 − 1; the result may lie slightly above. Raises ValueError for amounts outside their
    range and for δ = 0 with ρ > 0, where no ε is finite.
    """
    _check(rho_picos, "rho")
    _check(delta_attos, "delta")
    if rho_picos == 0 or delta_attos >= ATTO:
        return 0
    if delta_attos == 0:
        raise ValueError("a loss in rho has no finite epsilon at delta 0")
    rho, tail = _decimal(rho_picos, PICO), _log_inverse(delta_attos)
    beta = Decimal(math.exp(_log_order(math.log(rho_picos) - math.log(PICO), float(tail))))
    order, log_order, log_odds = _logs(beta)
    epsilon = _DIGITS.add(_DIGITS.multiply(order, rho), _DIGITS.add(log_odds, _spread(tail, log_order, beta)))
    return _round_up(epsilon, PICO)


@lru_cache(maxsize=_CACHED, typed=True)
def largest_rho(epsilon_picos: int, delta_attos: int) -> int:
    """Greatest ρ in picos whose tight conversion keeps within (ε, δ), rounded down; 0 where none does.

    `epsilon_of(largest_rho(e, d), d) <= e` holds for all e and d > 0. From δ = 1 on everything keeps within: the
    result is then 2^63 − 1. Raises ValueError for amounts outside 0 … 2^63 − 1.
    """
    _check(epsilon_picos, "epsilon")
    _check(delta_attos, "delta")
    if delta_attos >= ATTO:
        return SUM_MAX
    if delta_attos == 0:
        return 0
    epsilon, tail = _decimal(epsilon_picos, PICO), _log_inverse(delta_attos)
    beta = Decimal(math.exp(_log_order_within(float(epsilon), float(tail))))
    order, log_order, log_odds = _logs(beta)
    rest = _DIGITS.subtract(epsilon, _DIGITS.add(log_odds, _spread(tail, log_order, beta)))
    picos = _DIGITS.subtract(_DIGITS.multiply(_DIGITS.divide(rest, order), PICO), _MARGIN)
    rho_picos = min(SUM_MAX, max(0, int(picos.to_integral_value(rounding=ROUND_FLOOR))))
    return rho_picos if epsilon_of(rho_picos, delta_attos) <= epsilon_picos else rho_picos - 1


@lru_cache(maxsize=_CACHED, typed=True)
def delta_of(rho_picos: int, epsilon_picos: int) -> int:
    """δ in attos, rounded up and at most 10^18, that ρ-zCDP guarantees at ε.

    Raises ValueError for amounts outside 0 … 2^63 − 1.
    """
    _check(rho_picos, "rho")
    _check(epsilon_picos, "epsilon")
    if rho_picos == 0:
        return 0
    rho, epsilon = _decimal(rho_picos, PICO), _decimal(epsilon_picos, PICO)
    beta = Decimal(_order_at(rho_picos / PICO, epsilon_picos / PICO))
    order, log_order, log_odds = _logs(beta)
    loss = _DIGITS.add(_DIGITS.subtract(_DIGITS.multiply(order, rho), epsilon), log_odds)
    log_delta = _DIGITS.subtract(_DIGITS.multiply(beta, loss), log_order)
    if log_delta < -60:  # far below one atto
        return 1
    return min(ATTO, _round_up(_DIGITS.exp(log_delta), ATTO)) if log_delta < 0 else ATTO


@lru_cache(maxsize=_CACHED, typed=True)
def rho_of_pure(epsilon_picos: int) -> int:
    """ρ in picos, rounded up, of an answer that is ε-differentially private: ε·tanh(ε/2).

    Randomised response is the worst pure mechanism (Kairouz, Oh and Viswanath 2015: all others are its post-
    processing), and its Rényi divergence of order α is at most α·ε·tanh(ε/2), with equality as α falls to 1.
    The continuous Laplace mechanism's ε + e^-ε − 1 lies below what discrete Laplace noise costs at distances of few
    steps, and is not used. An answer that is (ε, δ)-differentially private costs the same ρ, and δ beside it. Raises
    ValueError for amounts outside 0 … 2^63 − 1.
    """
    _check(epsilon_picos, "epsilon")
    if epsilon_picos == 0:
        return 0
    epsilon = _decimal(epsilon_picos, PICO)
    if epsilon > 200:  # tanh(100) is 1 to 86 digits, and never above
        return epsilon_picos
    decay = _DIGITS.exp(-epsilon)
    return _round_up(_DIGITS.divide(_DIGITS.multiply(epsilon, _DIGITS.subtract(1, decay)), 1 + decay), PICO)


@lru_cache(maxsize=_CACHED, typed=True)
def largest_pure(rho_picos: int) -> int:
    """Greatest ε in picos, at most 2^63 − 1, whose pure answers cost at most `rho_picos`.

    The root of ε·tanh(ε/2) = ρ in doubles, by Newton's method, is mended by whole picos against `rho_of_pure`: its
    steps double until they enclose the answer. Raises ValueError for amounts outside 0 … 2^63 − 1.
    """
    _check(rho_picos, "rho")
    guess = min(SUM_MAX, int(_pure_root(rho_picos / PICO) * PICO))
    low, high, step = guess, guess, 1
    while low > 0 and rho_of_pure(low) > rho_picos:
        low, high, step = max(0, low - step), low, 2 * step
    while high <= SUM_MAX and rho_of_pure(high) <= rho_picos:
        low, high, step = high, high + step, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        if rho_of_pure(min(middle, SUM_MAX)) <= rho_picos and middle <= SUM_MAX:
            low = middle
        else:
            high = middle
    return low


def _pure_root(rho: float) -> float:
    """ε with ε·tanh(ε/2) = ρ. The left side grows, is convex up to ε = 2.4 and concave from there."""
    epsilon = max(math.sqrt(2 * rho), rho) + min(rho, 1.0)
    for _ in range(_STEPS_MAX):
        slope = math.tanh(epsilon / 2)
        step = (epsilon * slope - rho) / (slope + epsilon / 2 * (1 - slope * slope)) if epsilon else 0.0
        if abs(step) <= epsilon * 1e-15:
            break
        epsilon -= step
    return epsilon


def _log_order(log_rho: float, tail: float) -> float:
    """x = ln β of the least ε: ln(1 + e^x) + ρe^2x = `tail`, by Newton's method; `log_rho` may be −∞.

    The left side grows and is convex in x, so that steps from the right of the root fall towards it and never pass.
    Either term alone is at most the tail at the root, which bounds x from the right.
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
    """x = ln β of the greatest ρ within (ε, δ), where `tail` is ln(1/δ).

    The tight ε is concave in ρ (least of lines in ρ) with slope α, so Newton steps from a ρ within the limits rise
    and never pass; Bun and Steinke's looser conversion gives the first.
    """
    root = math.sqrt(tail)
    rho = (epsilon / (math.sqrt(epsilon + tail) + root)) ** 2
    x = 0.0
    for _ in range(_STEPS_MAX):
        x = _log_order(math.log(rho) if rho > 0 else -math.inf, tail)
        beta = math.exp(x)
        step = (epsilon - (2 * beta + 1) * rho + _softplus(-x)) / (1 + beta)
        if step <= rho * 1e-15:
            break
        rho += step
    return x


def _order_at(rho: float, epsilon: float) -> float:
    """β of the least δ: (2β + 1)ρ − ln(1 + 1/β) = ε, by bisection in ln β.

    At β = (ε + 2)/2ρ + 1 the left side is above ε: 2ρβ is at least ε + 2, and ln(1 + 1/β) below 1. Where ρ is so far
    above ε that the root lies below e^-700, δ is 1 within an atto, and any β says so.
    """
    low, high = -700.0, math.log((epsilon + 2) / (2 * rho) + 1)
    for _ in range(_STEPS_MAX):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if (2 * math.exp(middle) + 1) * rho - _softplus(-middle) > epsilon:
            high = middle
        else:
            low = middle
    return math.exp((low + high) / 2)


def _softplus(x: float) -> float:
    """ln(1 + e^x) without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _logs(beta: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """α = 1 + β, ln α and ln(1 − 1/α) = ln β − ln α."""
    order = _DIGITS.add(1, beta)
    log_order = _DIGITS.ln(order)
    return order, log_order, _DIGITS.subtract(_DIGITS.ln(beta), log_order)


def _spread(tail: Decimal, log_order: Decimal, beta: Decimal) -> Decimal:
    return _DIGITS.divide(_DIGITS.subtract(tail, log_order), beta)


@lru_cache(maxsize=1024)
def _log_inverse(delta_attos: int) -> Decimal:
    """ln(1/δ)."""
    return _DIGITS.minus(_DIGITS.ln(_decimal(delta_attos, ATTO)))


def _decimal(units: int, unit: int) -> Decimal:
    return _DIGITS.divide(Decimal(units), Decimal(unit))


def _round_up(value: Decimal, unit: int) -> int:
    if value <= 0:
        return 0
    scaled = _DIGITS.add(_DIGITS.multiply(value, unit), _MARGIN)
    return int(scaled.to_integral_value(rounding=ROUND_CEILING))


def _check(units: int, name: str) -> None:
    if isinstance(units, bool) or not isinstance(units, int):
        raise TypeError(f"{name} is counted in whole units")
    if not 0 <= units <= SUM_MAX:
        raise ValueError(f"{name} must lie within 0 and 2^63 - 1 units")
