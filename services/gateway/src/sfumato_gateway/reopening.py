"""ReopenPopulation: brings together the chain, which the accountant has, and the mark, which the executor has."""

from typing import Any

import grpc
from google.protobuf.message import Message

from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato.v1.population_admin_service_pb2 import ReopenPopulationRequest, ReopenPopulationResponse
from sfumato_gateway.marks import Marks
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.v1 import accountant_service_pb2 as contract
from sfumato_mesh.v1.accountant_service_pb2_grpc import AccountantServiceStub
from sfumato_mesh.v1.executor_service_pb2 import GetMarkRequest
from sfumato_mesh.v1.executor_service_pb2_grpc import ExecutorServiceStub


class Reopening:
    """Serves one method of PopulationAdminService. Who may call it, the accountant decides."""

    def __init__(self, accountant: grpc.aio.Channel, executor: grpc.aio.Channel, marks: Marks) -> None:
        self._accountant = AccountantServiceStub(accountant)
        self._executor = ExecutorServiceStub(executor)
        self._marks = marks

    async def reopen(self, request: Message, context: Any) -> ReopenPopulationResponse:  # noqa: ARG002
        """Let a chain go on that does not contain its mark, and put its new head in the place of the mark.

        Before the answer, which names a position, leaves, the mark stands at or above it. A crash in between leaves
        that to whoever tells something of the population next.
        """
        assert isinstance(request, ReopenPopulationRequest)
        population = request.population
        with asking("executor", population):
            mark = await self._executor.GetMark(GetMarkRequest(population=population), timeout=CALL_SECONDS)
        lost_head = mark.mark if mark.HasField("mark") else LedgerHead(population=population)
        asked = contract.ReopenPopulationRequest(request=request, lost_head=lost_head)
        with asking("accountant", population):
            answer = await self._accountant.ReopenPopulation(asked, timeout=CALL_SECONDS)
        self._marks.forget(population)  # what this gateway has raised may be of the lost entries
        if await self._marks.raise_to_positions([(population, answer.response.sequence)]):
            answer.response.ClearField("sequence")
        return answer.response
