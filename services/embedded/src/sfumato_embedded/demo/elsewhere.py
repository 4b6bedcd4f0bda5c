"""The demo on a mesh that runs already, as its custodian and as its first analyst.

Such a mesh does not show its prepared rows to anybody: the exact values beside the answers are of rows that the demo
prepares itself, from its own copy of the tables. Which rows of a person are kept is drawn anew there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfumato.mesh import open_session
from sfumato_embedded.identities import Connection
from sfumato_executor.native_engine import NativePreparer
from sfumato_executor.settings import ExecutorSettings
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord

_TARGET: Final = "SFUMATO_TARGET"
_TOKEN: Final = "SFUMATO_TOKEN"  # noqa: S105  (the name of a variable)
_ADMIN_TOKEN: Final = "SFUMATO_ADMIN_TOKEN_FILE"  # noqa: S105  (likewise)
_DATA_ROOT: Final = "SFUMATO_DATA_ROOT"


class NoAccessError(Exception):
    """A mesh is named, and not all that the demo needs there."""


@dataclass(frozen=True)
class Access:
    """What the demo needs on a mesh that is not its own."""

    connection: Connection
    data_root: Path
    """Where the mesh's workers look for files; the demo's tables are laid there."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Access | None":
        """Return what the environment says; None: no mesh is named.

        Raises:
            NoAccessError: names the variables that are missing.
        """
        target = environment.get(_TARGET)
        if not target:
            return None
        missing = [name for name in (_TOKEN, _ADMIN_TOKEN, _DATA_ROOT) if not environment.get(name)]
        if missing:
            raise NoAccessError(
                f"{_TARGET} names a mesh; the demo there needs {', '.join(missing)} too (`make mesh-up` writes them "
                f"to build/mesh/env), or unset {_TARGET} for a mesh of its own"
            )
        try:
            administrator = Path(environment[_ADMIN_TOKEN]).read_text().strip()
        except OSError as error:
            raise NoAccessError(f"{_ADMIN_TOKEN} names no readable file ({error.strerror})") from None
        root = Path(environment[_DATA_ROOT])
        return cls(Connection(target, environment[_TOKEN], administrator, str(root)), root)


class OwnView:
    """Record and rows of a dataset, prepared here: a CustodianView."""

    def __init__(self, access: Access, folder: Path) -> None:
        """Take a folder in which the demo's tables lie, to prepare in."""
        self._access = access
        self._folder = folder
        self._preparer = NativePreparer(ExecutorSettings(data_root=folder))
        self._records: dict[str, DatasetRecord] = {}

    def __call__(self, dataset: str) -> tuple[DatasetRecord, Path]:
        """Return the record of a dataset, and a folder of its prepared rows."""
        prepared = self._folder / f"{dataset}.prepared"
        if dataset not in self._records:
            record = self._record(dataset)
            self._preparer.prepare(record.dataset, prepared)
            self._records[dataset] = record
        return self._records[dataset], prepared

    def _record(self, dataset: str) -> DatasetRecord:
        session = open_session(self._access.connection.target, self._access.connection.admin_token)
        try:
            found = session.dataset(dataset)
        finally:
            session.close()
        return DatasetRecord(dataset=found.dataset, population=found.population, published=found.dataset)
