"""Preparations, as long-running operations: asked for, watched, cancelled and forgotten by who started them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final

import grpc
from google.longrunning.operations_pb2 import Operation
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from sfumato.v1.dataset_admin_service_pb2 import PublishDatasetVersionRequest
from sfumato.v1.dataset_pb2 import DatasetVersion
from sfumato.v1.operation_service_pb2 import OperationMetadata
from sfumato.v1.query_pb2 import Progress
from sfumato_gateway.identifiers import preparation_id
from sfumato_gateway.upstream import CALL_SECONDS, asking
from sfumato_mesh.caller import current_caller
from sfumato_mesh.refusal import FieldViolation, Refusal
from sfumato_mesh.v1 import catalog_service_pb2 as catalog
from sfumato_mesh.v1.catalog_service_pb2 import Preparation
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceStub
from sfumato_mesh.v1.data_service_pb2 import PrepareVersionRequest
from sfumato_mesh.v1.data_service_pb2_grpc import DataServiceStub

POLL_SECONDS: Final = 0.2
"""How often a preparation that is watched is read."""
_SUBMIT_SECONDS: Final = 2.0
"""A preparation that is not queued by then is queued by the settler."""

Sleep = Callable[[float], Awaitable[None]]


class Preparations:
    """The caller's preparations; of others', nothing: ACCESS_DENIED, as for what is not there."""

    def __init__(self, accountant: grpc.aio.Channel, executor: grpc.aio.Channel, sleep: Sleep = asyncio.sleep) -> None:
        self._catalog = CatalogServiceStub(accountant)
        self._data = DataServiceStub(executor)
        self._sleep = sleep

    async def publish(self, request: Message, context: Any) -> Operation:  # noqa: ARG002
        """PublishDatasetVersion: record the preparation, and have it queued."""
        assert isinstance(request, PublishDatasetVersionRequest)
        create = catalog.CreatePreparationRequest(
            dataset=request.dataset,
            preparation_id=preparation_id(current_caller().user, request.request_id),
            validate_only=request.validate_only,
        )
        with asking("accountant", request.dataset):
            response = await self._catalog.CreatePreparation(create, timeout=CALL_SECONDS)
        preparation = response.preparation
        if preparation.state == Preparation.STATE_OPEN:
            await self._submit(preparation.preparation_id)
        return operation_of(preparation)

    async def _submit(self, name: str) -> None:
        try:
            with asking("executor"):
                await self._data.PrepareVersion(PrepareVersionRequest(preparation_id=name), timeout=_SUBMIT_SECONDS)
        except Refusal:
            return  # the settler queues what is open, again and again

    async def get(self, name: str) -> Preparation:
        """Return one of the caller's, by its id."""
        with asking("accountant", f"operations/{name}"):
            response = await self._catalog.GetPreparation(
                catalog.GetPreparationRequest(preparation_id=name), timeout=CALL_SECONDS
            )
        return response.preparation

    async def page(self, size: int, token: str) -> tuple[list[Preparation], str]:
        """Return a page of the caller's, newest first, and the token of the next."""
        request = catalog.ListPreparationsRequest(page_size=size, page_token=token)
        with asking("accountant"):
            response = await self._catalog.ListPreparations(request, timeout=CALL_SECONDS)
        return list(response.preparations), response.next_page_token

    async def cancel(self, name: str) -> Preparation:
        """Give one of the caller's up, unless it has ended."""
        await self.get(name)
        request = catalog.EndPreparationRequest(preparation_id=name, state=Preparation.STATE_CANCELLED)
        with asking("accountant", f"operations/{name}"):
            response = await self._catalog.EndPreparation(request, timeout=CALL_SECONDS)
        return response.preparation

    async def delete(self, name: str) -> None:
        """Forget one of the caller's that has ended; the version stays."""
        with asking("accountant", f"operations/{name}"):
            await self._catalog.DeletePreparation(
                catalog.DeletePreparationRequest(preparation_id=name), timeout=CALL_SECONDS
            )

    async def changes(self, name: str) -> AsyncGenerator[Preparation]:
        """Yield one of the caller's at once, and again when it changed, until it has ended."""
        last = None
        while last is None or last.state == Preparation.STATE_OPEN:
            present = await self.get(name)
            if present != last:
                yield present
            last = present
            if last.state == Preparation.STATE_OPEN:
                await self._sleep(POLL_SECONDS)


def operation_of(preparation: Preparation) -> Operation:
    """Return a preparation as google.longrunning shows it; its problems are for its custodian, who alone sees it."""
    ended = preparation.state != Preparation.STATE_OPEN
    moved = preparation.end_time if preparation.HasField("end_time") else preparation.create_time
    operation = Operation(
        name=f"operations/{preparation.preparation_id}",
        metadata=_packed(
            OperationMetadata(
                progress=Progress(),
                target=preparation.dataset.name,
                create_time=preparation.create_time,
                update_time=moved,
                cancel_requested=preparation.state == Preparation.STATE_CANCELLED,
            )
        ),
        done=ended,
    )
    if preparation.state == Preparation.STATE_READY:
        operation.response.CopyFrom(_packed(_version_of(preparation)))
    elif preparation.state == Preparation.STATE_CANCELLED:
        operation.error.CopyFrom(Status(code=grpc.StatusCode.CANCELLED.value[0], message="the operation was cancelled"))
    elif ended:
        operation.error.CopyFrom(_not_publishable(preparation).to_status())
    return operation


def _version_of(preparation: Preparation) -> DatasetVersion:
    version = DatasetVersion()
    version.CopyFrom(preparation.dataset_version)
    if preparation.validate_only:
        version.state = DatasetVersion.STATE_CHECKED
    version.problems[:] = preparation.problems
    return version


def _not_publishable(preparation: Preparation) -> Refusal:
    problems = list(preparation.problems)
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "DATA_NOT_PUBLISHABLE",
        problems[0] if problems else "the data cannot be published",
        metadata={"rule": "preparation", "hint": "mend the data or the schema, and publish again"},
        fields=[FieldViolation("dataset", each) for each in problems],
    )


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
