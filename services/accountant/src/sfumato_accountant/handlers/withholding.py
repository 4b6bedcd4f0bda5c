"""WithholdRelease: custodians stop reading of a release, or let it go on."""

from sfumato.v1 import budget_admin_service_pb2 as pb
from sfumato_accountant.catalog.access import may_custody
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.ledger.acts import Acts
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.fold import PaidQuery
from sfumato_accountant.ledger.withholding import Withhold
from sfumato_mesh.caller import Caller
from sfumato_mesh.refusals import access_denied


class Withholding:
    """For custodians of the population, or of a dataset that the release is of, and administrators."""

    def __init__(self, catalogue: Catalogue, chains: Chains, acts: Acts) -> None:
        self._catalogue = catalogue
        self._chains = chains
        self._acts = acts

    async def withhold(self, caller: Caller, request: pb.WithholdReleaseRequest) -> pb.WithholdReleaseResponse:
        """Withhold the release that a query drew or shares, or allow it again.

        Raises:
            Refusal: ACCESS_DENIED or RELEASE_MISSING.
        """
        answered = await self._acts.answered(caller.user, request.request_id, request, pb.WithholdReleaseResponse())
        if answered is not None:
            return answered
        query_id = request.query.removeprefix("queries/")
        found = await self._chains.find(query_id)
        if found is None or not await self._decides(caller, found[0].population, found[1]):
            raise access_denied(request.query)
        chain, query = found
        act = await self._acts.bind(caller.user, request.request_id, request)
        drawn = query.release_query_id or query_id
        sequence = await chain.decide(Withhold(drawn, request.withheld, request.justification, caller.user, act.salt))
        response = pb.WithholdReleaseResponse(sequence=sequence, population=chain.population)
        return await self._acts.answer(act, response)

    async def _decides(self, caller: Caller, population: str, query: PaidQuery) -> bool:
        """Whether the caller decides about the population, or about one of the datasets that the query reads."""
        record = await self._catalogue.population(population)
        if record is not None and may_custody(caller, record):
            return True
        datasets = [await self._catalogue.dataset(name) for name in query.datasets]
        return any(each is not None and may_custody(caller, each) for each in datasets)
