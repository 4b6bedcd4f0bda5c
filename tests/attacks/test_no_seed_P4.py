"""Hole P4, attack: choose the seed of the noise, then subtract it; or ask twice and compare.

No field of a request for an estimator is a seed, nothing of a job is one, and numpy's seed moves no noise: two fits of
one program differ whatever the process was seeded with.
"""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("diffprivlib")

from sfumato.v1.estimator_pb2 import Estimator, EstimatorStep
from sfumato_executor.engines.diffprivlib import job
from sfumato_executor.engines.library.rows import select_rows
from tests.attacks.tables import table
from tests.unit.estimator_scene import compiled, made, step

ROWS = 100
KINDS: list[tuple[EstimatorStep, str]] = [
    (step("standard_scaler"), ""),
    (step("principal_components", component_count=1), ""),
    (step("linear_regression"), "length"),
    (step("logistic_regression"), "species"),
    (step("gaussian_naive_bayes"), "species"),
    (step("k_means", cluster_count=2), ""),
    (step("decision_tree", max_depth=6), "species"),
    (step("random_forest", max_depth=6, tree_count=2), "species"),
]


def columns() -> dict[str, Any]:
    return {
        "who": list(range(ROWS)),
        "mass": [float(place) for place in range(ROWS)],
        "length": [place / 10 for place in range(ROWS)],
        "ok": [False] * ROWS,
        "species": ["Adelie", "Gentoo"] * (ROWS // 2),
        "island": ["a"] * ROWS,
        "free": ["x"] * ROWS,
    }


def names(descriptor: Any) -> set[str]:
    found = set()
    for field in descriptor.fields:
        found.add(field.name)
        if field.message_type is not None:
            found |= names(field.message_type)
    return found


def test_no_field_of_an_estimator_is_a_seed() -> None:
    assert not {name for name in names(Estimator.DESCRIPTOR) if "seed" in name or "random_state" in name}


@pytest.mark.parametrize(("asked", "target"), KINDS, ids=[each.WhichOneof("kind") or "" for each, _ in KINDS])
def test_the_same_request_draws_other_noise(asked: EstimatorStep, target: str) -> None:
    of = made(ROWS)
    program = compiled(of, ["mass"] if target == "length" else ["mass", "length"], [asked], target)
    assert "seed" not in str(program.job)
    rows = select_rows(program.rows, table(of, columns()))
    np.random.seed(5)
    first = job.run(program.job, rows)
    np.random.seed(5)
    second = job.run(program.job, rows)
    assert not first.equals(second)
