"""Noise for the wanted draws: each gets its share of the funds, a grid, a scale, and the loss that OpenDP reports."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sfumato_executor.plan import losses
from sfumato_executor.plan.funds import Funds, loss_too_small
from sfumato_executor.plan.measures import WantedDraw, WantedVector, shares
from sfumato_executor.plan.program import Bounding, Draw, DrawKind, Sensitivity, Vector, VectorKind
from sfumato_executor.plan.sensitivity import sensitivity
from sfumato_executor.plan.steps import Grid, grid
from sfumato_mesh.money import PICO
from sfumato_mesh.refusals import plan_rejected
from sfumato_mesh.zcdp import largest_pure

THRESHOLD_VECTOR = WantedVector(VectorKind.UNITS)


@dataclass(frozen=True)
class Terms:
    """What prices depend on beside the draw: bounding, number of public keys (None: by threshold), capacity, funds."""

    rule: Bounding
    key_count: int | None
    max_rows: int
    funds: Funds


@dataclass(frozen=True)
class PricedDraws:
    """Draws in canonical order over vectors in the order of their first draw."""

    vectors: tuple[Vector, ...]
    draws: tuple[Draw, ...]


def price(wanted: Sequence[tuple[WantedDraw, int, str]], threshold_first: bool, terms: Terms) -> PricedDraws:
    """Price draws that stand in canonical order, each with its weight and its place in the plan.

    With `threshold_first` the first one finds keys. Raises PLAN_REJECTED ("loss_too_small", "sensitivity_zero",
    "capacity").
    """
    amounts = shares(terms.funds.amount_picos, [weight for _, weight, _ in wanted])
    vectors: list[Vector] = []
    draws: list[Draw] = []
    for index, ((draw, _, path), amount) in enumerate(zip(wanted, amounts, strict=True)):
        if amount < 1:
            raise loss_too_small("a measure's share of the loss is below the smallest unit")
        vector = _vector(draw, amount, terms, path)
        if vector not in vectors:
            vectors.append(vector)
        place = vectors.index(vector)
        try:
            drawn = _drawn(draw, vector, place, amount, terms, find_keys=threshold_first and index == 0)
        except losses.LossTooSmallError as error:
            raise loss_too_small(f"the loss buys no answer: {error}") from None
        draws.append(replace(drawn, loss=terms.funds.charged(drawn.loss)))
    return PricedDraws(tuple(vectors), tuple(draws))


def _vector(draw: WantedDraw, amount: int, terms: Terms, path: str) -> Vector:
    wanted = draw.vector
    if wanted.kind is not VectorKind.SUM:
        moved = sensitivity(wanted.kind, terms.rule, 1, wanted.bins, terms.key_count)
        return Vector(wanted.kind, wanted.value, moved, bins=wanted.bins)
    unit = sensitivity(VectorKind.SUM, terms.rule, 1, 1, terms.key_count)
    steps = _grid(wanted, _noise(draw.kind, unit, amount, terms), terms, path)
    moved = sensitivity(VectorKind.SUM, terms.rule, steps.per_row, 1, terms.key_count)
    return Vector(VectorKind.SUM, wanted.value, moved, steps.offset, steps.step, steps.low, steps.high)


def _grid(wanted: WantedVector, noise: float, terms: Terms, path: str) -> Grid:
    try:
        return grid(
            wanted.lower,
            wanted.upper,
            centred=wanted.centred,
            whole=wanted.whole,
            max_rows=terms.max_rows,
            noise=noise,
        )
    except ValueError as error:
        hint = "give narrower bounds, or declare a smaller max_rows"
        raise plan_rejected("capacity", path, f"these bounds cannot be added exactly: {error}", hint=hint) from None


def _noise(kind: DrawKind, unit: Sensitivity, amount: int, terms: Terms) -> float:
    """About the scale of a sum that a row moves by one step at most; exact scales follow from the grid."""
    if kind is DrawKind.LAPLACE:
        return unit.l1 / (_pure_amount(amount, terms) / PICO)
    return unit.l2 / math.sqrt(2 * amount / PICO)


def _pure_amount(amount: int, terms: Terms) -> int:
    """Share of a draw with pure loss, in picos of ε."""
    found = amount if terms.funds.pure else largest_pure(amount)
    if found < 1:
        raise loss_too_small("a measure's share of the loss is below the smallest unit")
    return found


def _drawn(draw: WantedDraw, vector: Vector, place: int, amount: int, terms: Terms, *, find_keys: bool) -> Draw:
    moved = vector.sensitivity
    if find_keys:
        return _threshold(draw.kind, moved, place, amount, terms)
    if draw.kind is DrawKind.NOISY_MAX:
        return _choice(draw, place, amount, terms)
    if draw.kind is DrawKind.LAPLACE:
        priced = losses.laplace(moved, _pure_amount(amount, terms))
    else:
        priced = losses.gaussian(moved, amount)
    return Draw(draw.kind, place, priced.scale, moved, priced.loss)


def _threshold(kind: DrawKind, moved: Sensitivity, place: int, amount: int, terms: Terms) -> Draw:
    delta = terms.funds.delta_attos
    if kind is DrawKind.LAPLACE_THRESHOLD:
        priced = losses.laplace_threshold(moved, _pure_amount(amount, terms), delta)
    else:
        priced = losses.gaussian_threshold(moved, amount, delta)
    return Draw(kind, place, priced.scale, moved, priced.loss, threshold=priced.threshold)


def _choice(draw: WantedDraw, place: int, amount: int, terms: Terms) -> Draw:
    """A noisy maximum in each key.

    A row of the unit moves every score of its key by at most max(num, den − num). GROUPS(g, m): at most g keys, each by
    m rows; losses of keys add, so g times that of one key is paid. ROWS(r): with r_k rows in key k, Σ r_k ≤ r, the ρ of
    key k is in proportion to r_k², and Σ r_k² ≤ r² (for ε: Σ r_k ≤ r), so one key with r rows is the worst case.
    """
    numerator, denominator = draw.level
    distance = terms.rule.rows * max(numerator, denominator - numerator)
    keys = 1 if terms.rule.kind is Bounding.Kind.ROWS else terms.rule.groups
    priced = losses.noisy_max(distance, keys, amount, terms.funds.pure)
    count = len(draw.candidates)
    moved = Sensitivity(count, float(count * distance), math.nextafter(math.sqrt(count) * distance, math.inf), distance)
    return Draw(
        draw.kind,
        place,
        priced.scale,
        moved,
        priced.loss,
        candidates=draw.candidates,
        level=draw.level,
        keys_per_unit=keys,
    )
