"""AccountantService: payments and terminals, by the protocol of one query."""
# ruff: noqa: N802, ARG002  (names and arguments of the generated servicer)

from datetime import timedelta
from typing import Any, Final

from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato_accountant.accounting.scopes import Payer
from sfumato_accountant.handlers.pricing import (
    Pricing,
    dataset_that_forbids,
    ledger_behind,
    price_above_policy,
    require_within_limit,
)
from sfumato_accountant.handlers.reopening import Reopening
from sfumato_accountant.ledger.admitting import frozen_scope
from sfumato_accountant.ledger.chain import Chain
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.claims import Claims
from sfumato_accountant.ledger.fold import PaidQuery
from sfumato_accountant.ledger.left import left_after
from sfumato_accountant.ledger.price import Price
from sfumato_accountant.ledger.receipts import measures_body, measures_side
from sfumato_accountant.ledger.reservations import Reservations
from sfumato_accountant.ledger.reserving import Reserve, preview_lines
from sfumato_accountant.ledger.settling import Commit, GiveUp, Outcome, data_versions, reservation_unknown
from sfumato_accountant.ledger.sharing import Bases, answer_of, base_candidates
from sfumato_accountant.ledger.succession import population_closed, require_open
from sfumato_mesh.caller import Caller, current_caller
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import access_denied, request_id_reused
from sfumato_mesh.server import ServerLike
from sfumato_mesh.v1 import accountant_service_pb2 as pb
from sfumato_mesh.v1 import accountant_service_pb2_grpc, reservation_pb2

_OUTCOMES: Final = {
    Outcome.PENDING: pb.CommitQueryResponse.OUTCOME_PENDING,
    Outcome.WON: pb.CommitQueryResponse.OUTCOME_WON,
    Outcome.LOST: pb.CommitQueryResponse.OUTCOME_LOST,
}


class AccountantHandlers(accountant_service_pb2_grpc.AccountantServiceServicer):
    """Takes payments and settles them."""

    def __init__(
        self, pricing: Pricing, chains: Chains, claims: Claims, reservations: Reservations, reopening: Reopening
    ) -> None:
        self._pricing = pricing
        self._reopening = reopening
        self._chains = chains
        self._claims = claims
        self._reservations = reservations

    def register(self, server: ServerLike) -> None:
        """Serve AccountantService."""
        accountant_service_pb2_grpc.add_AccountantServiceServicer_to_server(self, server)

    async def PreviewQuery(self, request: pb.PreviewQueryRequest, context: Any) -> pb.PreviewQueryResponse:
        """Tell what ReserveQuery would decide."""
        price, datasets = await self._pricing.price(current_caller(), request.query, request.project)
        fold = await self._chains.chain(price.population).refresh()
        require_open(price.population, fold)
        at = self._chains.now(price.population)
        answer = answer_of(fold, price, at, request.base_query_id)
        lines = preview_lines(fold, price, at, answer)
        pays = answer is None or bool(answer.unpaid)
        bases = Bases() if request.base_query_id else base_candidates(fold, price, at)
        stopped = pays and frozen_scope(fold, price.payer) is not None
        return pb.PreviewQueryResponse(
            scopes=lines,
            affordable=price.payer.may_pay(fold.grants)
            and not stopped
            and all(line.affordable for line in lines)
            and dataset_that_forbids(price, datasets) is None,
            release_query_id=answer.release.query_id if answer is not None else "",
            data_versions=data_versions(price.versions),
            derived=answer is not None and answer.derived,
            base_query_ids=bases.query_ids,
            free_base_count=bases.free_count,
        )

    async def ReserveQuery(self, request: pb.ReserveQueryRequest, context: Any) -> pb.ReserveQueryResponse:
        """Claim a query and pay it, or return the reservation that it has.

        A replay of a paid query never depends on what policy, versions or access are now: where the checks refuse, the
        chain is asked first whether the query was paid.
        """
        caller = current_caller()
        if not caller.user:
            raise access_denied("queries")
        try:
            price = await self._checked(caller, request)
            bases = await self._bases(request, price)
            if bases.query_ids:
                return pb.ReserveQueryResponse(base_query_ids=bases.query_ids, free_base_count=bases.free_count)
            claim = await self._claims.put(_claim(request, price))
        except Refusal:
            replayed = await self._replay(caller, request)
            if replayed is None:
                raise
            return replayed
        chain = self._chains.chain(price.population)
        give_up_after = timedelta(microseconds=request.query.give_up_after.ToMicroseconds())
        measures = measures_body(request.derived_measures)
        reserve = Reserve(claim, price, give_up_after, base=request.base_query_id, derived_measures=measures)
        query = await chain.decide(reserve)
        return await self._reserved(chain, query)

    async def CommitQuery(self, request: pb.CommitQueryRequest, context: Any) -> pb.CommitQueryResponse:
        """Make an attempt's release the answer, if it is the first."""
        commit = Commit(
            query_id=request.query_id,
            attempt=request.attempt,
            release_digest=request.release_digest,
            versions=tuple((each.dataset, each.version) for each in request.data_versions),
            measures=measures_side(request),
        )
        chain = await self._chain_of(request.query_id)
        if chain is None:
            raise reservation_unknown(request.query_id)
        await self._require_mark(request, chain.population)
        return pb.CommitQueryResponse(outcome=_OUTCOMES[await chain.decide(commit)])

    async def ChargeQuery(self, request: pb.ChargeQueryRequest, context: Any) -> pb.ChargeQueryResponse:
        """End a query without an answer: for its analyst, or for the settler after its time."""
        caller = current_caller()
        claim = await self._claims.get(request.query_id)
        name = f"queries/{request.query_id}"
        if request.cancelled != bool(caller.user) or (
            caller.user and (claim is None or claim.claim.analyst != caller.user)
        ):
            raise access_denied(name)
        if claim is None:
            raise reservation_unknown(request.query_id)
        chain = self._chains.chain(claim.claim.population)
        try:
            query = await chain.decide(GiveUp(request.query_id, cancelled_by=caller.user))
        except Refusal as refusal:
            if caller.user and refusal.reason == "RESERVATION_UNKNOWN":
                raise access_denied(name) from None
            raise
        return pb.ChargeQueryResponse(reservation=await self._reservations.one(chain, query))

    async def CheckMark(self, request: pb.CheckMarkRequest, context: Any) -> pb.CheckMarkResponse:
        """Tell whether a chain has the mark's hash at its position."""
        mark = request.mark
        verdict = await self._chains.check_mark(mark.population, mark.sequence, mark.entry_hash)
        response = pb.CheckMarkResponse(contained=verdict.contained)
        if (head := verdict.superseded_by) is not None:
            response.superseded_by.CopyFrom(
                LedgerHead(population=mark.population, sequence=head.sequence, entry_hash=head.entry_hash)
            )
        return response

    async def ReopenPopulation(self, request: pb.ReopenPopulationRequest, context: Any) -> pb.ReopenPopulationResponse:
        """Let a chain go on that does not contain its mark."""
        return await self._reopening.reopen(request)

    async def _require_mark(self, request: pb.CommitQueryRequest, population: str) -> None:
        """Check that the chain contains what was ever told: else the query may have been answered in lost entries.

        Raises:
            Refusal: LEDGER_BEHIND.
        """
        mark = request.mark
        if request.HasField("mark"):
            same = mark.population == population
            if not same or not (await self._chains.check_mark(population, mark.sequence, mark.entry_hash)).contained:
                raise ledger_behind(population)

    async def _checked(self, caller: Caller, request: pb.ReserveQueryRequest) -> Price:
        price, datasets = await self._pricing.price(caller, request.query, request.project)
        if request.HasField("limit"):
            require_within_limit(price, request.limit)
        forbidding = dataset_that_forbids(price, datasets)
        if forbidding is not None:
            raise price_above_policy(price, forbidding)
        return price

    async def _bases(self, request: pb.ReserveQueryRequest, price: Price) -> Bases:
        """Return queries whose releases may answer, where the executor has not been asked about them yet.

        The fold is the one at hand: what other replicas have appended since is missed at worst, and costs noise.
        """
        if request.bases_checked or not price.family_digest or price.fresh:
            return Bases()
        chain = self._chains.chain(price.population)
        fold = chain.fold if chain.fold.head.sequence >= 0 else await chain.refresh()
        if fold.query(request.query.query_id) is not None:
            return Bases()
        return base_candidates(fold, price, self._chains.now(price.population))

    async def _reserved(self, chain: Chain, query: PaidQuery) -> pb.ReserveQueryResponse:
        left = left_after(chain.population, chain.fold, query, self._chains.now(chain.population))
        return pb.ReserveQueryResponse(reservation=await self._reservations.one(chain, query), left=left)

    async def _replay(self, caller: Caller, request: pb.ReserveQueryRequest) -> pb.ReserveQueryResponse | None:
        """Return the answer for a query that was paid before; None: it was not.

        Raises:
            Refusal: REQUEST_ID_REUSED; POPULATION_CLOSED, where the id is bound to a chain that has ended unpaid.
        """
        claim = await self._claims.get(request.query.query_id)
        if claim is None:
            return None
        if (claim.claim.body_digest, claim.claim.analyst) != (request.body_digest, caller.user):
            raise request_id_reused()
        chain = self._chains.chain(claim.claim.population)
        fold = await chain.refresh()
        query = fold.query(request.query.query_id)
        if query is not None:
            return await self._reserved(chain, query)
        if fold.closed:
            raise population_closed(chain.population, fold.closed)
        return None

    async def _chain_of(self, query_id: str) -> Chain | None:
        claim = await self._claims.get(query_id)
        return None if claim is None else self._chains.chain(claim.claim.population)


def _claim(request: pb.ReserveQueryRequest, price: Price) -> reservation_pb2.Claim:
    payer: Payer = price.payer
    return reservation_pb2.Claim(
        query_id=request.query.query_id,
        body_digest=request.body_digest,
        population=price.population,
        task=request.query.task,
        plan_digest=price.plan_digest,
        analyst=payer.analyst,
        project=payer.project,
        labels=request.labels,
        family_digest=request.query.family_digest if request.query.base or request.base_query_id else b"",
    )
