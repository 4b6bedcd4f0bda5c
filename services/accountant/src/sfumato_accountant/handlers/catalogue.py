"""What the ledger side must know of the catalogue."""

from typing import Protocol

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_pb2 import Population
from sfumato.v1.project_pb2 import Project


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
