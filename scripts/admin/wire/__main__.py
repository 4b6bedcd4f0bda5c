"""Entry point of `python3 scripts/admin/wire`; what it does stands in command.py."""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    # Run as a directory, the modules would lie loose on the path, under names that others have. The folder may lie
    # anywhere, so that its packages have no name to import them by from the repository's root.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.exit(importlib.import_module("wire.command").main(sys.argv[1:]))
