"""Row 2, attack: samplers that mend floats after the fact can still be told apart (arXiv 2207.13793).

Real data meets OpenDP's discrete mechanisms on integers and nothing else. Engines whose library draws floats are not
served, whatever a policy names.
"""

import ast
import random
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

import sfumato_executor
from sfumato_executor.engines.native import noise
from sfumato_executor.engines.native.engine import execute
from sfumato_executor.plan.program import DrawKind
from tests.attacks.tables import SCAN, dataset, program, table
from tests.attacks.wire import Attacker, question, rho
from tests.mesh_scene import MeshScene

SOURCES = Path(sfumato_executor.__file__).parent
MECHANISMS = {
    "make_gaussian",
    "make_laplace",
    "make_noisy_max",
    "make_gaussian_threshold",
    "make_laplace_threshold",
}
FLOATING = {"gauss", "normal", "normalvariate", "laplace", "standard_normal", "uniform", "expovariate", "exponential"}
MADE = dataset('columns { name: "c" category { values: ["a", "b"] } } columns { name: "x" real { upper: 1 } }')


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_only_discrete_mechanisms_of_opendp_are_named_anywhere() -> None:
    found: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        if "opendp" not in path.read_text():
            continue
        names = {node.id for node in ast.walk(parsed(path)) if isinstance(node, ast.Name)}
        attributes = {node.attr for node in ast.walk(parsed(path)) if isinstance(node, ast.Attribute)}
        found |= {name for name in names | attributes if name.startswith(("make_", "then_"))}
    assert found == MECHANISMS


def test_no_sampler_of_floats_is_called_outside_made_up_rows() -> None:
    for path in SOURCES.rglob("*.py"):
        if path.name in ("dummy.py", "seeded_noise.py"):  # serve made-up rows only; the next test holds them to it
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FLOATING:
                assert ast.unparse(node.func.value) in ("ranges", "losses"), f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("kind", list(DrawKind), ids=lambda kind: kind.value)
def test_mechanisms_take_integers(kind: DrawKind) -> None:
    mechanism, _, _ = noise._mechanism(kind, 10.0, 1000, (1, 1.0, 1), False)
    described = str(mechanism.input_domain)
    assert "i64" in described
    assert "f64" not in described
    assert "f32" not in described


def test_an_answer_needs_no_generator_of_python_or_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = 'group_by { keys { alias: "c" expression { column: "c" } } }'
    measures = """
        measures { alias: "n" count { } }
        measures { alias: "l" count { value { column: "x" } } noise: NOISE_LAPLACE }
        measures { alias: "s" mean { value { column: "x" } } }
        measures { alias: "q" quantile { value { column: "x" } level: 0.5 } }
    """
    made = program(f"{SCAN} {keys} {measures}", MADE)
    prepared = table(MADE, {"c": ["a", "b"], "x": [0.5, 0.25]})

    def forbidden(*_: Any, **__: Any) -> Any:
        raise AssertionError("noise came from a generator that can be foreseen")

    monkeypatch.setattr(np.random, "default_rng", forbidden)
    for name in ("random", "gauss", "randint", "getrandbits", "choice"):
        monkeypatch.setattr(random, name, forbidden)
    assert execute(made, prepared).num_rows == 2


def test_seeded_noise_refuses_real_rows() -> None:
    from sfumato_executor.engines.native.seeded_noise import SeededNoise

    made = program(f'{SCAN} measures {{ alias: "n" count {{ }} }}', MADE)
    with pytest.raises(ValueError, match="made-up rows only"):
        execute(made, table(MADE, {"c": ["a"], "x": [0.5]}), noise=SeededNoise(1))


@pytest.mark.parametrize("engine", ["diffprivlib", "smartnoise_sql", "opendp", "numpy"])
def test_other_engines_are_not_served_even_where_a_policy_names_them(scene: MeshScene, engine: str) -> None:
    name = f"floats-{engine.replace('_', '-')}"
    rows = [{"x": 1}] * 10
    scene.publish(name, rows, {"x": {"type": "integer", "bounds": [0, 3]}})
    attacker = Attacker(scene)
    asked = question(f'source {{ scan {{ dataset: "datasets/{name}" }} }} measures {{ alias: "n" count {{ }} }}')
    asked.engine = engine
    before = attacker.spent(name)
    outcome = attacker.run(asked, rho(10**9))
    assert outcome.code is grpc.StatusCode.FAILED_PRECONDITION
    assert outcome.reason == "ENGINE_NOT_ALLOWED"
    assert attacker.spent(name) == before
    attacker.close()
