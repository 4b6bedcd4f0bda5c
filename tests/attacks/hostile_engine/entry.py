"""Starts a job of this folder as the engines' own are started; without confinement if `free` comes before its name.

What is refused to a confined job must be allowed to a free one, or the attack shows nothing.
"""

import sys
from pathlib import Path

from sfumato_executor.engines.library import child

HERE = Path(__file__).parent


def main() -> int:
    sys.path.append(str(HERE.parent))
    arguments = sys.argv[1:]
    if arguments[0] == "free":
        child.confine = lambda ceilings, scratch: None  # type: ignore[attr-defined]
        arguments = arguments[1:]
    jobs = {path.stem: f"{HERE.name}.{path.stem}" for path in HERE.glob("*.py")}
    return child.serve(jobs, arguments)


if __name__ == "__main__":
    child._end(main())
