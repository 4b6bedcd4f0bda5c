"""Reservations as the public contract shows them: Query."""

from typing import Final

from sfumato.v1.query_pb2 import Query
from sfumato_mesh.v1.accountant_service_pb2 import PreviewQueryResponse
from sfumato_mesh.v1.reservation_pb2 import Reservation

_STATES: Final[dict["Reservation.State", "Query.State"]] = {
    Reservation.STATE_OPEN: Query.STATE_OPEN,
    Reservation.STATE_COMMITTED: Query.STATE_SUCCEEDED,
    Reservation.STATE_SHARED: Query.STATE_SUCCEEDED,
    Reservation.STATE_CHARGED: Query.STATE_FAILED,
}
ANSWERED: Final = frozenset((Reservation.STATE_COMMITTED, Reservation.STATE_SHARED))
"""States in which a release can be read."""


def query_of(reservation: Reservation, user: str) -> Query:
    """Return a reservation as a user sees it. Attempts, positions but the receipt's, and the claim's salt stay inside.

    A receipt names a position of the ledger: raise the mark before the result leaves.

    Args:
        reservation: the reservation, one that the user may see.
        user: users/{user}; CANCELLED is shown to the analyst alone, who alone can cancel.
    """
    claim = reservation.claim
    query = Query(
        name=f"queries/{claim.query_id}",
        state=_STATES.get(reservation.state, Query.STATE_UNSPECIFIED),
        question=claim.task.question,
        plan_digest=claim.plan_digest,
        analyst=claim.analyst,
        project=claim.project,
        data_versions=reservation.data_versions,
        charge=reservation.charge,
        scopes=reservation.scopes,
        origin=reservation.origin,
        labels=claim.labels,
        create_time=reservation.create_time,
    )
    if was_cancelled_by(reservation, user):
        query.state = Query.STATE_CANCELLED
    if reservation.HasField("receipt"):
        query.receipt.CopyFrom(reservation.receipt)
        query.end_time.CopyFrom(reservation.receipt.statement.release_time)
    if reservation.HasField("expire_time"):
        query.expire_time.CopyFrom(reservation.expire_time)
    return query


def was_cancelled_by(reservation: Reservation, user: str) -> bool:
    """Return whether a query ended because this user cancelled it."""
    ended = reservation.state == Reservation.STATE_CHARGED
    return ended and reservation.cancelled and reservation.claim.analyst == user


def answered_from(preview: PreviewQueryResponse) -> str:
    """Return in words which release answers, and why."""
    name = f"queries/{preview.release_query_id}"
    if preview.derived:
        return f"answered from {name}: computed from the release of a wider question, without new noise"
    return f"answered from {name}: the release of an equal question, without new noise"
