"""What front and workers ask of the accountant, as calls that answer or raise a Refusal.

The executor always speaks for itself (its signer names no user): what a user may see was checked before the gateway
called.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

import grpc

from sfumato.v1.ledger_pb2 import LedgerHead
from sfumato.v1.quote_pb2 import DataVersion, MeasureAccuracy
from sfumato_executor.published_records import PublishedRecords
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.refusals import service_unavailable
from sfumato_mesh.v1 import accountant_service_pb2 as accountant
from sfumato_mesh.v1 import catalog_service_pb2 as catalog
from sfumato_mesh.v1 import reservation_service_pb2 as reservations
from sfumato_mesh.v1.accountant_service_pb2_grpc import AccountantServiceStub
from sfumato_mesh.v1.catalog_service_pb2 import DatasetRecord, Preparation
from sfumato_mesh.v1.catalog_service_pb2_grpc import CatalogServiceStub
from sfumato_mesh.v1.reservation_pb2 import Reservation
from sfumato_mesh.v1.reservation_service_pb2_grpc import ReservationServiceStub

CALL_SECONDS: Final = 10.0
"""Deadline of one call."""
_PAGE: Final = 500


class WorkerAccountant(Protocol):
    """The accountant as a worker needs it; blocking. Every call raises Refusal, UNAVAILABLE where nothing is known."""

    def reservation(self, query_id: str) -> Reservation:
        """Return a paid query as it is now."""
        ...

    def dataset_record(self, name: str, version: int) -> DatasetRecord:
        """Return a dataset as it was when a version was published."""
        ...

    def commit(
        self,
        query_id: str,
        attempt: str,
        release_digest: bytes,
        data_versions: Sequence[DataVersion],
        measures: Sequence[MeasureAccuracy],
        mark: LedgerHead | None,
    ) -> "accountant.CommitQueryResponse.Outcome":
        """Offer an attempt's release. A chain that does not contain the mark takes none: LEDGER_BEHIND."""
        ...

    def preparation(self, preparation_id: str) -> Preparation:
        """Return a preparation as it is now."""
        ...

    def end_preparation(self, preparation_id: str, state: "Preparation.State", problems: Sequence[str]) -> Preparation:
        """End a preparation; one that has ended stays as it is."""
        ...


class ChannelAccountant:
    """A WorkerAccountant over a blocking channel. Made after a fork, never before."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._accountant = AccountantServiceStub(channel)
        self._reservations = ReservationServiceStub(channel)
        self._catalog = CatalogServiceStub(channel)
        self._records = PublishedRecords()

    def reservation(self, query_id: str) -> Reservation:
        """Return a paid query as it is now."""
        with _refusing():
            return self._reservations.GetReservation(
                reservations.GetReservationRequest(query_id=query_id), timeout=CALL_SECONDS
            ).reservation

    def dataset_record(self, name: str, version: int) -> DatasetRecord:
        """Return a dataset as it was when a version was published."""
        known = self._records.get(name, version)
        if known is not None:
            return known
        with _refusing():
            record = self._catalog.GetDatasetRecord(
                catalog.GetDatasetRecordRequest(name=name, version=version), timeout=CALL_SECONDS
            ).record
        return self._records.keep(name, version, record)

    def commit(
        self,
        query_id: str,
        attempt: str,
        release_digest: bytes,
        data_versions: Sequence[DataVersion],
        measures: Sequence[MeasureAccuracy],
        mark: LedgerHead | None,
    ) -> "accountant.CommitQueryResponse.Outcome":
        """Offer an attempt's release."""
        request = accountant.CommitQueryRequest(
            query_id=query_id,
            attempt=attempt,
            release_digest=release_digest,
            data_versions=data_versions,
            measures=measures,
            mark=mark,
        )
        with _refusing():
            return self._accountant.CommitQuery(request, timeout=CALL_SECONDS).outcome

    def preparation(self, preparation_id: str) -> Preparation:
        """Return a preparation as it is now."""
        with _refusing():
            return self._catalog.GetPreparation(
                catalog.GetPreparationRequest(preparation_id=preparation_id), timeout=CALL_SECONDS
            ).preparation

    def end_preparation(self, preparation_id: str, state: "Preparation.State", problems: Sequence[str]) -> Preparation:
        """End a preparation; one that has ended stays as it is."""
        request = catalog.EndPreparationRequest(preparation_id=preparation_id, state=state, problems=problems)
        with _refusing():
            return self._catalog.EndPreparation(request, timeout=CALL_SECONDS).preparation


class FrontAccountant:
    """The accountant as the front needs it; asynchronous. Every call raises Refusal."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._accountant = AccountantServiceStub(channel)
        self._reservations = ReservationServiceStub(channel)
        self._catalog = CatalogServiceStub(channel)
        self._records = PublishedRecords()

    async def reservation(self, query_id: str) -> Reservation:
        """Return a paid query as it is now."""
        with _refusing():
            response = await self._reservations.GetReservation(
                reservations.GetReservationRequest(query_id=query_id), timeout=CALL_SECONDS
            )
        return response.reservation

    async def open_reservations(self) -> AsyncIterator[Reservation]:
        """Yield queries without a terminal, oldest first."""
        token = ""
        while True:
            request = reservations.ListOpenReservationsRequest(page_size=_PAGE, page_token=token)
            with _refusing():
                page = await self._reservations.ListOpenReservations(request, timeout=CALL_SECONDS)
            for reservation in page.reservations:
                yield reservation
            token = page.next_page_token
            if not token:
                return

    async def charge(self, query_id: str) -> Reservation:
        """End a query whose time is over without an answer; return it as it is, ended now or before."""
        request = accountant.ChargeQueryRequest(query_id=query_id, cancelled=False)
        with _refusing():
            response = await self._accountant.ChargeQuery(request, timeout=CALL_SECONDS)
        return response.reservation

    async def check_mark(self, mark: LedgerHead) -> accountant.CheckMarkResponse:
        """Return what a chain says of a mark: whether it is there, or was given up, and for which position."""
        with _refusing():
            return await self._accountant.CheckMark(accountant.CheckMarkRequest(mark=mark), timeout=CALL_SECONDS)

    async def contains(self, mark: LedgerHead) -> bool:
        """Return whether a chain has this hash at this position, or goes on without it."""
        return (await self.check_mark(mark)).contained

    async def dataset_record(self, name: str, version: int) -> DatasetRecord:
        """Return a dataset as it was when a version was published."""
        known = self._records.get(name, version)
        if known is not None:
            return known
        with _refusing():
            response = await self._catalog.GetDatasetRecord(
                catalog.GetDatasetRecordRequest(name=name, version=version), timeout=CALL_SECONDS
            )
        return self._records.keep(name, version, response.record)

    async def present_record(self, name: str) -> DatasetRecord:
        """Return a dataset as it is now, also one that was deleted."""
        with _refusing():
            response = await self._catalog.GetDatasetRecord(
                catalog.GetDatasetRecordRequest(name=name), timeout=CALL_SECONDS
            )
        return response.record

    async def preparation(self, preparation_id: str) -> Preparation:
        """Return a preparation as it is now."""
        with _refusing():
            response = await self._catalog.GetPreparation(
                catalog.GetPreparationRequest(preparation_id=preparation_id), timeout=CALL_SECONDS
            )
        return response.preparation

    async def open_preparations(self) -> AsyncIterator[Preparation]:
        """Yield preparations that have not ended, oldest first."""
        token = ""
        while True:
            with _refusing():
                page = await self._catalog.ListPreparations(
                    catalog.ListPreparationsRequest(page_size=_PAGE, page_token=token), timeout=CALL_SECONDS
                )
            for preparation in page.preparations:
                yield preparation
            token = page.next_page_token
            if not token:
                return


def is_transient(error: BaseException) -> bool:
    """Return whether the same call may pass later: the outcome is unknown, nothing was decided."""
    return isinstance(error, Refusal) and error.code is grpc.StatusCode.UNAVAILABLE


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn failures of a call into the refusal they carry, or into SERVICE_UNAVAILABLE."""
    try:
        yield
    except grpc.RpcError as error:
        refusal = Refusal.from_rpc_error(error)
        raise (service_unavailable("accountant") if refusal is None else refusal) from None
