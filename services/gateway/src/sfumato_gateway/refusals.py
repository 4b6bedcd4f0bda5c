"""Refusals that only the gateway raises."""

import grpc

from sfumato_mesh.refusal import Refusal


def query_failed() -> Refusal:
    """A paid query gave no answer. One constant, whatever the cause: the cause depends on data."""
    return Refusal(grpc.StatusCode.ABORTED, "QUERY_FAILED", "the query gave no answer; it is charged in full")


def dataset_not_published(dataset: str) -> Refusal:
    """A question about a dataset of which nothing is published."""
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "DATASET_NOT_PUBLISHED",
        f"nothing of {dataset} is published yet",
        metadata={
            "dataset": dataset,
            "hint": "its custodian publishes it; until then it can be rehearsed on made-up rows",
        },
        precondition=("DATASET_NOT_PUBLISHED", dataset, "a version must be published"),
    )


def query_cancelled() -> Refusal:
    """A paid query was cancelled by the caller."""
    return Refusal(grpc.StatusCode.CANCELLED, "QUERY_CANCELLED", "the query was cancelled; it is charged in full")
