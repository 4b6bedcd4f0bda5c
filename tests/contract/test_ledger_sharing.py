"""Releases that answer again, on every store: whose, for whom, and what is paid; of equal and of wider questions."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from sfumato.v1 import budget_admin_service_pb2 as budget_admin_pb
from sfumato.v1 import project_admin_service_pb2 as project_pb
from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.policy_pb2 import Policy
from sfumato.v1.project_admin_service_pb2_grpc import ProjectAdminServiceStub
from sfumato.v1.project_pb2 import Project
from sfumato.v1.query_pb2 import Query
from sfumato.v1.quote_pb2 import MeasureAccuracy
from sfumato_mesh.caller import Caller, calling_as
from sfumato_mesh.v1 import accountant_service_pb2 as pb
from sfumato_mesh.v1 import reservation_service_pb2 as reservation_pb
from sfumato_mesh.v1.reservation_pb2 import Reservation
from tests.contract.ledger_scene import (
    ADA,
    ADMINISTRATOR,
    BOB,
    CUSTODIAN,
    DATASET,
    PROJECT,
    STORES,
    Scene,
    opened_scene,
    question,
    refused,
    rho,
)

FAMILY = b"f" * 32
DERIVED = [MeasureAccuracy(alias="narrow")]


@pytest.fixture(params=STORES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene(request.param, tmp_path) as scene:
        await scene.grant(rho(10_000))
        for name in ("users/ada", "users/bob"):
            await scene.grant(rho(1_000), analyst=name)
        await scene.grant(rho(1_000), project=PROJECT)
        with calling_as(ADMINISTRATOR):
            await ProjectAdminServiceStub(scene.first.channel).UpdateProject(
                project_pb.UpdateProjectRequest(
                    project=Project(name=PROJECT, members=["users/ada", "users/bob"]),
                    update_mask=FieldMask(paths=["members"]),
                )
            )
        yield scene


def wide(plan: int = 1, picos: int = 30, **fields: Any) -> Any:
    """A question whose release may answer narrower ones."""
    return question(plan, picos, family_digest=FAMILY, derivable=True, base=True, **fields)


def narrow(plan: int = 2, picos: int = 30, **fields: Any) -> Any:
    """A question that a wider one may answer."""
    return question(plan, picos, family_digest=FAMILY, derivable=True, **fields)


async def told(scene: Scene, request: pb.ReserveQueryRequest, caller: Caller = ADA) -> list[str]:
    """Bases that the gateway is told to ask about; then nothing was written."""
    with calling_as(caller):
        response: pb.ReserveQueryResponse = await scene.first.gateway.ReserveQuery(request)
    assert not (response.base_query_ids and response.HasField("reservation"))
    return list(response.base_query_ids)


async def based(scene: Scene, request: Any, base: str, caller: Caller = ADA) -> Reservation:
    """Pay as the gateway does once the executor has named a base."""
    checked = pb.ReserveQueryRequest()
    checked.CopyFrom(request)
    checked.bases_checked, checked.base_query_id = True, base
    checked.derived_measures.extend(DERIVED)
    return await scene.reserve(checked, caller)


async def previewed(scene: Scene, request: Any, base: str = "", caller: Caller = ADA) -> pb.PreviewQueryResponse:
    with calling_as(caller):
        response: pb.PreviewQueryResponse = await scene.first.gateway.PreviewQuery(
            pb.PreviewQueryRequest(query=request.query, project=request.project, base_query_id=base)
        )
    return response


def paid(reservation: Reservation) -> dict[str, int]:
    """Who paid what: "" is the population."""
    return {each.scope.analyst or each.scope.project: each.charge.rho_picos for each in reservation.scopes}


async def sharing(scene: Scene, rule: "Policy.SharedReleases", **fields: Any) -> None:
    await scene.policy(Policy(shared_releases=rule, **fields))


async def withhold(scene: Scene, query_id: str, *, withheld: bool = True) -> None:
    with calling_as(CUSTODIAN):
        await scene.first.budget_admin.WithholdRelease(
            budget_admin_pb.WithholdReleaseRequest(
                query=f"queries/{query_id}",
                withheld=withheld,
                justification="the source was wrong",
                request_id=str(uuid.uuid4()),
            )
        )


async def test_a_project_pays_once_and_its_members_each_for_themselves(scene: Scene) -> None:
    first = await scene.answered(question(picos=40, project=PROJECT))
    assert paid(first) == {"": 40, PROJECT: 40, "users/ada": 40}
    second = await scene.reserve(question(picos=40, project=PROJECT), BOB)
    assert second.state == Reservation.STATE_SHARED
    assert second.release_query_id == first.claim.query_id
    assert paid(second) == {"users/bob": 40}
    third = await scene.reserve(question(picos=40, project=PROJECT), BOB)
    assert paid(third) == {}
    alone = await scene.reserve(question(picos=40), BOB)  # he has paid for it, whoever pays now
    assert (alone.state, paid(alone)) == (Reservation.STATE_SHARED, {})


@pytest.mark.parametrize(
    ("rule", "by", "shared"),
    [
        (Policy.SHARED_RELEASES_UNSPECIFIED, PROJECT, True),
        (Policy.SHARED_RELEASES_PROJECT, PROJECT, True),
        (Policy.SHARED_RELEASES_PROJECT, "", False),
        (Policy.SHARED_RELEASES_NONE, PROJECT, False),
        (Policy.SHARED_RELEASES_EVERYONE, "", True),
    ],
)
async def test_the_rule_says_who_else(scene: Scene, rule: "Policy.SharedReleases", by: str, shared: bool) -> None:
    await sharing(scene, rule)
    first = await scene.answered(question(project=PROJECT))
    preview = await previewed(scene, question(project=by), caller=BOB)
    assert preview.release_query_id == (first.claim.query_id if shared else "")
    other = await scene.reserve(question(project=by), BOB)
    assert (other.state == Reservation.STATE_SHARED) is shared
    assert ("" in paid(other)) is not shared
    listed = await _listed(scene, replace(BOB, projects=(PROJECT,)))  # as the gateway tells it of a member
    assert (first.claim.query_id in listed) is (rule != Policy.SHARED_RELEASES_NONE)


async def _listed(scene: Scene, caller: Caller) -> list[str]:
    with calling_as(caller):
        page = await scene.first.reservations.ListReservations(reservation_pb.ListReservationsRequest())
    return [each.claim.query_id for each in page.reservations]


async def test_members_see_no_answer_and_strangers_nothing(scene: Scene) -> None:
    first = await scene.answered(question(project=PROJECT))
    with calling_as(BOB):
        response = await scene.first.reservations.GetReservation(
            reservation_pb.GetReservationRequest(query_id=first.claim.query_id)
        )
    seen = response.reservation
    assert seen.claim.task == first.claim.task
    assert (seen.attempt, seen.release_digest, seen.release_query_id) == ("", b"", "")
    own = await scene.answered(question(plan=5))
    with calling_as(BOB):
        await refused(
            "ACCESS_DENIED",
            scene.first.reservations.GetReservation(reservation_pb.GetReservationRequest(query_id=own.claim.query_id)),
        )


async def test_what_is_free_goes_before_what_is_lower_in_the_chain(scene: Scene) -> None:
    await sharing(scene, Policy.SHARED_RELEASES_NONE)
    await scene.answered(question())
    own = await scene.answered(question(), BOB)
    await sharing(scene, Policy.SHARED_RELEASES_EVERYONE)
    again = await scene.reserve(question(), BOB)
    assert (again.release_query_id, paid(again)) == (own.claim.query_id, {})


async def test_a_hit_that_is_paid_stops_at_a_freeze_and_a_free_one_does_not(scene: Scene) -> None:
    await scene.answered(question(project=PROJECT))
    await scene.freeze()
    await refused("BUDGET_FROZEN", scene.reserve(question(project=PROJECT), BOB))
    assert (await scene.reserve(question(project=PROJECT))).state == Reservation.STATE_SHARED


async def test_a_release_whose_time_is_over_answers_nobody(scene: Scene) -> None:
    await sharing(scene, Policy.SHARED_RELEASES_PROJECT, release_retention=Duration(seconds=3600))
    base = await scene.answered(wide())
    scene.clock.advance(3599)
    assert (await scene.reserve(wide())).state == Reservation.STATE_SHARED
    assert await told(scene, narrow()) == [base.claim.query_id]
    scene.clock.advance(1)
    assert (await scene.reserve(wide())).state == Reservation.STATE_OPEN
    assert (await based(scene, narrow(), base.claim.query_id)).state == Reservation.STATE_OPEN


async def test_a_narrower_question_is_answered_free_from_the_base(scene: Scene) -> None:
    base = await scene.answered(wide(picos=40))
    asked = narrow(picos=5)
    assert await told(scene, asked) == [base.claim.query_id]
    with calling_as(ADA):
        await refused(
            "ACCESS_DENIED",
            scene.first.reservations.GetReservation(
                reservation_pb.GetReservationRequest(query_id=asked.query.query_id)
            ),
        )
    preview = await previewed(scene, asked)
    assert list(preview.base_query_ids) == [base.claim.query_id]
    preview = await previewed(scene, asked, base.claim.query_id)
    assert (preview.derived, preview.release_query_id) == (True, base.claim.query_id)
    assert all(line.charge == Charge(epsilon_picos=0) for line in preview.scopes)
    assert preview.affordable
    answered = await based(scene, asked, base.claim.query_id)
    assert answered.state == Reservation.STATE_SHARED
    assert answered.origin == Query.ORIGIN_DERIVED
    assert (answered.attempt, answered.release_digest) == (base.attempt, base.release_digest)
    assert (answered.release_query_id, paid(answered)) == (base.claim.query_id, {})
    statement = answered.receipt.statement
    assert statement.derived
    assert statement.release_query == f"queries/{base.claim.query_id}"
    assert statement.plan_digest != base.receipt.statement.plan_digest
    assert list(statement.measures) == DERIVED
    assert not base.receipt.statement.derived
    assert await scene.reserve(asked) == answered  # the same request again, whatever the gateway knows of bases


async def test_a_chain_with_derived_answers_is_read_from_its_beginning(scene: Scene) -> None:
    base = await scene.answered(wide())
    answered = await based(scene, narrow(), base.claim.query_id)
    other = await scene.open()
    with calling_as(ADA):
        response = await other.reservations.GetReservation(
            reservation_pb.GetReservationRequest(query_id=answered.claim.query_id)
        )
    assert response.reservation == answered


async def test_an_equal_question_goes_before_a_wider_one(scene: Scene) -> None:
    base = await scene.answered(wide())
    equal = await scene.answered(_checked(narrow()))
    assert await told(scene, narrow()) == []
    again = await based(scene, narrow(), base.claim.query_id)
    assert (again.origin, again.release_query_id) == (Query.ORIGIN_REPEATED, equal.claim.query_id)


def _checked(request: Any) -> Any:
    request.bases_checked = True
    return request


async def test_whoever_has_not_paid_pays_the_base_and_no_more_than_his_own_price(scene: Scene) -> None:
    base = await scene.answered(wide(picos=40, project=PROJECT))
    assert await told(scene, narrow(picos=39, project=PROJECT), BOB) == []
    dear = await based(scene, narrow(picos=39, project=PROJECT), base.claim.query_id, BOB)
    assert dear.state == Reservation.STATE_OPEN
    asked = narrow(plan=3, picos=40, project=PROJECT)
    assert await told(scene, asked, BOB) == [base.claim.query_id]
    answered = await based(scene, asked, base.claim.query_id, BOB)
    assert (answered.origin, paid(answered)) == (Query.ORIGIN_DERIVED, {"users/bob": 40})
    assert answered.charge.rho_picos == 40
    later = await based(scene, narrow(plan=4, picos=1, project=PROJECT), base.claim.query_id, BOB)
    assert (later.origin, paid(later)) == (Query.ORIGIN_DERIVED, {})


async def test_a_gateway_that_lies_about_bases_gains_nothing(scene: Scene) -> None:
    """What is named must be committed, of this family and version, and one that may answer this analyst."""
    hers = await scene.answered(wide())
    related = await scene.answered(question(plan=7, family_digest=b"g" * 32, derivable=True, base=True), BOB)
    unfit = await scene.answered(_checked(narrow(plan=8)), BOB)  # of the family, and no base
    unfinished = await scene.reserve(_checked(wide(plan=9)), BOB)
    names = [each.claim.query_id for each in (hers, related, unfit, unfinished)]
    for plan, name in enumerate([*names, str(uuid.uuid4())], start=20):
        drawn = await based(scene, narrow(plan=plan), name, BOB)
        assert drawn.state == Reservation.STATE_OPEN
    assert await told(scene, narrow(plan=40), BOB) == []
    fresh = await based(scene, narrow(plan=41, fresh=True), hers.claim.query_id)
    assert fresh.state == Reservation.STATE_OPEN
    await scene.publish()
    moved = await based(scene, narrow(plan=42, version=2), hers.claim.query_id)
    assert moved.state == Reservation.STATE_OPEN


async def test_a_withheld_base_answers_nothing_until_it_is_given_back(scene: Scene) -> None:
    base = await scene.answered(wide())
    await withhold(scene, base.claim.query_id)
    assert await told(scene, narrow()) == []
    assert (await based(scene, narrow(), base.claim.query_id)).state == Reservation.STATE_OPEN
    await withhold(scene, base.claim.query_id, withheld=False)
    assert (await based(scene, narrow(plan=3), base.claim.query_id)).origin == Query.ORIGIN_DERIVED


async def test_the_free_bases_are_told_first_and_not_too_many(scene: Scene) -> None:
    await sharing(scene, Policy.SHARED_RELEASES_EVERYONE)
    own = await scene.answered(_checked(wide(plan=100, picos=1)))
    for plan in range(101, 120):
        await scene.answered(_checked(wide(plan=plan, picos=1)), BOB)
    last = await scene.answered(_checked(wide(plan=120, picos=1)))
    preview = await previewed(scene, narrow(picos=1))
    assert list(preview.base_query_ids[:2]) == [own.claim.query_id, last.claim.query_id]
    assert (len(preview.base_query_ids), preview.free_base_count) == (16, 2)
    assert await told(scene, narrow(picos=1)) == list(preview.base_query_ids)
    for base, charged in ((preview.base_query_ids[1], 0), (preview.base_query_ids[2], 1)):
        lines = (await previewed(scene, narrow(picos=1), base)).scopes
        assert max(line.charge.rho_picos for line in lines) == charged


async def test_of_too_many_bases_the_dearest_and_the_latest_are_told(scene: Scene) -> None:
    names = [
        (await scene.answered(_checked(wide(plan=plan, picos=9 if plan == 102 else 1)))).claim.query_id
        for plan in range(100, 125)
    ]
    bases = await told(scene, narrow(picos=1))
    assert len(bases) == 16
    assert bases == sorted(bases, key=names.index)  # as they stand in the chain
    assert names[2] in bases
    assert names[-1] in bases
    assert names[0] not in bases


async def test_other_datasets_are_as_strict_as_the_strictest(scene: Scene) -> None:
    await sharing(scene, Policy.SHARED_RELEASES_EVERYONE)
    await scene.answered(question())
    await sharing(scene, Policy.SHARED_RELEASES_NONE)
    assert (await scene.reserve(question(), BOB)).state == Reservation.STATE_OPEN
    assert DATASET in {each.dataset for each in (await scene.reserve(question())).data_versions}
