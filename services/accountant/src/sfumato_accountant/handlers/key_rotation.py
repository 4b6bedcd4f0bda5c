"""RotateLedgerKey of PopulationAdminService: administrators turn a chain to its next key."""

from sfumato.v1 import population_admin_service_pb2 as pb
from sfumato_accountant.catalog.access import is_administrator
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.ledger.acts import Acts
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.rotating import RotateKey
from sfumato_accountant.ledger.signatures import Signers
from sfumato_accountant.ledger.signing_keys import signing_key
from sfumato_mesh.caller import current_caller
from sfumato_mesh.refusals import access_denied


class KeyRotation:
    """Rotates keys, chain by chain."""

    def __init__(self, catalogue: Catalogue, chains: Chains, acts: Acts, signers: Signers) -> None:
        self._catalogue = catalogue
        self._chains = chains
        self._acts = acts
        self._signers = signers

    async def rotate(self, request: pb.RotateLedgerKeyRequest) -> pb.RotateLedgerKeyResponse:
        """Sign with the next key from the next entry on; the same request, repeated, is one act."""
        caller = current_caller()
        population = await self._catalogue.population(request.population)
        if population is None or not is_administrator(caller, population.name):
            raise access_denied(request.population)
        answered = await self._acts.answered(caller.user, request.request_id, request, pb.RotateLedgerKeyResponse())
        if answered is not None:
            return answered
        act = await self._acts.bind(caller.user, request.request_id, request)
        member = RotateKey(population.name, self._signers, caller.user, act.salt)
        present = await self._chains.chain(population.name).decide(member)
        return await self._acts.answer(act, pb.RotateLedgerKeyResponse(key=signing_key(present)))
