"""Noise by OpenDP's constructors: discrete, from the operating system's generator, fresh for every answer.

`.map` is asked once more before data meets a mechanism: a draw whose scale costs more than the loss it was priced at is
refused here, whoever compiled it.
"""

import functools
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from opendp.domains import atom_domain, map_domain, vector_domain
from opendp.measurements import (
    make_gaussian,
    make_gaussian_threshold,
    make_laplace,
    make_laplace_threshold,
    make_noisy_max,
)
from opendp.measures import max_divergence, zero_concentrated_divergence
from opendp.metrics import absolute_distance, l01inf_distance, l02inf_distance, l1_distance, l2_distance, linf_distance
from opendp.mod import Measurement, enable_features

from sfumato_executor.plan.program import Draw, DrawKind
from sfumato_mesh.money import attos_up, picos_up

Integers = npt.NDArray[np.int64]


class Noise(Protocol):
    """Where noise comes from. `seeded` noise can be foreseen, and serves made-up rows only."""

    @property
    def seeded(self) -> bool:
        """Whether it can be foreseen."""
        ...

    def add(self, draw: Draw, values: Integers) -> Integers:
        """Exact integers with discrete Gaussian or Laplace noise on each; any shape."""
        ...

    def release_keys(self, draw: Draw, counts: Integers) -> list[tuple[int, int]]:
        """(place, noisy count) of the keys whose noisy count of units passes the threshold, by place."""
        ...

    def choose(self, draw: Draw, scores: Integers) -> Integers:
        """Index of the greatest noisy score in each row of scores."""
        ...


class OverpricedDrawError(Exception):
    """A draw would lose more privacy than it was priced at; nothing was drawn."""


class OpenDPNoise:
    """The only noise that real data meets."""

    seeded = False

    def add(self, draw: Draw, values: Integers) -> Integers:
        """See `Noise.add`."""
        noisy = _judged(draw)(values.ravel())
        return np.asarray(noisy, dtype=np.int64).reshape(values.shape)

    def release_keys(self, draw: Draw, counts: Integers) -> list[tuple[int, int]]:
        """See `Noise.release_keys`. Only keys that occur are given to the mechanism; its order is random, so sorted."""
        present = {int(place): int(counts[place]) for place in np.flatnonzero(counts > 0)}
        if not present:
            _judged(draw)
            return []
        released: dict[int, int] = _judged(draw)(present)
        return sorted((int(place), int(noisy)) for place, noisy in released.items())

    def choose(self, draw: Draw, scores: Integers) -> Integers:
        """See `Noise.choose`."""
        mechanism = _judged(draw)
        return np.array([mechanism(row) for row in scores], dtype=np.int64)


def _judged(draw: Draw) -> Measurement:
    """The draw's mechanism, its loss checked against what was paid."""
    pure = draw.kind in _PURE or (draw.kind is DrawKind.NOISY_MAX and draw.loss.epsilon_picos is not None)
    mechanism, amount, delta = _mechanism(draw.kind, draw.scale, draw.threshold, _distance(draw), pure)
    paid = draw.loss.epsilon_picos if pure else draw.loss.rho_picos
    if paid is None or picos_up(amount) * draw.keys_per_unit > paid or attos_up(delta) > draw.loss.delta_attos:
        raise OverpricedDrawError(f"a {draw.kind.value} draw loses more than it was priced at")
    return mechanism


Distance = tuple[int, float, int]
_PURE = (DrawKind.LAPLACE, DrawKind.LAPLACE_THRESHOLD)


def _distance(draw: Draw) -> Distance:
    """(L0, L1 or L2, L∞) of the draw's sensitivity."""
    bound = draw.sensitivity
    return bound.l0, bound.l1 if draw.kind in _PURE else bound.l2, bound.linf


@functools.lru_cache(maxsize=512)
def _mechanism(
    kind: DrawKind, scale: float, threshold: int, distance: Distance, pure: bool
) -> tuple[Measurement, float, float]:
    """A mechanism with its loss by `.map`: ε if `pure`, else ρ, of one key; and δ.

    δ is that of one below the threshold T: OpenDP 0.16 releases a key at a noisy count of T or more and reports the
    probability of more than T, which on the integers is that of T + 1 or more.
    """
    enable_features("contrib")
    integers = vector_domain(atom_domain(T="i64"))
    counts = map_domain(atom_domain(T="i64"), atom_domain(T="i64"))
    groups, spread, largest = distance
    if kind is DrawKind.GAUSSIAN:
        mechanism = make_gaussian(integers, l2_distance(T="f64"), scale=scale)
        return mechanism, _map(mechanism, spread), 0.0
    if kind is DrawKind.LAPLACE:
        mechanism = make_laplace(integers, l1_distance(T="f64"), scale=scale)
        return mechanism, _map(mechanism, spread), 0.0
    if kind is DrawKind.NOISY_MAX:
        measure = max_divergence() if pure else zero_concentrated_divergence()
        mechanism = make_noisy_max(integers, linf_distance(T="i64", monotonic=False), measure, scale=scale)
        return mechanism, _map(mechanism, largest), 0.0
    make, metric = make_laplace_threshold, l01inf_distance(absolute_distance(T="f64"))
    if kind is DrawKind.GAUSSIAN_THRESHOLD:
        make, metric = make_gaussian_threshold, l02inf_distance(absolute_distance(T="f64"))
    mechanism = make(counts, metric, scale=scale, threshold=threshold)
    below = make(counts, metric, scale=scale, threshold=threshold - 1)
    amount, _ = _map(mechanism, (groups, spread, float(largest)))
    _, delta = _map(below, (groups, spread, float(largest)))
    return mechanism, amount, delta


def _map(mechanism: Measurement, distance: object) -> Any:
    """Loss for neighbours that far apart, by OpenDP's proof."""
    judge: Callable[[object], Any] = mechanism.map
    return judge(distance)


def scores(counts: Integers, level: tuple[int, int]) -> Integers:
    """Scores of the candidates of each key: −|den·#(x ≤ cᵢ) − num·n| from counts of the len(candidates) + 1 bins.

    Exact: counts are below 2^40 and den at most 10,000, so no product reaches 2^54. `counts` is (…, bins).
    """
    below = np.cumsum(counts, axis=-1)
    numerator, denominator = level
    exact: Integers = -np.abs(denominator * below[..., :-1] - numerator * below[..., -1:])
    return exact
