"""What the front refuses by itself. None of it depends on data."""

import grpc

from sfumato_mesh.refusal import MESH_DOMAIN, Refusal
from sfumato_mesh.refusals import RETRY_SECONDS


def ledger_behind(population: str) -> Refusal:
    """The chain does not contain its mark: it was restored from an old copy, or rewritten."""
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "LEDGER_BEHIND",
        "the ledger does not contain a position that was told before; nothing was paid",
        metadata={"population": population, "hint": "an administrator must reconcile the ledger"},
        precondition=("LEDGER_MARK", population, "the chain must contain its mark"),
    )


def row_out_of_range(row_count: int) -> Refusal:
    """The first row wanted lies past the end."""
    return Refusal(
        grpc.StatusCode.OUT_OF_RANGE,
        "ROW_OUT_OF_RANGE",
        f"the answer has {row_count} rows: start_row lies past the end",
        metadata={"row_count": str(row_count), "hint": f"start_row from 0 to {row_count}"},
    )


def query_failed() -> Refusal:
    """The query gave no answer: one text, whatever the cause."""
    return Refusal(grpc.StatusCode.ABORTED, "QUERY_FAILED", "the query ran and gave no answer")


def query_still_open(query_id: str) -> Refusal:
    """There is no answer yet."""
    return Refusal(
        grpc.StatusCode.UNAVAILABLE,
        "RELEASE_STORE_UNAVAILABLE",
        "the query has no release yet",
        metadata={"query": query_id},
        retry_after=RETRY_SECONDS,
        domain=MESH_DOMAIN,
    )


def release_store_unavailable(query_id: str) -> Refusal:
    """The release is committed and cannot be read, or told, now."""
    return Refusal(
        grpc.StatusCode.UNAVAILABLE,
        "RELEASE_STORE_UNAVAILABLE",
        "the release store is away",
        metadata={"query": query_id},
        retry_after=RETRY_SECONDS,
        domain=MESH_DOMAIN,
    )


def release_tampered(query_id: str) -> Refusal:
    """The stored bytes are missing or are not the committed ones; they are never drawn again."""
    return Refusal(
        grpc.StatusCode.DATA_LOSS,
        "RELEASE_TAMPERED",
        "the stored release is not the one that was committed",
        metadata={"query": query_id},
        domain=MESH_DOMAIN,
    )
