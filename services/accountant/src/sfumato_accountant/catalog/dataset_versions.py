"""Published versions of a dataset, as its custodians read them."""

from sfumato.v1.dataset_pb2 import Dataset, DatasetVersion
from sfumato_accountant.catalog.access import may_custody
from sfumato_accountant.catalog.collection import Collection
from sfumato_accountant.catalog.pages import page_number, page_size, page_token
from sfumato_accountant.catalog.preparations import Preparations
from sfumato_accountant.catalog.publication import Publications, dataset_version
from sfumato_mesh.caller import current_caller
from sfumato_mesh.refusals import access_denied


class DatasetVersions:
    """Lists versions, with what was mended in their data."""

    def __init__(self, datasets: Collection[Dataset], publications: Publications, preparations: Preparations) -> None:
        self._datasets = datasets
        self._publications = publications
        self._preparations = preparations

    async def page(self, parent: str, size: int, token: str) -> tuple[list[DatasetVersion], str]:
        """Return a page of versions of datasets/{dataset}, newest first, and the token of the next.

        Raises:
            Refusal: ACCESS_DENIED for all but custodians and administrators; PAGE_TOKEN_INVALID.
        """
        entry = await self._datasets.live(parent)
        if entry is None or not may_custody(current_caller(), entry.message):
            raise access_denied(parent)
        conditions, limit = f"{parent}/versions", page_size(size)
        start = page_number(conditions, token)
        before = entry.message.version + 1 if start is None else start
        page = []
        for record in await self._publications.versions(entry, before, limit):
            version = dataset_version(record.published, entry.message.version)
            version.problems[:] = await self._preparations.problems(record.preparation_id)
            page.append(version)
            before = record.published.version
        return page, page_token(conditions, str(before)) if page and before > 1 else ""
