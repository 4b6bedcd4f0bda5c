"""A plan's size is looked at before anything goes through all of it."""

import pytest
from google.protobuf import text_format

from sfumato.v1.expression_pb2 import Expression
from sfumato.v1.identity_service_pb2 import GetCallerRequest
from sfumato.v1.query_service_pb2 import QuoteQueryRequest
from sfumato_mesh.interceptors.plan_size import NODES_MAX, check_plan_size
from sfumato_mesh.refusal import Refusal


def request(nodes: int = 0) -> tuple[QuoteQueryRequest, Expression]:
    """A question whose filter has so many nodes, none deeper than 2, and its filter."""
    made = text_format.Parse('question { plan { measures { alias: "n" count { } } } }', QuoteQueryRequest())
    predicate = made.question.plan.source.filter.predicate
    predicate.call.SetInParent()
    for _ in range(nodes - 1):
        predicate.call.arguments.add().column = "x"
    return made, predicate


def refused(message: QuoteQueryRequest) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_plan_size(message)
    return caught.value


def test_the_limit_counts_expressions_wherever_they_are() -> None:
    fits, _ = request(NODES_MAX)
    check_plan_size(fits)
    refusal = refused(request(NODES_MAX + 1)[0])
    assert (refusal.reason, refusal.metadata["rule"]) == ("PLAN_REJECTED", "too_many_nodes")
    assert refusal.metadata["hint"]
    assert [violation.field for violation in refusal.fields] == ["question.plan"]
    fits.question.plan.group_by.keys.add(alias="k").expression.column = "x"
    assert refused(fits).metadata["rule"] == "too_many_nodes"
    del fits.question.plan.group_by.keys[:]
    fits.question.plan.measures[0].count.value.column = "x"
    assert refused(fits).metadata["rule"] == "too_many_nodes"


def test_nesting_hides_nothing() -> None:
    made, predicate = request(500)
    branch = predicate.call.arguments.add().case_when.branches.add()
    branch.value.in_list.value.bin.value.cast.value.column = "x"
    check_plan_size(made)
    for _ in range(500):
        branch.condition.call.arguments.add().column = "x"
    assert refused(made).metadata["rule"] == "too_many_nodes"


def test_lists_of_literals_and_keys_are_no_expressions() -> None:
    made, predicate = request(10)
    items = predicate.call.arguments.add().in_list.items
    items.extend([items.add()] * 5_000)
    keys = made.question.plan.group_by.public_keys.keys
    keys.extend([keys.add()] * 5_000)
    check_plan_size(made)


def test_requests_without_plans_pass() -> None:
    check_plan_size(GetCallerRequest())
    sql = QuoteQueryRequest()
    sql.question.sql.statement = "SELECT " + "x + " * 10_000
    check_plan_size(sql)
