"""Each service's environment holds what it needs and no more: read from the lock, as an image would install it."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINES = {"opendp", "polars", "polars-runtime-32"}
HEAVY = {"scipy", "scikit-learn", "torch", "jax", "smartnoise-sql", "diffprivlib", "pandas", "duckdb"}


@cache
def environment(package: str, *extras: str) -> frozenset[str]:
    """Names of the distributions that `uv export --package` lists."""
    uv = shutil.which("uv") or str(ROOT / "build/tools/bin/uv")
    command = [uv, "export", "--quiet", "--locked", "--no-dev", "--no-default-groups", "--no-hashes", "--no-annotate"]
    command += ["--no-header", "--package", package, *(f"--extra={extra}" for extra in extras)]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    lines = [line.split(";")[0].strip() for line in listed.splitlines() if line.strip()]
    return frozenset(
        Path(line.removeprefix("-e ")).name if line.startswith(("-e", ".")) else line.split("==")[0] for line in lines
    )


def test_the_gateway_has_no_engine_no_database_and_no_data_client() -> None:
    has = environment("sfumato-gateway")
    assert not has & (ENGINES | HEAVY | {"pymongo", "celery", "minio", "pyarrow", "numpy"})
    assert {"grpcio", "sqlglot", "protovalidate"} <= has


def test_the_accountant_has_its_database_and_nothing_of_the_engines() -> None:
    has = environment("sfumato-accountant")
    assert "pymongo" in has
    assert not has & (ENGINES | HEAVY | {"celery", "minio", "pyarrow", "sqlglot", "numpy"})


def test_engines_are_extras_of_the_executor() -> None:
    assert not environment("sfumato-executor") & (ENGINES | HEAVY | {"pymongo", "sqlglot"})
    assert {"opendp", "polars", "celery", "minio"} <= environment("sfumato-executor", "native")
    assert not environment("sfumato-executor", "native") & HEAVY


def test_the_bare_client_is_grpc_protobuf_and_nanoarrow() -> None:
    expected = {"googleapis-common-protos", "grpcio", "nanoarrow", "protobuf", "typing-extensions"}
    assert environment("sfumato") - {"python", "sfumato"} == expected


@pytest.mark.parametrize("service", ["sfumato-gateway", "sfumato-accountant", "sfumato-executor"])
def test_no_service_holds_another(service: str) -> None:
    services = {"gateway", "accountant", "executor", "embedded"} - {service.removeprefix("sfumato-")}
    assert not environment(service) & services
