"""Noise: the right discrete distributions, on the integers, fresh in every process, and never cheaper than its price.

Each statistical test raises a false alarm with probability below 1e-6 where the sampler is right.
"""

import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sfumato_executor.engines.native.noise import Noise, OpenDPNoise, OverpricedDrawError, scores
from sfumato_executor.engines.native.seeded_noise import SeededNoise
from sfumato_executor.plan import losses
from sfumato_executor.plan.losses import Priced
from sfumato_executor.plan.program import Draw, DrawKind, Sensitivity

ONE = Sensitivity(1, 1.0, 1.0, 1)
PICO = 10**12


def draw(kind: DrawKind, priced: Priced, sensitivity: Sensitivity = ONE, **more: object) -> Draw:
    return Draw(kind, 0, priced.scale, sensitivity, priced.loss, threshold=priced.threshold, **more)  # type: ignore[arg-type]


GAUSSIAN = draw(DrawKind.GAUSSIAN, losses.gaussian(ONE, PICO // 50))
LAPLACE = draw(DrawKind.LAPLACE, losses.laplace(ONE, PICO // 4))
NOISES: list[Noise] = [OpenDPNoise(), SeededNoise(5)]


def chi_square_limit(degrees: int) -> float:
    """99.9999 % point of chi-square, from above: Laurent and Massart 2000, lemma 1, with x = ln 10^6."""
    x = math.log(1e6)
    return degrees + 2 * math.sqrt(degrees * x) + 2 * x


def chi_square(values: list[int], mass: Callable[[int], float], reach: int) -> tuple[float, int]:
    """Statistic and degrees of freedom over −reach … reach and the two tails."""
    total = sum(mass(k) for k in range(-40 * reach, 40 * reach + 1))
    inside = {k: mass(k) / total for k in range(-reach, reach + 1)}
    tail = (1 - sum(inside.values())) / 2
    seen = Counter(min(max(value, -reach - 1), reach + 1) for value in values)
    expected = {**inside, -reach - 1: tail, reach + 1: tail}
    count = len(values)
    return sum((seen[k] - count * p) ** 2 / (count * p) for k, p in expected.items()), len(expected) - 1


@pytest.mark.parametrize("noise", NOISES, ids=["OpenDP", "seeded"])
@pytest.mark.parametrize("kind", ["gaussian", "laplace"])
def test_noise_has_its_distribution(noise: Noise, kind: str) -> None:
    asked = GAUSSIAN if kind == "gaussian" else LAPLACE
    values = noise.add(asked, np.zeros(20_000, dtype=np.int64)).tolist()

    def mass(k: int) -> float:
        if kind == "gaussian":
            return math.exp(-(k**2) / (2 * asked.scale**2))
        return math.exp(-abs(k) / asked.scale)

    statistic, degrees = chi_square(values, mass, int(3 * asked.scale))
    assert statistic < chi_square_limit(degrees)


def test_noise_keeps_shape_and_adds_to_extremes() -> None:
    values = np.array([[2**61, -(2**61)], [0, 7]], dtype=np.int64)
    noisy = OpenDPNoise().add(GAUSSIAN, values)
    assert noisy.shape == values.shape
    assert noisy.dtype == np.int64
    assert np.abs(noisy - values).max() < 100 * GAUSSIAN.scale


def test_a_single_persons_key_stays_unseen() -> None:
    """Keys with one unit pass with probability δ = 0.01 at most: 4,000 tries, limit by Chernoff at 1e-6."""
    priced = losses.gaussian_threshold(ONE, PICO, 10**16)
    asked = draw(DrawKind.GAUSSIAN_THRESHOLD, priced)
    counts = np.ones(4_000, dtype=np.int64)
    passed = OpenDPNoise().release_keys(asked, counts)
    assert len(passed) <= 40 + math.sqrt(3 * 40 * math.log(1e6))
    assert all(noisy >= priced.threshold for _, noisy in passed)


@pytest.mark.parametrize("noise", NOISES, ids=["OpenDP", "seeded"])
@pytest.mark.parametrize("kind", [DrawKind.GAUSSIAN_THRESHOLD, DrawKind.LAPLACE_THRESHOLD])
def test_released_keys_are_sorted_and_occur(noise: Noise, kind: DrawKind) -> None:
    made = losses.gaussian_threshold if kind is DrawKind.GAUSSIAN_THRESHOLD else losses.laplace_threshold
    asked = draw(kind, made(ONE, PICO, 10**12))
    counts = np.array([0, 10_000, 0, 5_000, 1] * 20, dtype=np.int64)
    places = [place for place, _ in noise.release_keys(asked, counts)]
    assert places == [place for place in range(100) if counts[place] > 1]
    assert noise.release_keys(asked, np.zeros(3, dtype=np.int64)) == []


@pytest.mark.parametrize("pure", [False, True], ids=["rho", "epsilon"])
@pytest.mark.parametrize("kind", ["OpenDP", "seeded"])
def test_noisy_maximum_chooses_by_its_odds(pure: bool, kind: str) -> None:
    """Two candidates: Gumbel noise gives odds e^(gap/scale); exponential noise loses with e^(−gap/scale)/2."""
    priced = losses.noisy_max(1, 1, PICO // 5, pure)
    asked = draw(DrawKind.NOISY_MAX, priced)
    noise: Noise = OpenDPNoise() if kind == "OpenDP" else SeededNoise(11)
    gap, tries = 3, 4_000
    wins = int((noise.choose(asked, np.tile(np.array([-gap, 0], dtype=np.int64), (tries, 1))) == 0).sum())
    odds = math.exp(-gap / priced.scale)
    expected = odds / 2 if pure else odds / (1 + odds)
    spread = math.sqrt(tries * expected * (1 - expected))
    assert abs(wins - tries * expected) < 5.2 * spread  # normal tails at 1e-6: 4.9; continuity and skew on top


def test_scores_are_exact_distances_to_the_level() -> None:
    counts = np.array([2, 0, 5, 3], dtype=np.int64)  # #(x ≤ c): 2, 2, 7 of 10
    assert scores(counts, (1, 2)).tolist() == [-abs(2 * 2 - 10), -abs(2 * 2 - 10), -abs(2 * 7 - 10)]
    assert scores(counts, (9_999, 10_000)).tolist() == [-79_990, -79_990, -29_990]
    assert scores(np.array([2**39, 2**39], dtype=np.int64), (1, 10_000)).tolist() == [-(10_000 * 2**39 - 2**40)]


@pytest.mark.parametrize(
    "asked",
    [
        replace(GAUSSIAN, scale=GAUSSIAN.scale * (1 - 1e-6)),
        replace(LAPLACE, scale=LAPLACE.scale / 2),
        replace(GAUSSIAN, sensitivity=Sensitivity(2, 2.0, math.sqrt(2), 1)),
        replace(LAPLACE, loss=replace(LAPLACE.loss, epsilon_picos=None)),
        draw(DrawKind.NOISY_MAX, losses.noisy_max(1, 1, PICO // 5, False), keys_per_unit=2),
    ],
)
def test_noise_that_costs_more_than_its_price_is_not_drawn(asked: Draw) -> None:
    used = OpenDPNoise().choose if asked.kind is DrawKind.NOISY_MAX else OpenDPNoise().add
    with pytest.raises(OverpricedDrawError):
        used(asked, np.zeros((1, 2), dtype=np.int64))


def test_threshold_below_its_price_is_not_drawn() -> None:
    priced = losses.gaussian_threshold(ONE, PICO, 10**12)
    asked = replace(draw(DrawKind.GAUSSIAN_THRESHOLD, priced), threshold=priced.threshold - 1)
    for counts in (np.array([5], dtype=np.int64), np.zeros(1, dtype=np.int64)):  # refused whatever the data
        with pytest.raises(OverpricedDrawError):
            OpenDPNoise().release_keys(asked, counts)


def test_seeded_noise_repeats_and_os_noise_does_not() -> None:
    zeros = np.zeros(64, dtype=np.int64)
    assert SeededNoise(3).add(GAUSSIAN, zeros).tolist() == SeededNoise(3).add(GAUSSIAN, zeros).tolist()
    assert SeededNoise(3).add(GAUSSIAN, zeros).tolist() != SeededNoise(4).add(GAUSSIAN, zeros).tolist()
    assert OpenDPNoise().add(GAUSSIAN, zeros).tolist() != OpenDPNoise().add(GAUSSIAN, zeros).tolist()


FORKED = """
import os, sys
import numpy as np
from sfumato_executor.engines.native.noise import OpenDPNoise
from sfumato_executor.plan import losses
from sfumato_executor.plan.program import Draw, DrawKind, Sensitivity
one = Sensitivity(1, 1.0, 1.0, 1)
priced = losses.gaussian(one, 10**8)
asked = Draw(DrawKind.GAUSSIAN, 0, priced.scale, one, priced.loss)
noise = OpenDPNoise()
noise.add(asked, np.zeros(8, dtype=np.int64))
for _ in range(2):
    if os.fork() == 0:
        sys.stdout.write(f"{noise.add(asked, np.zeros(8, dtype=np.int64)).tolist()}\\n")
        sys.stdout.flush()
        os._exit(0)
    os.wait()
print(noise.add(asked, np.zeros(8, dtype=np.int64)).tolist())
"""


def test_forked_workers_share_no_stream() -> None:
    run = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True, timeout=60)
    lines = run.stdout.splitlines()
    assert len(lines) == 3
    assert len(set(lines)) == 3
