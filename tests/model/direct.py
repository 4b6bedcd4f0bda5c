"""Small casts whose every schedule can be walked: calls of the accountant alone, each at a replica of its own."""

import asyncio
import hashlib
import random
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.quote_pb2 import DataVersion
from sfumato_mesh.caller import Caller
from sfumato_mesh.refusal import Refusal
from sfumato_mesh.v1 import accountant_service_pb2 as accountant_pb
from sfumato_mesh.v1.accountant_service_pb2_grpc import AccountantServiceStub
from sfumato_mesh.v1.query_price_pb2 import QueryPrice
from sfumato_mesh.v1.task_pb2 import Task
from tests.model.actors import Ask, Stage, plan
from tests.model.calls import as_executor
from tests.model.mesh import Layout
from tests.model.reading import require
from tests.model.scene import BOB, DATASET, PROJECT, Office
from tests.model.walks import Scenario

Acting = Sequence["asyncio.Task[None]"]
_TWO = Layout(accountants=2, gateways=0, workers=0, fronts=0, replies=False, reads_fail=False)


def _stub(stage: Stage, replica: int, speak: Callable[[], Caller]) -> Any:
    registry, _ = stage.world.accountants[f"accountant{replica}"]
    return AccountantServiceStub(stage.world.channel_to(registry, speak))


async def reserve(stage: Stage, ask: Ask, replica: int, body: bytes = b"a") -> None:
    """Reserve; what is answered is in the chain."""
    task = Task(question=ask.request.question, plan=plan(ask.plan), payment=ask.request.payment, confidence=0.95)
    price = QueryPrice(
        query_id=ask.query_id,
        task=task,
        plan_digest=bytes([ask.plan]) * 32,
        charge=Charge(rho_picos=ask.rho),
        datasets=[DATASET],
        versions=[1],
    )
    price.give_up_after.FromSeconds(2)
    request = accountant_pb.ReserveQueryRequest(query=price, body_digest=body * 32, project=ask.project)
    try:
        response = await stage.persist(lambda: _stub(stage, replica, lambda: ask.analyst).ReserveQuery(request))
    except Refusal as refusal:
        stage.refusals.append((ask, refusal.reason))
        return
    reading = stage.judge.read(stage.world)
    require(ask.query_id in reading.queries, f"{ask.query_id} was said to be paid")
    require(response.reservation.claim.body_digest == body * 32, f"{ask.query_id} was told of another body")
    require(reading.queries[ask.query_id].claim.body_digest == body * 32, f"{ask.query_id} pays for another body")


async def commit(stage: Stage, ask: Ask, replica: int, attempt: int) -> None:
    """Offer an attempt until there is a verdict; it is what the chain says."""
    name = str(uuid.UUID(int=attempt))
    sealed = bytes([attempt]) * 8
    stage.world.objects.data[f"releases/{ask.query_id[:2]}/{ask.query_id}.{name}"] = sealed
    request = accountant_pb.CommitQueryRequest(
        query_id=ask.query_id,
        attempt=name,
        release_digest=hashlib.sha256(sealed).digest(),
        data_versions=[DataVersion(dataset=DATASET, version=1)],
    )
    try:
        response = await stage.persist(lambda: _stub(stage, replica, as_executor).CommitQuery(request))
    except Refusal as refusal:
        require(refusal.reason == "RESERVATION_UNKNOWN", f"a commit was refused: {refusal.reason}")
        return
    release = stage.judge.read(stage.world).queries[ask.query_id].release
    won = release is not None and release[1] == name
    require(won == (response.outcome == accountant_pb.CommitQueryResponse.OUTCOME_WON), f"{name} was told a lie")


async def cancel(stage: Stage, ask: Ask, replica: int) -> None:
    """Cancel; the query has ended then, one way or another."""
    request = accountant_pb.ChargeQueryRequest(query_id=ask.query_id, cancelled=True)
    try:
        await stage.persist(lambda: _stub(stage, replica, lambda: ask.analyst).ChargeQuery(request))
    except Refusal as refusal:
        require(refusal.reason == "ACCESS_DENIED", f"cancelling was refused: {refusal.reason}")
        return
    require(stage.judge.read(stage.world).queries[ask.query_id].terminal != "", "cancelled, and open")


def one_id(stage: Stage, dice: random.Random) -> Acting:
    """One request id at two replicas, with the same body and with another."""
    return [
        stage.play("1", partial(reserve, stage, Ask(1), 1)),
        stage.play("2", partial(reserve, stage, Ask(1), 2)),
        stage.play("3", partial(reserve, stage, Ask(1, plan=2), 2, b"b")),
    ]


def one_place(stage: Stage, dice: random.Random) -> Acting:
    """Three that want what is left for one, two of them at one replica."""
    return [
        stage.play("1", partial(reserve, stage, Ask(1, rho=40), 1)),
        stage.play("2", partial(reserve, stage, Ask(2, plan=2, rho=40), 2)),
        stage.play("3", partial(reserve, stage, Ask(3, plan=3, rho=40), 2)),
    ]


def one_terminal(stage: Stage, dice: random.Random) -> Acting:
    """Two attempts and a cancellation of one query, while it is paid."""
    ask = Ask(1)
    return [
        stage.play("0", partial(reserve, stage, ask, 1)),
        stage.play("1", partial(commit, stage, ask, 1, 1)),
        stage.play("2", partial(commit, stage, ask, 2, 2)),
        stage.play("3", partial(cancel, stage, ask, 2)),
    ]


def one_release(stage: Stage, dice: random.Random) -> Acting:
    """An answered question asked again, twice for a project, beside a change of the project's limit."""

    async def ask_again(number: int, replica: int) -> None:
        await reserve(stage, Ask(number, rho=20, project=PROJECT), replica)

    async def answered() -> None:
        await reserve(stage, Ask(1, rho=20), 1)
        await commit(stage, Ask(1, rho=20), 1, 1)
        await ask_again(2, 1)

    return [stage.play("1", answered), stage.play("2", partial(ask_again, 3, 2))]


def one_freeze(stage: Stage, dice: random.Random) -> Acting:
    """A freeze beside a reservation and a commit."""

    async def freeze() -> None:
        office = Office(stage.world, replica=2)
        await stage.persist(lambda: office.freeze(True))

    return [
        stage.play("1", partial(reserve, stage, Ask(1, rho=20), 1)),
        stage.play("2", freeze),
        stage.play("3", partial(commit, stage, Ask(1, rho=20), 1, 1)),
    ]


def one_lower_limit(stage: Stage, dice: random.Random) -> Acting:
    """A limit is lowered beside two reservations."""

    async def lower() -> None:
        office = Office(stage.world, replica=2)
        await stage.persist(lambda: office.grant(15, analyst="users/ada"))

    return [
        stage.play("1", partial(reserve, stage, Ask(1, rho=20), 1)),
        stage.play("2", lower),
        stage.play("3", partial(reserve, stage, Ask(2, BOB, plan=2), 2)),
    ]


DIRECT = {
    each.__name__: Scenario(each.__name__, each, _TWO)
    for each in (one_id, one_place, one_terminal, one_release, one_freeze, one_lower_limit)
}
