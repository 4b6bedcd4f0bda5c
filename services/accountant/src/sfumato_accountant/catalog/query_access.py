"""Whether a caller may ask questions of a dataset, against the present records."""

from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.project_pb2 import Project
from sfumato_accountant.catalog.access import is_member, may_query
from sfumato_accountant.catalog.collection import Collection, Entry
from sfumato_mesh.caller import Caller
from sfumato_mesh.refusals import access_denied


class QueryAccess:
    """Reads dataset and project, and decides."""

    def __init__(self, datasets: Collection[Dataset], projects: Collection[Project]) -> None:
        self._datasets = datasets
        self._projects = projects

    async def require(self, caller: Caller, dataset: str, project: str) -> Entry[Dataset]:
        """Return datasets/{dataset}, if the caller may query it, paid by projects/{project} ("": by itself).

        Raises:
            Refusal: ACCESS_DENIED naming the project, of which the caller is no member, or the dataset: it is not
                there, or not for this caller and project.
        """
        entry = await self._datasets.live(dataset)
        payer = await self._projects.live(project) if project else None
        if project and (payer is None or not is_member(caller, payer.message)):
            raise access_denied(project)
        if entry is None:
            raise access_denied(dataset)
        if not may_query(caller, entry.message, None if payer is None else payer.message):
            raise access_denied(dataset)
        return entry
