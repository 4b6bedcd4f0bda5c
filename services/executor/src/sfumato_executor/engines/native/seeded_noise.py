"""Noise that can be repeated, for rehearsals on made-up rows and for nothing else: `execute` refuses it elsewhere.

The distributions are those of the real mechanisms, up to floating point, which no privacy rests on here.
"""

import math

import numpy as np
import numpy.typing as npt

from sfumato_executor.plan.program import Draw, DrawKind

Integers = npt.NDArray[np.int64]


class SeededNoise:
    """Discrete Gaussian and Laplace noise from a seed."""

    seeded = True

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def add(self, draw: Draw, values: Integers) -> Integers:
        """See `noise.Noise.add`."""
        return values + self._sample(draw, values.size).reshape(values.shape)

    def release_keys(self, draw: Draw, counts: Integers) -> list[tuple[int, int]]:
        """See `noise.Noise.release_keys`."""
        places = np.flatnonzero(counts > 0)
        noisy = counts[places] + self._sample(draw, len(places))
        return [(int(p), int(n)) for p, n in zip(places, noisy, strict=True) if n >= draw.threshold]

    def choose(self, draw: Draw, scores: Integers) -> Integers:
        """See `noise.Noise.choose`."""
        pure = draw.loss.epsilon_picos is not None
        sample = self._random.exponential if pure else self._random.gumbel
        chosen: Integers = np.argmax(scores + sample(scale=draw.scale, size=scores.shape), axis=-1).astype(np.int64)
        return chosen

    def _sample(self, draw: Draw, count: int) -> Integers:
        if draw.kind in (DrawKind.LAPLACE, DrawKind.LAPLACE_THRESHOLD):
            return self._laplace(draw.scale, count)
        return self._gaussian(draw.scale, count)

    def _laplace(self, scale: float, count: int) -> Integers:
        """Difference of two geometric variables."""
        stop = -math.expm1(-1.0 / scale)
        return self._random.geometric(stop, count) - self._random.geometric(stop, count)

    def _gaussian(self, scale: float, count: int) -> Integers:
        """Rejection from the discrete Laplace distribution (Canonne, Kamath, Steinke 2020, algorithm 3)."""
        width = math.floor(scale) + 1
        found = np.zeros(0, dtype=np.int64)
        while len(found) < count:
            tried = self._laplace(width, max(64, 2 * (count - len(found))))
            chance = np.exp(-((np.abs(tried) - scale**2 / width) ** 2) / (2 * scale**2))
            found = np.concatenate([found, tried[self._random.random(len(tried)) < chance]])
        return found[:count]
