"""The bare client: at most 25 MB installed, and an answer decodes with nothing more."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 25 * 1000 * 1000
NEEDED = {"grpcio", "protobuf", "grpcio_status", "googleapis_common_protos", "nanoarrow"}
ALLOWED = {*NEEDED, "typing_extensions", "sfumato"}  # grpcio brings typing_extensions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    uv = shutil.which("uv") or str(ROOT / "build/tools/bin/uv")
    wheels = tmp_path_factory.mktemp("wheels")
    target = tmp_path_factory.mktemp("bare")
    subprocess.run(
        [uv, "build", "--quiet", "--wheel", "--out-dir", str(wheels), str(ROOT / "clients/python")], check=True
    )
    wheel = next(wheels.glob("*.whl"))
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target), str(wheel)], check=True
    )
    return target


def run(installed: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(installed), "PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    command = [sys.executable, "-S", "-c", code]  # -S: without this environment's own packages
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def test_it_is_small_and_holds_nothing_else(installed: Path) -> None:
    size = sum(each.stat().st_size for each in installed.rglob("*") if each.is_file() and each.suffix != ".pyc")
    names = {each.name.partition("-")[0] for each in installed.glob("*.dist-info")}
    print(f"bare client: {size / 1e6:.1f} MB, {sorted(names)}")
    assert size <= LARGEST
    assert names <= ALLOWED


def test_it_works_alone_and_names_the_extra_that_is_missing(installed: Path) -> None:
    done = run(
        installed,
        "import sfumato as sf, sfumato.mesh, sfumato._core.decoding as d\n"
        "from nanoarrow.ipc import _EXAMPLE_IPC_SCHEMA as s, _EXAMPLE_IPC_BATCH as b\n"
        "print(d.ArrowTable(s, (b,)).columns())\n"
        "from sfumato._core.streams import AnswerReader\n"
        "from sfumato.answers import Answer\n"
        "r = AnswerReader(); r._schema, r._batches = s, [b]\n"
        "for way in ('to_arrow', 'to_polars', 'to_pandas'):\n"
        "    try: getattr(Answer(r), way)()\n"
        "    except sf.MissingExtra as error: print(error.extra)\n",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["{'some_col': [1, 2, 3]}", "pyarrow", "polars", "pandas"]


def test_the_command_line_says_in_one_sentence_what_it_needs(installed: Path) -> None:
    done = run(installed, "from sfumato.cli.main import run; run()")
    assert done.returncode == 1
    assert done.stderr.strip().count("\n") == 0
    assert "pip install 'sfumato[cli]'" in done.stderr
