"""The rows of a question to a library engine: its source resolved, and how many of them one privacy unit may have."""

from sfumato.v1.dataset_pb2 import Dataset, PrivacyUnit
from sfumato.v1.plan_pb2 import Plan
from sfumato.v1.relation_pb2 import Relation
from sfumato_executor.plan.inference import Inference
from sfumato_executor.plan.limits import check_limits
from sfumato_executor.plan.resolution import Rows, resolve


def read_source(relation: Relation, dataset: Dataset) -> Rows:
    """Return filter and columns of a source, typed, with every range proved.

    Raises:
        Refusal: PLAN_REJECTED, with the path below the model (`source…`).
    """
    plan = Plan(source=relation)
    check_limits(plan)
    return resolve(plan, dataset, Inference(dataset.name, dataset.privacy_unit.column))


def rows_per_unit(unit: PrivacyUnit) -> int:
    """Return the most rows that one unit may have in all, whatever groups they would fall into."""
    if not unit.column:
        return 1
    return unit.max_rows or (unit.max_groups or 1) * (unit.max_rows_per_group or 1)
