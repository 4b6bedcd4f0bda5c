"""What a forking parent or a front may import must not bring Polars or OpenDP with it."""

import subprocess
import sys

import pytest

LIGHT = [
    "sfumato_executor.engines.native",
    "sfumato_executor.engines.native.rendering",
    "sfumato_executor.preparation",
    "sfumato_executor.preparation.columns",
    "sfumato_executor.preparation.report",
    "sfumato_executor.sources.opening",
]


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_bring_no_engine_library(module: str) -> None:
    code = f"import sys, {module}; print(*{{'polars', 'opendp'}} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == ""


def test_the_engine_does_not_import_the_prelude() -> None:
    """It takes seconds and hundreds of megabytes where other libraries are installed."""
    code = "import sys, sfumato_executor.engines.native.engine; print('opendp.prelude' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "False"
