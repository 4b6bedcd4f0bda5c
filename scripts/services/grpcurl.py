"""grpcurl, which scripts/admin calls with: from the PATH, else built into the cache."""

from __future__ import annotations

from pathlib import Path

from .errors import ServiceError
from .install import GoProgram, which
from .workplace import Workplace, locked, prepare_state

GRPCURL = GoProgram("grpcurl", "github.com/fullstorydev/grpcurl/cmd/grpcurl", "v1.9.4", needs_go="1.25")


def have_grpcurl(workplace: Workplace) -> Path:
    """Return the program's path; built, where neither PATH nor cache has it.

    Raises:
        ServiceError: Go is not there to build it, or the build failed.
    """
    found = which("grpcurl", workplace)
    if found is not None:
        return Path(found)
    missing = GRPCURL.missing(workplace)
    if missing is not None:
        raise ServiceError(f"no grpcurl is on the PATH. Install it, or {missing}.")
    prepare_state(workplace.state)
    with locked(workplace.cache / "lock"):
        return GRPCURL.install(workplace)
