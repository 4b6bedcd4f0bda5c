"""Calls about ledgers: head, export, verification by the mesh, another key."""

import uuid
from collections.abc import Iterator
from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message

from sfumato._core.statuses import to_exception
from sfumato._transport.calls import Calls, Stream, end_stream, read_error
from sfumato._transport.session import required
from sfumato.v1 import ledger_service_pb2 as pb
from sfumato.v1 import (
    ledger_service_pb2_grpc,
    population_admin_service_pb2,
    population_admin_service_pb2_grpc,
    receipt_pb2,
)

ResponseT = TypeVar("ResponseT", bound=Message)

_DEADLINE: Final = 3600.0
"""Seconds for a stream over a whole chain."""


class LedgerCalls:
    """A ledger as the mesh shows it to the caller."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def head(self, population: str) -> pb.GetLedgerHeadResponse:
        """Return the signed head of a chain, and its keys."""
        request = pb.GetLedgerHeadRequest(population=required("populations", population))
        return self._calls.unary(self._stub.GetLedgerHead, request)

    def export(self, population: str) -> Iterator[pb.ExportLedgerResponse]:
        """Yield the parts of an export.

        Raises:
            SfumatoError: as the mesh says, or Unavailable where the stream was cut: begin anew.
        """
        request = pb.ExportLedgerRequest(population=required("populations", population))
        return self._stream(self._stub.ExportLedger(request, timeout=_DEADLINE, metadata=self._calls.metadata))

    def verify(self, population: str) -> Iterator[pb.VerifyLedgerResponse]:
        """Yield how far the mesh's own verification is; the last one has the verdict. Raises as `export`."""
        request = pb.VerifyLedgerRequest(population=required("populations", population))
        return self._stream(self._stub.VerifyLedger(request, timeout=_DEADLINE, metadata=self._calls.metadata))

    def rotate_key(self, population: str) -> receipt_pb2.SigningKey:
        """Sign a chain with the accountant's next key from now on; return that key."""
        stub = self._calls.stub(population_admin_service_pb2_grpc.PopulationAdminServiceStub)
        request = population_admin_service_pb2.RotateLedgerKeyRequest(
            population=required("populations", population), request_id=str(uuid.uuid4())
        )
        return self._calls.unary(stub.RotateLedgerKey, request).key

    @property
    def _stub(self) -> ledger_service_pb2_grpc.LedgerServiceStub:
        return self._calls.stub(ledger_service_pb2_grpc.LedgerServiceStub)

    def _stream(self, responses: Stream[ResponseT]) -> Iterator[ResponseT]:
        try:
            for response in responses:
                self._calls.answered()
                yield response
        except grpc.RpcError as error:
            raise to_exception(read_error(error, self._calls.connection.target)) from None
        finally:
            end_stream(responses)
