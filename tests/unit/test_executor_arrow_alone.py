"""pyarrow is kept from importing pandas, in a process of its own; pandas itself stays usable there."""

import subprocess
import sys

PROGRAM = """
import sys
from sfumato_executor.arrow_alone import keep_pandas_out
keep_pandas_out()
import pyarrow as pa
assert pa.array(["a", None]).to_pylist() == ["a", None]
assert pa.table({"x": [1, 2]}).num_rows == 2
assert "pandas" not in sys.modules, "pyarrow imported it"
assert not any(type(each).__name__ == "_NoPandas" for each in sys.meta_path)
import polars
assert polars.DataFrame({"x": [1]}).to_arrow().num_rows == 1
import pandas
assert pandas.DataFrame({"x": [1]}).shape == (1, 1)
"""


def test_arrow_works_without_pandas() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
