"""Which datasets a caller may see."""

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.project_pb2 import Project
from sfumato_accountant.catalog.access import is_member, may_see_dataset
from sfumato_accountant.catalog.collection import Collection
from sfumato_mesh.caller import Caller


class VisibleDatasets:
    """Reads projects and datasets for questions of sight."""

    def __init__(self, datasets: Collection[Dataset], projects: Collection[Project]) -> None:
        self._datasets = datasets
        self._projects = projects

    async def projects_of(self, caller: Caller) -> list[Project]:
        """Return the projects to which the caller belongs, by name."""
        return [entry.message async for entry in self._projects.scan() if is_member(caller, entry.message)]

    async def __call__(self, caller: Caller) -> list[Dataset]:
        """Return the datasets that the caller may see, by name."""
        projects = await self.projects_of(caller)
        return [
            entry.message async for entry in self._datasets.scan() if may_see_dataset(caller, entry.message, projects)
        ]
