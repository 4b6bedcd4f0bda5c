# ruff: noqa: ARG002, N802  (names and arguments are those of the contracts)
"""google.longrunning.Operations and OperationService, over the caller's preparations and fits of models."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsServicer, add_OperationsServicer_to_server
from google.protobuf.empty_pb2 import Empty

from sfumato.v1 import operation_service_pb2 as contract
from sfumato.v1.operation_service_pb2_grpc import OperationServiceServicer, add_OperationServiceServicer_to_server
from sfumato_gateway.identifiers import id_of
from sfumato_gateway.running import Running
from sfumato_mesh.refusal import FieldViolation
from sfumato_mesh.refusals import access_denied, request_invalid
from sfumato_mesh.server import ServerLike

MAX_WAIT_SECONDS: Final = 60.0
"""WaitOperation answers by then, ended or not: it holds a call open."""
_NAME: Final = re.compile(r"operations/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class OperationsHandlers(OperationsServicer):  # type: ignore[misc]  # Google's stubs have no types
    """The five methods of google.longrunning.Operations."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def register(self, server: ServerLike) -> None:
        """Serve google.longrunning.Operations."""
        add_OperationsServicer_to_server(self, server)

    async def GetOperation(self, request: operations_pb2.GetOperationRequest, context: Any) -> operations_pb2.Operation:
        """Return one of the caller's operations."""
        return await self._running.get(_id(request.name))

    async def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: Any
    ) -> operations_pb2.ListOperationsResponse:
        """List the caller's operations, newest first."""
        _require(request.name in ("", "operations"), "name", "is 'operations' or empty")
        _require(not request.filter, "filter", "is empty: there are no filters")
        _require(request.page_size >= 0, "page_size", "is 0 or more")
        found, token = await self._running.page(request.page_size, request.page_token)
        return operations_pb2.ListOperationsResponse(operations=found, next_page_token=token)

    async def CancelOperation(self, request: operations_pb2.CancelOperationRequest, context: Any) -> Empty:
        """Give one up, unless it has ended."""
        await self._running.cancel(_id(request.name))
        return Empty()

    async def DeleteOperation(self, request: operations_pb2.DeleteOperationRequest, context: Any) -> Empty:
        """Forget one that has ended."""
        await self._running.delete(_id(request.name))
        return Empty()

    async def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: Any
    ) -> operations_pb2.Operation:
        """Return one when it has ended, or as it is when the time is over."""
        name = _id(request.name)
        timeout = request.timeout  # whose seconds may be more than any timedelta holds
        wanted = timeout.seconds + timeout.nanos / 1e9 if request.HasField("timeout") else MAX_WAIT_SECONDS
        operation = await self._running.get(name)
        try:
            async with asyncio.timeout(max(0.0, min(wanted, MAX_WAIT_SECONDS))):
                async with aclosing(self._running.changes(name)) as changes:
                    async for changed in changes:
                        operation = changed
        except TimeoutError:
            pass
        return operation


class OperationHandlers(OperationServiceServicer):
    """Progress, pushed."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def register(self, server: ServerLike) -> None:
        """Serve OperationService."""
        add_OperationServiceServicer_to_server(self, server)

    async def WatchOperation(
        self, request: contract.WatchOperationRequest, context: Any
    ) -> AsyncIterator[contract.WatchOperationResponse]:
        """Send one of the caller's operations at once and on every change, until it is done."""
        async with aclosing(self._running.changes(_id(request.name))) as changes:
            async for operation in changes:
                yield contract.WatchOperationResponse(operation=operation)


def _id(name: str) -> str:
    """Return the id in a name; a name that can be none of an operation is not there."""
    if not _NAME.match(name):
        raise access_denied(name[:128] or "operations")
    return id_of(name)


def _require(holds: bool, field: str, rule: str) -> None:
    if not holds:
        raise request_invalid(f"{field} {rule}", [FieldViolation(field, rule)])
