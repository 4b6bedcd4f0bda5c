"""What the front refuses by itself. None of it depends on data."""

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from sfumato_mesh.refusal import MESH_DOMAIN, Refusal
from sfumato_mesh.refusals import RETRY_SECONDS


def ledger_behind(population: str) -> Refusal:
    """The chain does not contain its mark: it was restored from an old copy, or rewritten."""
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "LEDGER_BEHIND",
        "the ledger does not contain a position that was told before; nothing was paid",
        metadata={
            "population": population,
            "hint": "restore a later copy, or an administrator reopens it",
        },
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


def release_withheld(query_id: str) -> Refusal:
    """A custodian stopped reading of the release; its charge and its receipt stay."""
    name = f"queries/{query_id}"
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "RELEASE_WITHHELD",
        "a custodian has withheld this answer",
        metadata={"query": name, "hint": "its receipt can still be read; ask a custodian of the population why"},
        precondition=("RELEASE_WITHHELD", name, "a custodian must allow it again"),
    )


def release_expired(query_id: str, expire_time: Timestamp) -> Refusal:
    """Policy lets releases of the dataset live no longer than that."""
    name, told = f"queries/{query_id}", expire_time.ToJsonString()
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "RELEASE_EXPIRED",
        f"the stored answer could be read until {told}",
        metadata={"expire_time": told, "hint": "its receipt can still be read; to ask again is a new question"},
        precondition=("RELEASE_EXPIRED", name, "policy no longer lets the release be read"),
    )


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
