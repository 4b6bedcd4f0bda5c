"""ModelJob: a fit that was paid and runs on the mesh, whether anybody waits for it or not."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.longrunning import operations_pb2

from sfumato._core.model_specs import model_id
from sfumato._core.statuses import read_status, to_exception
from sfumato._core.tables import bar, clean, escape, html_bar
from sfumato.errors import CorruptAnswer, SfumatoError
from sfumato.models import AnyModel, Keeper
from sfumato.v1 import model_pb2, operation_service_pb2

ModelT_co = TypeVar("ModelT_co", bound=AnyModel, covariant=True)


@dataclass(frozen=True)
class Progress:
    """How far a fit is. Of what depends on data the clock alone is told."""

    elapsed: float
    """Seconds since it was paid, by this machine's clock; to its end, where it has ended."""
    done_steps: int
    """Steps that are done, where policy lets them be seen; else 0."""
    total_steps: int
    """Steps in all; 0: not told."""
    give_up_time: datetime.datetime | None
    """When it is given up at the latest, UTC."""
    state: str
    """"running", "cancelling", "succeeded", "failed" or "cancelled"."""
    share: float
    """Part of the steps that is done, else of the time until it is given up; 1 at the end."""

    @classmethod
    def of(cls, operation: operations_pb2.Operation, now: datetime.datetime) -> "Progress":
        """Return it of an operation."""
        metadata = metadata_of(operation)
        told = metadata.progress
        began = _time(metadata, "create_time") or now
        moment = (_time(metadata, "update_time") or now) if operation.done else now
        elapsed = max(0.0, (moment - began).total_seconds())
        end = _time(told, "give_up_time")
        share = 0.0
        if operation.done:
            share = 1.0
        elif told.total_steps > 0:
            share = told.done_steps / told.total_steps
        elif end is not None and end > began:
            share = min(1.0, elapsed / (end - began).total_seconds())
        return cls(elapsed, told.done_steps, told.total_steps, end, state_of(operation), share)

    def __str__(self) -> str:
        text = f"{self.state}, {self.elapsed:,.0f} s"
        if self.total_steps:
            text += f", step {self.done_steps} of {self.total_steps}"
        if self.share < 1 and self.give_up_time is not None:
            text += f", until {self.give_up_time:%H:%M:%S} UTC at the latest"
        return text


class ModelJob(Generic[ModelT_co]):
    """A fit that goes on by itself. `mesh.job(id)` finds it again, and `mesh.model(id)` what it makes.

    Attributes:
        id: of the fit, its model and its query.
    """

    def __init__(
        self,
        keeper: Keeper,
        operation: operations_pb2.Operation,
        make: Callable[[Keeper, model_pb2.Model], ModelT_co],
    ) -> None:
        self._keeper = keeper
        self._operation = operation
        self._make = make
        self.id = model_id(operation.name)

    def done(self) -> bool:
        """Return whether it has ended, in whatever way; asks the mesh unless it is known."""
        return bool(self._looked().done)

    @property
    def progress(self) -> Progress:
        """How far it is; asks the mesh unless it has ended."""
        return Progress.of(self._looked(), datetime.datetime.now(datetime.UTC))

    @property
    def query(self) -> str:
        """queries/{query} that pays for it."""
        return f"queries/{self.id}"

    def result(self, timeout: float | None = None) -> ModelT_co:
        """Wait for the model. Ctrl-C leaves the fit running.

        Args:
            timeout: seconds to wait; until the mesh gives up, if unset.

        Raises:
            QueryFailed: paid, and no model.
            QueryCancelled: it was cancelled.
            Unavailable: it has not ended in time, or the mesh does not answer; the fit goes on.
        """
        if not self._operation.done:
            self._operation = self._keeper.await_operation(self._operation, timeout)
        if self._operation.WhichOneof("result") == "error":
            raise to_exception(read_status(self._operation.error))
        proto = model_pb2.Model()
        if not self._operation.response.Unpack(proto) or not proto.name:
            raise CorruptAnswer(f"the fit {self.id} ended without its model.")
        return self._make(self._keeper, proto)

    def cancel(self) -> "ModelJob[ModelT_co]":
        """Give it up, unless it has ended. What was paid stays paid. Returns itself."""
        self._operation = self._keeper.cancel_operation(self.id)
        return self

    def _looked(self) -> operations_pb2.Operation:
        if not self._operation.done:
            self._operation = self._keeper.operation(self.id)
        return self._operation

    def __repr__(self) -> str:
        now = self.progress
        return clean(f"models/{self.id}: {bar(now.share, 1.0)} {now}")

    def _repr_html_(self) -> str:
        now = self.progress
        return f"<div>{escape(f'models/{self.id}')} {html_bar(now.share, 1.0, str(now))}</div>"


def metadata_of(operation: operations_pb2.Operation) -> operation_service_pb2.OperationMetadata:
    """Return what an operation tells beside its result; empty where it is of another kind."""
    metadata = operation_service_pb2.OperationMetadata()
    operation.metadata.Unpack(metadata)
    return metadata


def state_of(operation: operations_pb2.Operation) -> str:
    """Return "running", "cancelling", "succeeded", "failed" or "cancelled"."""
    cancelled = metadata_of(operation).cancel_requested
    if not operation.done:
        return "cancelling" if cancelled else "running"
    if operation.WhichOneof("result") == "response":
        return "succeeded"
    reason = read_status(operation.error).reason
    return "cancelled" if reason == "QUERY_CANCELLED" else "failed"


def require_fit(operation: operations_pb2.Operation) -> operations_pb2.Operation:
    """Return the operation, if it makes a model.

    Raises:
        SfumatoError: it makes something else.
    """
    target = metadata_of(operation).target
    if not target.startswith("models/"):
        raise SfumatoError(f"{clean(operation.name)} makes {clean(target) or 'something else'}, no model.")
    return operation


def _time(message: Any, field: str) -> datetime.datetime | None:
    if not message.HasField(field):
        return None
    told: datetime.datetime = getattr(message, field).ToDatetime(tzinfo=datetime.UTC)
    return told
