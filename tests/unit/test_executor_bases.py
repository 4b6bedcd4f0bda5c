"""Answers read out of releases that another question drew, or an older compiler."""

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sfumato.v1.query_pb2 import Query
from sfumato_executor.releases.opening import open_stores
from sfumato_mesh.v1 import executor_service_pb2 as contract
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.unit.front_scene import ATTEMPT, HASH, PROGRAM, Front, refused

OTHERS = [str(uuid.UUID(int=number)) for number in (11, 12, 13)]


@pytest.fixture
def front(tmp_path: Path) -> Front:
    return Front(open_stores(str(tmp_path), cache=tmp_path / "cache", credentials=None, credentials_name=""))


def drawn_by(query_id: str, confidence: float, digest: bytes = HASH, statement: str = "") -> Reservation:
    """Another query, answered, with a task of its own."""
    reservation = Reservation(state=Reservation.STATE_COMMITTED, release_query_id=query_id)
    reservation.claim.query_id, reservation.claim.plan_digest = query_id, digest
    reservation.claim.task.confidence = confidence
    reservation.claim.task.question.sql.statement = statement
    return reservation


async def columns(front: Front) -> dict[str, list[Any]]:
    schema, batch, _ = await front.read()
    read = pa.ipc.read_schema(pa.py_buffer(schema.schema.serialized_schema))
    answer: dict[str, list[Any]] = pa.ipc.read_record_batch(
        pa.py_buffer(batch.batch.serialized_record_batch), read
    ).to_pydict()
    return answer


async def test_a_release_of_an_older_compiler_is_read_by_what_was_sealed_with_it(front: Front) -> None:
    front.commit()
    front.engine.program, front.engine.readable = replace(PROGRAM, digest=bytes(32)), True
    assert await columns(front) == {"again": [0.95]}


async def test_an_equal_question_reads_an_older_release_beside_the_question_that_drew_it(front: Front) -> None:
    sealed = front.commit()
    front.stores.releases.put_if_absent(OTHERS[0], ATTEMPT, sealed)
    front.accountant.present.release_query_id = OTHERS[0]
    front.accountant.present.state = Reservation.STATE_SHARED
    front.accountant.others[OTHERS[0]] = drawn_by(OTHERS[0], 0.5)
    front.engine.program, front.engine.readable = replace(PROGRAM, digest=bytes(32)), True
    assert await columns(front) == {"again": [0.5]}


@pytest.mark.parametrize("readable", [True, False])
async def test_a_derived_answer_is_proved_again_when_it_is_read(front: Front, readable: bool) -> None:
    sealed = front.commit()
    front.stores.releases.put_if_absent(OTHERS[0], ATTEMPT, sealed)
    front.accountant.present.release_query_id = OTHERS[0]
    front.accountant.present.state = Reservation.STATE_SHARED
    front.accountant.present.origin = Query.ORIGIN_DERIVED
    front.accountant.others[OTHERS[0]] = drawn_by(OTHERS[0], 0.25)
    front.engine.readable = readable
    if readable:
        assert await columns(front) == {"derived": [0.25]}
    else:
        assert (await refused(front.read)).reason == "RELEASE_TAMPERED"


async def test_a_wider_question_of_todays_compiler_is_found(front: Front) -> None:
    front.accountant.others = {
        OTHERS[0]: drawn_by(OTHERS[0], 0.9, statement="other"),
        OTHERS[1]: drawn_by(OTHERS[1], 0.9, digest=bytes(32), statement="wide"),  # scales may have been others then
        OTHERS[2]: drawn_by(OTHERS[2], 0.9, statement="wide"),
    }
    front.engine.wider = {"wide": 1.0}
    context: Any = None
    found = await front.handlers.FindBase(contract.FindBaseRequest(base_query_ids=OTHERS), context)
    assert found.base_query_id == OTHERS[2]
    assert [each.alias for each in found.measures] == ["n"]
    front.engine.wider = {}
    found = await front.handlers.FindBase(contract.FindBaseRequest(base_query_ids=OTHERS), context)
    assert found == contract.FindBaseResponse()


@pytest.mark.parametrize(
    ("looseness", "free", "best"),
    [
        ((0.9, 0.1, 0.5), 3, 1),
        ((0.9, 0.1, 0.5), 1, 0),  # what is free goes before what is more exact
        ((0.9, 0.5, 0.1), 2, 1),
        ((0.9, 0.1, 0.5), 0, 1),
        ((0.5, 0.2, 0.2), 3, 1),  # of equals, the first
        ((None, 0.3, 0.2), 1, 2),  # the free one does not answer
    ],
)
async def test_the_most_exact_base_answers(
    front: Front, looseness: tuple[float | None, ...], free: int, best: int
) -> None:
    front.accountant.others = {name: drawn_by(name, 0.9, statement=name) for name in OTHERS}
    front.engine.wider = {name: loose for name, loose in zip(OTHERS, looseness, strict=True) if loose is not None}
    request = contract.FindBaseRequest(base_query_ids=OTHERS, free_base_count=free)
    context: Any = None
    assert (await front.handlers.FindBase(request, context)).base_query_id == OTHERS[best]


async def test_a_quote_says_of_which_family_it_is(front: Front) -> None:
    context: Any = None
    quoted = await front.handlers.Quote(contract.QuoteRequest(), context)
    assert (quoted.family_digest, quoted.base, quoted.derivable) == (b"f" * 32, True, False)
