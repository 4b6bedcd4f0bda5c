"""Every administrative task by script on a mesh of processes: MongoDB, S3, RabbitMQ, two gateways."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.production import ISSUER, ProductionMesh, production_mesh
from tests.scripts.conftest import SFUMATO
from tests.scripts.shell import Shell
from tests.scripts.tasks import ROWS, prove, register, walk

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionMesh]:
    with production_mesh(tmp_path_factory.mktemp("scripted")) as running:
        yield running


def _shell(production: ProductionMesh, gateway: int, programs: dict[str, Path], folder: Path) -> Shell:
    connection = {"SFUMATO_TARGET": production.gateways[gateway], "SFUMATO_TOKEN": production.token("root")}
    return Shell(folder / "machine", {**programs, "sfumato": SFUMATO}, connection)


@pytest.mark.timeout(400)
def test_every_task(production: ProductionMesh, clients: dict[str, Path], tmp_path: Path) -> None:
    shell = _shell(production, 0, {"grpcurl": clients["grpcurl"]}, tmp_path)
    source, token = _uploaded(production, "ada.csv"), production.token("ada")
    walk(shell, "ada", ISSUER, source, tmp_path, lambda: production.connect("ada"), token)


def test_with_buf_where_grpcurl_is_missing(
    production: ProductionMesh, clients: dict[str, Path], tmp_path: Path
) -> None:
    """What the clients take and print differently: masks, streams, errors."""
    shell = _shell(production, 1, {"buf": clients["buf"]}, tmp_path)
    register(shell, "bob", ISSUER, _uploaded(production, "bob.csv"), tmp_path)
    prove(shell, "bob", tmp_path)
    assert shell.refused("populations", "delete", "bob")["reason"] == "RESOURCE_IN_USE"


def _uploaded(production: ProductionMesh, key: str) -> dict[str, Any]:
    """Put the rows into the lake; return the source that names them."""
    body = ROWS.encode()
    production.bucket.put_object(production.names.lake, key, io.BytesIO(body), len(body))
    return {"s3": {"bucket": production.names.lake, "key": key, "credentials": "lake-reader"}}
