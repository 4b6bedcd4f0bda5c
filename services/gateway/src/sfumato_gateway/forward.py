"""Services that the accountant serves itself: the gateway authenticates, and passes messages on unread.

Same contract, same message types on both sides. What the gateway adds is the mark, where an answer names positions of a
ledger, and single methods that it serves on its own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from sfumato.v1 import (
    budget_admin_service_pb2,
    budget_service_pb2,
    dataset_admin_service_pb2,
    dataset_service_pb2,
    ledger_service_pb2,
    population_admin_service_pb2,
    project_admin_service_pb2,
    user_admin_service_pb2,
)
from sfumato.v1.grant_pb2 import Grant
from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato_gateway.marks import Marks
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.server import ServerLike

_END: Final = 2**63 - 1
"""A position that no chain has: raise the mark to its end."""

Handler: TypeAlias = Callable[[Message, Any], Awaitable[Message]]
Telling: TypeAlias = Callable[[Marks, Message], Awaitable[None]]
"""Raises marks to the positions that a response names."""


def _service(file: object, name: str) -> ServiceDescriptor:
    descriptor: ServiceDescriptor = file.DESCRIPTOR.services_by_name[name]  # type: ignore[attr-defined]
    return descriptor


FORWARDED: Final[tuple[ServiceDescriptor, ...]] = (
    _service(dataset_service_pb2, "DatasetService"),
    _service(dataset_admin_service_pb2, "DatasetAdminService"),
    _service(population_admin_service_pb2, "PopulationAdminService"),
    _service(project_admin_service_pb2, "ProjectAdminService"),
    _service(user_admin_service_pb2, "UserAdminService"),
    _service(budget_service_pb2, "BudgetService"),
    _service(budget_admin_service_pb2, "BudgetAdminService"),
    _service(ledger_service_pb2, "LedgerService"),
)
"""Services whose methods are passed on."""


async def _tell_entries(marks: Marks, response: Message) -> None:
    assert isinstance(response, ledger_service_pb2.ListLedgerEntriesResponse)
    await marks.raise_to(
        LedgerHead(population=each.population, sequence=each.sequence, entry_hash=each.entry_hash)
        for each in response.ledger_entries
    )


async def _tell_watched(marks: Marks, response: Message) -> None:
    assert isinstance(response, ledger_service_pb2.WatchLedgerResponse)
    await marks.raise_to(
        LedgerHead(population=each.population, sequence=each.sequence, entry_hash=each.entry_hash)
        for each in response.ledger_entries[-1:]
    )


async def _tell_exported(marks: Marks, response: Message) -> None:
    assert isinstance(response, ledger_service_pb2.ExportLedgerResponse)
    if response.HasField("header"):  # once up to the end, not once for every entry
        await marks.raise_to_positions(((response.header.population, _END),))
    else:
        each = response.entry if response.HasField("entry") else response.head
        await marks.raise_to(
            (LedgerHead(population=each.population, sequence=each.sequence, entry_hash=each.entry_hash),)
        )


async def _tell_verified(marks: Marks, response: Message) -> None:
    assert isinstance(response, ledger_service_pb2.VerifyLedgerResponse)
    if response.HasField("verified"):
        await marks.raise_to((response.verified.head,))


async def _tell_head(marks: Marks, response: Message) -> None:
    assert isinstance(response, ledger_service_pb2.GetLedgerHeadResponse)
    await marks.raise_to((response.head,))


async def _tell_withheld(marks: Marks, response: Message) -> None:
    assert isinstance(response, budget_admin_service_pb2.WithholdReleaseResponse)
    if response.sequence and await marks.raise_to_positions([(response.population, response.sequence)]):
        response.ClearField("sequence")


async def _tell_grants(marks: Marks, response: Message) -> None:
    named = ((each.scope.population, each.sequence) for each in _grants(response) if each.scope.population)
    untold = await marks.raise_to_positions(named)
    for each in _grants(response):
        if each.scope.population in untold:
            each.ClearField("sequence")


def _grants(response: Message) -> Iterable[Grant]:
    """Return the grants in a response of the budget services: a grant names the entry that last changed it."""
    match response:
        case budget_service_pb2.ListBudgetsResponse():
            return [each.grant for each in response.budgets]
        case budget_service_pb2.DelegateBudgetResponse():
            return (response.grant, response.budget.grant)
        case budget_service_pb2.ReclaimBudgetResponse():
            return (response.grant,)
        case budget_admin_service_pb2.ListGrantsResponse():
            return response.grants
        case budget_admin_service_pb2.GetGrantResponse():
            return (response.grant,)
        case budget_admin_service_pb2.GrantBudgetResponse():
            return (response.grant, response.before.grant, response.after.grant)
        case budget_admin_service_pb2.FreezeBudgetResponse() | budget_admin_service_pb2.UnfreezeBudgetResponse():
            return (response.budget.grant,)
    raise AssertionError(response.DESCRIPTOR.full_name)


TELLING: Final[Mapping[str, Telling]] = {
    "sfumato.v1.LedgerService.ListLedgerEntries": _tell_entries,
    "sfumato.v1.LedgerService.GetLedgerHead": _tell_head,
    "sfumato.v1.LedgerService.WatchLedger": _tell_watched,
    "sfumato.v1.LedgerService.ExportLedger": _tell_exported,
    "sfumato.v1.LedgerService.VerifyLedger": _tell_verified,
    "sfumato.v1.BudgetService.ListBudgets": _tell_grants,
    "sfumato.v1.BudgetService.DelegateBudget": _tell_grants,
    "sfumato.v1.BudgetService.ReclaimBudget": _tell_grants,
    "sfumato.v1.BudgetAdminService.WithholdRelease": _tell_withheld,
    "sfumato.v1.BudgetAdminService.GrantBudget": _tell_grants,
    "sfumato.v1.BudgetAdminService.GetGrant": _tell_grants,
    "sfumato.v1.BudgetAdminService.ListGrants": _tell_grants,
    "sfumato.v1.BudgetAdminService.FreezeBudget": _tell_grants,
    "sfumato.v1.BudgetAdminService.UnfreezeBudget": _tell_grants,
}
"""Methods whose responses name positions of a ledger."""


class ForwardedService:
    """One service of the accountant, as the gateway offers it."""

    def __init__(
        self,
        service: ServiceDescriptor,
        accountant: grpc.aio.Channel,
        marks: Marks,
        own: Mapping[str, Handler] | None = None,
    ) -> None:
        """Bind a service.

        Args:
            service: its descriptor; its methods take one request, and answer once or in a stream.
            accountant: channel to the accountant.
            marks: for methods in TELLING.
            own: methods that the gateway serves itself, by short name.
        """
        self._service = service
        self._accountant = accountant
        self._marks = marks
        self._own = own or {}

    def register(self, server: ServerLike) -> None:
        """Serve the service."""
        handlers = {method.name: self._handler(method) for method in self._service.methods}
        name = str(self._service.full_name)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        server.add_registered_method_handlers(name, handlers)

    def _handler(self, method: MethodDescriptor) -> "grpc.RpcMethodHandler[Message, Message]":
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._streaming(method),
                request_deserializer=GetMessageClass(method.input_type).FromString,
                response_serializer=_serialized,
            )
        behaviour = self._own.get(method.name) or self._passing(method)
        return grpc.unary_unary_rpc_method_handler(
            behaviour,
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=_serialized,
        )

    def _passing(self, method: MethodDescriptor) -> Handler:
        call = self._accountant.unary_unary(
            f"/{self._service.full_name}/{method.name}",
            request_serializer=_serialized,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        telling = TELLING.get(method.full_name)

        async def passing(request: Message, context: Any) -> Message:  # noqa: ARG001
            with asking("accountant"):
                response: Message = await call(request, timeout=CALL_SECONDS)
            if telling is not None:
                await telling(self._marks, response)
            return response

        return passing

    def _streaming(self, method: MethodDescriptor) -> Callable[[Message, Any], AsyncIterator[Message]]:
        call = self._accountant.unary_stream(
            f"/{self._service.full_name}/{method.name}",
            request_serializer=_serialized,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        telling = TELLING.get(method.full_name)

        async def streaming(request: Message, context: Any) -> AsyncIterator[Message]:  # noqa: ARG001
            responses = call(request)
            try:
                with asking("accountant"):
                    async for response in responses:
                        if telling is not None:
                            await telling(self._marks, response)
                        yield response
            finally:
                responses.cancel()

        return streaming


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()
