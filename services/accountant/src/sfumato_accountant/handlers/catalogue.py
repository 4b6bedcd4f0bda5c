"""What the ledger side must know of the catalogue."""

from collections.abc import Sequence
from typing import Protocol

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_pb2 import Population
from sfumato.v1.project_pb2 import Project
from sfumato_accountant.catalog.retention import Retention
from sfumato_mesh.caller import Caller


class Catalogue(Protocol):
    """Reads live records; None: there is none, or no longer."""

    async def dataset(self, name: str) -> Dataset | None:
        """Return datasets/{dataset}."""
        ...

    async def population(self, name: str) -> Population | None:
        """Return populations/{population}."""
        ...

    async def project(self, name: str) -> Project | None:
        """Return projects/{project}."""
        ...

    async def user_exists(self, name: str) -> bool:
        """Return whether users/{user} is registered."""
        ...

    async def visible_datasets(self, caller: Caller) -> list[Dataset]:
        """Return the datasets that a caller may see, by name."""
        ...

    async def retention_of(self, datasets: Sequence[Dataset]) -> Retention:
        """Return how long releases live of datasets that were read just now."""
        ...

    async def retention(self, datasets: Sequence[str]) -> Retention:
        """Return how long releases live of datasets/{dataset}, deleted ones too, as of the last second."""
        ...
