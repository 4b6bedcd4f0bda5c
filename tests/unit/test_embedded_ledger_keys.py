"""An embedded mesh lets go of a ledger's key once no chain needs it, and not before."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sfumato.v1 import population_admin_service_pb2 as population_pb
from sfumato.v1.population_admin_service_pb2_grpc import PopulationAdminServiceStub
from sfumato.v1.population_pb2 import PRIVACY_UNIT_KIND_ROW, Population
from sfumato_accountant.ledger.key_use import keys_in_use
from sfumato_embedded.ledger_keys import retire_ledger_key
from sfumato_mesh.caller import calling_as
from sfumato_mesh.keys import key_id, load_or_create_signing_key
from tests.contract.ledger_scene import ADMINISTRATOR, POPULATION, Scene, opened_scene, question, refused, rho


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened_scene("sqlite", tmp_path) as scene:
        await scene.grant(rho(1000))
        await scene.grant(rho(100), analyst="users/ada")
        update = {"ledger_next_key_file": tmp_path / "ledger-next.pem"}
        scene.settings = scene.settings.model_copy(update=update)
        await reopened(scene)
        yield scene


async def reopened(scene: Scene) -> None:
    """Start again, as the embedded mesh does."""
    await scene.replicas.pop().accountant.close()
    await retire_ledger_key(scene.settings)
    await scene.open()


async def rotate(scene: Scene, population: str = POPULATION) -> Any:
    request = population_pb.RotateLedgerKeyRequest(population=population, request_id=str(uuid.uuid4()))
    with calling_as(ADMINISTRATOR):
        stub: Any = PopulationAdminServiceStub(scene.first.channel)
        return (await stub.RotateLedgerKey(request)).key


def ids(scene: Scene) -> tuple[str, str]:
    following = scene.settings.ledger_next_key_file
    assert following is not None
    first, second = (load_or_create_signing_key(file) for file in (scene.settings.ledger_key_file, following))
    return key_id(first.public_key()), key_id(second.public_key())


async def test_a_key_is_rotated_again_and_again(scene: Scene) -> None:
    seen = set()
    asked = question(plan=1)
    await scene.answered(asked)
    for number in range(3):
        before = ids(scene)
        assert (await rotate(scene)).key_id == before[1]
        await reopened(scene)
        assert ids(scene) == before, "its own entry is the last, and signed by the key before"
        await scene.reserve(question(plan=10 + number))
        await refused("LEDGER_KEY_MISSING", rotate(scene))
        await reopened(scene)
        assert ids(scene)[0] == before[1]
        assert ids(scene)[1] not in before
        seen.add(before[0])
        answered = await scene.reserve(asked)
        assert answered.receipt.signature.key_id == before[1]  # the key of its position is no longer held
    assert len(seen) == 3


async def test_a_key_stays_while_one_chain_needs_it(scene: Scene) -> None:
    with calling_as(ADMINISTRATOR):
        stub: Any = PopulationAdminServiceStub(scene.first.channel)
        await stub.CreatePopulation(
            population_pb.CreatePopulationRequest(
                population_id="coast", population=Population(unit=PRIVACY_UNIT_KIND_ROW)
            )
        )
    before = ids(scene)
    await rotate(scene)
    await scene.reserve(question(plan=1))
    await reopened(scene)
    assert ids(scene) == before
    assert await keys_in_use(scene.settings.store_url) == set(before)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
async def test_the_last_entry_of_a_chain_is_found_whatever_its_length(scene: Scene, count: int) -> None:
    for number in range(count):
        await scene.reserve(question(plan=number + 1, picos=1))
    await rotate(scene)
    assert await keys_in_use(scene.settings.store_url) == {ids(scene)[0]}
    await scene.reserve(question(plan=100, picos=1))
    assert await keys_in_use(scene.settings.store_url) == {ids(scene)[1]}
