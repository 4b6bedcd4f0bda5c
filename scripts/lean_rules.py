"""Drop from the generated `buf/validate/validate_pb2.py` what only protobuf's pure-Python backend would read.

Behind `if not _descriptor._USE_C_DESCRIPTORS` stand the options of its fields once more: the CEL text of each rule,
half of the file. Services evaluate rules, on upb alone; a client only resolves the import, on either backend.
"""

import re
import sys
from pathlib import Path
from typing import Final

_GUARD: Final = "if not _descriptor._USE_C_DESCRIPTORS:\n"
_OPTIONS: Final = re.compile(r"  _globals\[.*\._(loaded|serialized)_options = ")


def main(path: Path) -> None:
    """Make a generated module lean.

    Raises:
        SystemExit: it is not made as expected.
    """
    head, guard, tail = path.read_text().partition(_GUARD)
    if not guard:
        raise SystemExit(f"{path} has no part for the pure-Python backend: look at what protoc writes now")
    kept = [line for line in tail.splitlines(keepends=True) if not _OPTIONS.match(line)]
    path.write_text(head + guard + "".join(kept))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
