"""Quotes, rehearsals, and questions that a wider one may answer, before anything is paid."""

import pytest

from sfumato.v1 import query_service_pb2
from sfumato.v1.dataset_pb2 import PrivacyUnit
from sfumato.v1.question_pb2 import Question, SqlQuery
from sfumato_gateway.identifiers import query_id
from tests.unit.gateway_query_scene import (
    BASE,
    NAME,
    OTHER,
    RHO,
    SCOPE,
    SQL,
    UNAVAILABLE,
    Scene,
    refused,
    request,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_quote(scene: Scene) -> None:
    asked = query_service_pb2.QuoteQueryRequest(question=SQL, payment=RHO, group_sizes=[100])

    quote = (await scene.stub.QuoteQuery(asked)).quote

    assert quote.affordable
    assert quote.release_query == "queries/r-1"
    assert [line.scope for line in quote.scopes] == [SCOPE]
    assert list(scene.mesh.requests["Quote"].group_sizes) == [100]
    assert "accepting" not in scene.mesh.asked


@pytest.mark.parametrize(("column", "accepted"), [("tailnum", True), ("carrier", False)])
async def test_distinct_counts_are_of_the_privacy_unit(scene: Scene, column: str, accepted: bool) -> None:
    scene.mesh.unit = PrivacyUnit(column="tailnum")
    question = Question(sql=SqlQuery(statement=f"SELECT COUNT(DISTINCT {column}) AS n FROM penguins"))
    call = scene.stub.QuoteQuery(query_service_pb2.QuoteQueryRequest(question=question, payment=RHO))

    if accepted:
        assert (await call).quote.affordable
    else:
        assert (await refused(call)).metadata["nearest"] == "COUNT(DISTINCT tailnum)"


async def test_a_rehearsal_pays_nothing(scene: Scene) -> None:
    asked = query_service_pb2.RunDummyQueryRequest(question=SQL, payment=RHO, row_count=9, seed=3)

    events = [response.event async for response in scene.stub.RunDummyQuery(asked)]

    assert [event.complete.row_count for event in events] == [9]
    assert scene.mesh.asked == ["GetDatasetRecord", "RunDummy"]
    assert scene.mesh.requests["RunDummy"].seed == 3


def test_ids_are_derived_from_user_and_request_and_never_change() -> None:
    assert query_id("users/ada", "0B5E6F0E-0000-4000-8000-000000000001") == NAME
    assert query_id("users/bob", request().request_id) != NAME
    assert NAME == "67a3023e-bc04-59e2-beb5-679668903b9d", "another id would let every replay pay again"


@pytest.mark.parametrize("base", ["", BASE])
async def test_wider_questions_are_compared_before_anything_is_paid(scene: Scene, base: str) -> None:
    scene.mesh.bases, scene.mesh.base = [BASE, OTHER], base
    scene.mesh.ended.set()
    await scene.run(request())
    asked = [name for name in scene.mesh.asked if name in ("ReserveQuery", "FindBase", "Submit")]
    assert asked == ["ReserveQuery", "FindBase", "ReserveQuery", "Submit"]
    assert list(scene.mesh.requests["FindBase"].base_query_ids) == [BASE, OTHER]
    assert scene.mesh.requests["FindBase"].free_base_count == 1
    paid = scene.mesh.requests["ReserveQuery"]
    assert paid.bases_checked
    assert paid.base_query_id == base
    assert [each.alias for each in paid.derived_measures] == (["derived"] if base else [])
    assert paid.query.family_digest == b"f" * 32
    assert paid.query.derivable
    assert not paid.query.base


async def test_an_executor_that_cannot_compare_costs_noise_not_the_answer(scene: Scene) -> None:
    scene.mesh.bases, scene.mesh.base = [BASE], BASE
    scene.mesh.refuse["FindBase"] = [UNAVAILABLE]
    scene.mesh.ended.set()
    events = await scene.run(request())
    assert events[-1].WhichOneof("kind") == "complete"
    assert scene.mesh.requests["ReserveQuery"].base_query_id == ""


@pytest.mark.parametrize("base", ["", BASE])
async def test_a_quote_tells_what_a_wider_question_would_answer(scene: Scene, base: str) -> None:
    scene.mesh.bases, scene.mesh.base = [BASE], base
    quote = (await scene.stub.QuoteQuery(query_service_pb2.QuoteQueryRequest(question=SQL, payment=RHO))).quote
    assert quote.release_query == (f"queries/{BASE}" if base else "")
    assert [each.alias for each in quote.measures] == (["derived"] if base else [])
    assert any(note.startswith(f"answered from queries/{BASE}") for note in quote.notes) is bool(base)
    assert scene.mesh.asked.count("PreviewQuery") == (2 if base else 1)
