# ruff: noqa: ARG002, N802  (names and arguments are those of the contract)
"""DataService: queues preparations."""

import asyncio
from typing import Any

from sfumato_executor.queue import QueueUnavailableError, TaskQueue
from sfumato_mesh.refusals import service_unavailable
from sfumato_mesh.server import ServerLike
from sfumato_mesh.v1 import data_service_pb2 as contract
from sfumato_mesh.v1.data_service_pb2_grpc import DataServiceServicer, add_DataServiceServicer_to_server


class DataHandlers(DataServiceServicer):
    """The methods, over the queue."""

    def __init__(self, queue: TaskQueue) -> None:
        self._queue = queue

    def register(self, server: ServerLike) -> None:
        """Add the service to a server."""
        add_DataServiceServicer_to_server(self, server)

    async def PrepareVersion(
        self, request: contract.PrepareVersionRequest, context: Any
    ) -> contract.PrepareVersionResponse:
        """Queue a preparation."""
        try:
            await asyncio.to_thread(self._queue.submit_preparation, request.preparation_id)
        except QueueUnavailableError:
            raise service_unavailable("executor") from None
        return contract.PrepareVersionResponse()
