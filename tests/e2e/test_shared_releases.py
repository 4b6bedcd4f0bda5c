"""Releases that cross analysts: inside a project, to everybody, or not at all, as the dataset's policy says."""

import uuid
from typing import Any

import grpc
import pytest

import sfumato as sf
from sfumato.v1 import query_service_pb2
from sfumato.v1.query_service_pb2_grpc import QueryServiceStub
from tests.mesh_scene import MeshScene

COLUMNS = {"ward": {"type": "category", "values": ["east", "north"]}}
ROWS: list[dict[str, Any]] = [{"ward": ("east", "north")[i % 2]} for i in range(500)]


def shared(scene: MeshScene, rule: str) -> tuple[str, sf.Mesh, sf.Mesh, str]:
    """A dataset under a rule, two members of one project with grants, and that project."""
    name = f"shared-{uuid.uuid4().hex[:8]}"
    policy = {"engines": ["native"], **({"shared_releases": rule} if rule else {})}
    scene.publish(name, ROWS, COLUMNS, policy=policy)
    ada, bob = (scene.user(f"{who}-{name}", population=name) for who in ("ada", "bob"))
    members = [f"ada-{name}", f"bob-{name}"]
    scene.apply(
        {"kind": "Project", "name": name, "members": members, "datasets": [name]},
        {"kind": "Grant", "scope": {"population": name, "project": name}, "limit": {"rho": 50}},
    )
    return name, ada, bob, name


def counted(mesh: sf.Mesh, name: str) -> sf.Question:
    return mesh.dataset(name).group_by("ward").agg(n=sf.count())


def left(mesh: sf.Mesh, name: str, project: str = "") -> dict[str, float]:
    quote = mesh.dataset(name).agg(n=sf.count()).quote(rho=1e-6, project=project)
    return {line.name: line.remaining.rho for line in quote.scopes}


def spent(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What was paid in each scope that paid."""
    amounts = {name: round(before[name] - after[name], 9) for name in before}
    return {name: amount for name, amount in amounts.items() if amount}


@pytest.mark.parametrize("rule", ["", "project", "everyone"])
def test_inside_a_project_the_population_pays_once(scene: MeshScene, rule: str) -> None:
    name, ada, bob, project = shared(scene, rule)
    first = counted(ada, name).run(rho=0.2, project=project)
    before = left(bob, name, project)
    quote = counted(bob, name).quote(rho=0.2, project=project)
    assert quote.repeats == first.query
    answer = counted(bob, name).run(rho=0.2, project=project)
    assert answer.repeated
    assert not answer.is_free
    assert answer.rows() == first.rows()
    assert spent(before, left(bob, name, project)) == {f"bob-{name}": 0.2}
    assert f"answered from {first.query}" in repr(answer)
    again = counted(bob, name).run(rho=0.2, project=project)
    assert again.is_free
    assert again.rows() == first.rows()


def test_a_narrower_question_inside_a_project_pays_for_the_wider_one(scene: MeshScene) -> None:
    name, ada, bob, project = shared(scene, "project")
    wide = counted(ada, name).run(rho=0.2, project=project)
    before = left(bob, name, project)
    east = bob.dataset(name).filter(sf.col("ward") == "east").agg(n=sf.count())
    answer = east.run(rho=0.2, project=project)
    assert answer.derived
    assert answer.rows()[0]["n"] == wide.rows()[0]["n"]
    assert spent(before, left(bob, name, project)) == {f"bob-{name}": 0.2}
    assert counted(bob, name).run(rho=0.2, project=project).is_free
    before = left(bob, name, project)
    fresh = bob.dataset(name).filter(sf.col("ward") == "north").agg(n=sf.count()).run(rho=0.2, project=project)
    assert fresh.is_free
    assert left(bob, name, project) == before


def test_a_wider_question_that_cost_more_than_a_new_release_does_not_answer_others(scene: MeshScene) -> None:
    """Whoever has not paid for it never pays more than the question's own price, which is what he agreed to."""
    name, ada, bob, project = shared(scene, "project")
    counted(ada, name).run(rho=2.0, project=project)
    before = left(bob, name, project)
    answer = bob.dataset(name).filter(sf.col("ward") == "east").agg(n=sf.count()).run(rho=0.01, project=project)
    assert not answer.derived
    assert spent(before, left(bob, name, project))[f"bob-{name}"] == 0.01


def test_outside_the_project_nobody_learns_that_it_was_asked(scene: MeshScene) -> None:
    name, ada, bob, project = shared(scene, "project")
    counted(ada, name).run(rho=0.2, project=project)
    for question in (bob.dataset(name).filter(sf.col("ward") == "east").agg(n=sf.count()), counted(bob, name)):
        assert question.quote(rho=0.2).repeats == ""
        answer = question.run(rho=0.2)
        assert not answer.repeated
        assert not answer.derived
    eve = scene.user(f"eve-{name}", population=name)
    assert counted(eve, name).quote(rho=0.2).repeats == ""
    assert not any(query.analyst.startswith("ada") for query in eve.history(name))


def test_none_keeps_even_a_project_apart(scene: MeshScene) -> None:
    name, ada, bob, project = shared(scene, "none")
    first = counted(ada, name).run(rho=0.2, project=project)
    quote = counted(bob, name).quote(rho=0.2, project=project)
    assert quote.repeats == ""
    answer = counted(bob, name).run(rho=0.2, project=project)
    assert not answer.repeated
    assert [query.analyst for query in bob.history(name)] == [f"bob-{name}"]
    with pytest.raises(sf.AccessDenied):
        bob.query(first.query)
    assert counted(ada, name).run(rho=0.2, project=project).is_free


def test_everyone_shares_without_a_project(scene: MeshScene) -> None:
    name, ada, bob, _ = shared(scene, "everyone")
    first = counted(ada, name).run(rho=0.2)
    before = left(bob, name)
    answer = counted(bob, name).run(rho=0.2)
    assert answer.rows() == first.rows()
    assert spent(before, left(bob, name)) == {f"bob-{name}": 0.2}


def test_members_see_questions_and_prices_of_their_project_and_no_answer(scene: MeshScene) -> None:
    name, ada, bob, project = shared(scene, "project")
    hidden = counted(ada, name).run(rho=0.1)  # on her own account
    first = counted(ada, name).run(rho=0.2, project=project)
    listed = {query.name: query for query in bob.history(name)}
    assert first.query in listed
    assert hidden.query not in listed
    seen = listed[first.query]
    assert seen.analyst == f"ada-{name}"
    assert seen.charge.rho == pytest.approx(0.2)
    assert seen.to_proto().question == ada.query(first.query).to_proto().question
    request = query_service_pb2.AttachQueryRequest(name=first.query)
    events = QueryServiceStub(scene.channel()).AttachQuery(request, metadata=scene.metadata(f"bob-{name}"))
    with pytest.raises(grpc.RpcError) as refused:
        list(events)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_the_policy_of_the_moment_decides_and_what_was_paid_stays_free(scene: MeshScene) -> None:
    name, ada, bob, project = shared(scene, "none")
    first = counted(ada, name).run(rho=0.2, project=project)
    own = counted(bob, name).run(rho=0.2, project=project)
    source = {"path": f"{name}.csv"}
    document = {"kind": "Dataset", "name": name, "population": name, "source": source, "unit": "row"}
    scene.apply({**document, "columns": COLUMNS, "policy": {"engines": ["native"], "shared_releases": "everyone"}})
    again = counted(bob, name).run(rho=0.2, project=project)
    assert again.is_free
    assert again.rows() == own.rows()  # his own release, though hers is lower in the chain
    eve = scene.user(f"eve-{name}", population=name)
    shared_answer = counted(eve, name).run(rho=0.2)
    assert shared_answer.rows() == first.rows()
    scene.apply({**document, "columns": COLUMNS, "policy": {"engines": ["native"], "shared_releases": "none"}})
    assert counted(eve, name).run(rho=0.2).is_free  # she has paid for it
    fay = scene.user(f"fay-{name}", population=name)
    assert not counted(fay, name).run(rho=0.2).repeated
