"""Row 13, holes L4 and L12, attack: a quote that touches data; a query that reads the source again.

Pricing works with every store of data out of reach, and says the same. A source is read when a version is published,
never by a question.
"""

from pathlib import Path
from typing import Any

import grpc
import pytest

from sfumato_executor.preparation.table import PartitionFiles, PreparedTable
from sfumato_executor.releases.prepared import PreparedData
from tests.attacks.conftest import COLUMNS, ROWS
from tests.attacks.wire import Attacker, rho
from tests.mesh_scene import MeshScene

PLAN = (
    'source { scan { dataset: "datasets/stores" } } group_by { keys { alias: "g" expression { column: "g" } } } '
    'measures { alias: "m" mean { value { column: "x" } } } measures { alias: "q" quantile { value { column: "r" } '
    "level: 0.9 } }"
)


@pytest.fixture(scope="module")
def attacker(scene: MeshScene) -> Attacker:
    scene.publish("stores", ROWS, COLUMNS)
    return Attacker(scene)


def out_of_reach(*_: Any, **__: Any) -> Any:
    raise AssertionError("data were touched")


def test_quotes_are_the_same_with_all_data_out_of_reach(attacker: Attacker, monkeypatch: pytest.MonkeyPatch) -> None:
    before = attacker.quoted(PLAN, rho(10**9))
    import sfumato_executor.sources.opening as opening

    monkeypatch.setattr(PreparedTable, "open", out_of_reach)
    monkeypatch.setattr(PartitionFiles, "load", out_of_reach)
    monkeypatch.setattr(PreparedData, "fetch", out_of_reach)
    monkeypatch.setattr(opening, "open_source", out_of_reach)
    assert attacker.quoted(PLAN, rho(10**9)) == before
    other = attacker.quote(PLAN, rho(10**9 + 7))  # not one that a cache could know
    assert other.code is grpc.StatusCode.OK, other.said


def test_quotes_go_on_while_prepared_files_are_gone(scene: MeshScene, attacker: Attacker) -> None:
    """The releases' folder, where prepared data lie, is moved away for a while."""
    releases = scene.folder.releases
    away = releases.with_name("away")
    releases.rename(away)
    try:
        quote = attacker.quote(PLAN, rho(10**9 + 8))
    finally:
        if releases.exists():
            import shutil

            shutil.rmtree(releases)
        away.rename(releases)
    assert quote.code is grpc.StatusCode.OK, quote.said
    assert attacker.run(PLAN, rho(10**8)).code is grpc.StatusCode.OK


def test_no_question_reads_the_source(scene: MeshScene, attacker: Attacker) -> None:
    """L12: with the source deleted, every question is answered, the first and the second."""
    source: Path = scene.folder.data / "stores.csv"
    kept = source.read_bytes()
    source.unlink()
    try:
        for picos in (10**8 + 1, 10**8 + 2):
            outcome = attacker.run(PLAN, rho(picos))
            assert outcome.code is grpc.StatusCode.OK, outcome.said
    finally:
        source.write_bytes(kept)


def test_the_gateway_and_the_accountant_cannot_open_data() -> None:
    """Who quotes and who charges has no code for it: neither imports Polars, Arrow or a source."""
    import sfumato_accountant
    import sfumato_gateway

    for package in (sfumato_gateway, sfumato_accountant):
        assert package.__file__ is not None
        for path in Path(package.__file__).parent.rglob("*.py"):
            text = path.read_text()
            for word in ("polars", "pyarrow", "minio", "sfumato_executor", "opendp"):
                assert f"import {word}" not in text, f"{path.name}: {word}"
                assert f"from {word}" not in text, f"{path.name}: {word}"
