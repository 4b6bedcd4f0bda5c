"""Quotes: what a task costs and how exact its answer will be. Reads public metadata alone."""

from collections.abc import Sequence
from typing import Final

from google.protobuf.duration_pb2 import Duration

from sfumato.v1 import arrow_pb2, dataset_pb2, question_pb2, quote_pb2
from sfumato_executor.plan.accuracy import DEFAULT_GROUP_SIZES, charge, measure_accuracies
from sfumato_executor.plan.answer import answer_schema
from sfumato_executor.plan.canonical_plan import canonical_plan
from sfumato_executor.plan.compiler import ENGINE, compile_plan
from sfumato_executor.plan.engine_policy import check_engine
from sfumato_executor.plan.program import MeasureKind, Program
from sfumato_mesh.v1 import catalog_service_pb2, task_pb2

GIVE_UP_AFTER: Final = Duration(seconds=60)
"""How long a paid question waits for its answer."""
_LISTED_KEYS_MAX: Final = 1_000
"""Public keys that the canonical plan of a quote still lists."""


def compile_task(task: task_pb2.Task, record: catalog_service_pb2.DatasetRecord) -> Program:
    """The program of a task: schema and unit as published with the data, policy as it is now.

    Raises Refusal: PLAN_REJECTED, ENGINE_NOT_ALLOWED, ACCOUNTING_MISMATCH.
    """
    dataset = asked_dataset(record)
    check_engine(task.question.engine or ENGINE, dataset)
    return compile_plan(task.plan, task.payment, dataset, record.population.accounting)


def asked_dataset(record: catalog_service_pb2.DatasetRecord) -> dataset_pb2.Dataset:
    """Schema and unit that went with the published data, under the present policy; unpublished: the record as it is."""
    if not record.HasField("published"):
        return record.dataset
    dataset = dataset_pb2.Dataset()
    dataset.CopyFrom(record.published)
    if record.HasField("dataset"):
        dataset.policy.CopyFrom(record.dataset.policy)
    return dataset


def told_sizes(asked: Sequence[int], record: catalog_service_pb2.DatasetRecord) -> tuple[int, ...]:
    """Group sizes at which errors are told: those asked for, else the policy's, else the usual ones."""
    policy = asked_dataset(record).policy.accuracy.group_sizes
    return tuple(asked) or tuple(policy) or tuple(DEFAULT_GROUP_SIZES)


def quote(
    task: task_pb2.Task, record: catalog_service_pb2.DatasetRecord, group_sizes: Sequence[int]
) -> quote_pb2.Quote:
    """A quote without scopes, affordability and release, which others know.

    Args:
        task: the question with its payment; `confidence` is that of the intervals.
        record: the dataset that it reads.
        group_sizes: rows in a group for which size-dependent errors are told; empty: the policy's.

    Raises:
        Refusal: as `compile_task`.
    """
    program = compile_task(task, record)
    dataset = asked_dataset(record)
    sizes = told_sizes(group_sizes, record)
    result = quote_pb2.Quote(
        charge=charge(program.loss),
        measures=measure_accuracies(program, task.confidence, sizes),
        schema=arrow_pb2.ArrowSchema(serialized_schema=answer_schema(program).serialize().to_pybytes()),
        plan_digest=program.digest,
        engine=ENGINE,
        assurance=question_pb2.ASSURANCE_HARDENED,
        notes=[*program.notes, *_accuracy_notes(program)],
        give_up_after=GIVE_UP_AFTER,
    )
    result.canonical_plan.CopyFrom(canonical_plan(program, _LISTED_KEYS_MAX))
    left_out = len(program.public_keys) - _LISTED_KEYS_MAX
    if left_out > 0 and result.canonical_plan.group_by.HasField("public_keys"):
        result.notes.append(f"the plan shown leaves out {left_out:,} of its public keys")
    if record.HasField("published"):
        version = record.published.version or record.dataset.version
        result.data_versions.add(dataset=dataset.name, version=version)
    return result


def _accuracy_notes(program: Program) -> list[str]:
    notes = []
    if any(output.kind is MeasureKind.MEAN for output in program.outputs):
        notes.append("the error of a mean joins those of its sum and its count, and holds for any mean in the bounds")
    if any(output.kind is MeasureKind.QUANTILE for output in program.outputs):
        notes.append("the error of a quantile is one of its level, up to the spacing of candidates")
    return notes
