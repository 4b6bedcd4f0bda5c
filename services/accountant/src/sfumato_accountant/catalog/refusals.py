"""Refusals that only the accountant raises, for the catalogue's rules."""

from collections.abc import Sequence

import grpc

from sfumato_mesh.refusal import MESH_DOMAIN, FieldViolation, Refusal
from sfumato_mesh.refusals import request_id_reused as request_id_reused  # the ledger side raises it, too


def unit_mismatch(dataset: str, population: str, *, by_row: bool) -> Refusal:
    """A dataset declares another kind of privacy unit than its population, which has rows (`by_row`) or a column."""
    unit = "row" if by_row else "column"
    hint = (
        "leave privacy_unit.column empty, or choose a population whose unit is an identifier"
        if by_row
        else "name the column that identifies the person, or choose a population whose unit is a row"
    )
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "UNIT_MISMATCH",
        f"the privacy unit of {population} is a {unit}, that of {dataset} is not",
        metadata={"dataset": dataset, "population": population, "unit": unit, "hint": hint},
        fields=[FieldViolation("dataset.privacy_unit.column", f"the population's unit is a {unit}")],
        precondition=("UNIT_MISMATCH", dataset, f"the population's unit is a {unit}"),
    )


def accounting_mismatch(population: str, accounting: str) -> Refusal:
    """A population asks for an accounting that this version does not serve."""
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "ACCOUNTING_MISMATCH",
        f"{population} asks for accounting {accounting}; this version serves ZCDP and BASIC",
        metadata={
            "population": population,
            "accounting": accounting,
            "hint": "ACCOUNTING_ZCDP, or unset; ACCOUNTING_BASIC for sums of ε and δ",
        },
        fields=[FieldViolation("population.accounting", "ACCOUNTING_ZCDP or ACCOUNTING_BASIC")],
        precondition=("ACCOUNTING_MISMATCH", population, "the accounting must be one that is served"),
    )


def engine_not_allowed(engine: str, index: int, engines: Sequence[str]) -> Refusal:
    """A policy names an engine that the server does not have; `index` is its place in the policy."""
    known = ", ".join(engines)
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "ENGINE_NOT_ALLOWED",
        f"this server has no engine {engine}",
        metadata={"engine": engine, "engines": known, "hint": f"engines of this server: {known}"},
        fields=[FieldViolation(f"dataset.policy.engines[{index}]", f"one of: {known}")],
        precondition=("ENGINE_NOT_ALLOWED", engine, "the server does not have it"),
    )


def dataset_not_published(dataset: str) -> Refusal:
    """A version is asked for that was never published."""
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "DATASET_NOT_PUBLISHED",
        f"this version of {dataset} is not published",
        metadata={"dataset": dataset, "hint": "its custodian publishes data with PublishDatasetVersion"},
        precondition=("DATASET_NOT_PUBLISHED", dataset, "not published"),
    )


def preparation_unknown(preparation: str) -> Refusal:
    """The catalogue knows no such preparation: for services that speak for themselves."""
    return Refusal(
        grpc.StatusCode.NOT_FOUND,
        "PREPARATION_UNKNOWN",
        "the catalogue knows no such preparation",
        metadata={"preparation": preparation},
        domain=MESH_DOMAIN,
    )
