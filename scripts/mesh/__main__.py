"""Entry point of `python scripts/mesh`; what it does stands in command.py."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Run as a directory, the modules would lie loose on the path, under names that real packages have.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from scripts.mesh.command import main

    sys.exit(main(sys.argv[1:]))
