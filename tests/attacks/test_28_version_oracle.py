"""Row 28, attack: a digest, size or version in a receipt as an oracle for one who knows all rows but one.

Versions are counters; a release's digest holds a 128-bit salt. Receipts of one plan on neighbouring data differ in the
noise behind the release digest and in what is random or names the chain, and in nothing else.
"""

import json
from typing import Any

import grpc
import pyarrow as pa

from sfumato.v1 import dataset_service_pb2 as datasets
from sfumato_executor.engines.native.engine import execute
from sfumato_executor.releases.sealing import digest_of, seal, unseal
from tests.attacks.conftest import COLUMNS, ROWS, Twins
from tests.attacks.tables import SCAN, dataset, program, table
from tests.attacks.wire import COUNT, Attacker, rho
from tests.mesh_scene import MeshScene

RANDOM = {"query", "entry_hash", "release_digest", "claim_digest", "release_time", "plan_digest"}


def statement(attacker: Attacker, name: str) -> dict[str, Any]:
    plan = f'source {{ scan {{ dataset: "datasets/{name}" }} }} {COUNT}'
    outcome = attacker.run(plan, rho(10**8), fresh=True)
    assert outcome.code is grpc.StatusCode.OK, outcome.said
    signed: dict[str, Any] = json.loads(outcome.query.receipt.signed_statement)
    return signed


def test_receipts_of_neighbours_differ_in_noise_alone(scene: MeshScene, twins: Twins) -> None:
    attacker = Attacker(scene)
    told = []
    for name in twins.names:
        signed = statement(attacker, name)
        assert set(signed) >= {"charge", "data_versions", "measures", "plan_digest", "release_digest", "scopes"}
        kept = {key: value for key, value in signed.items() if key not in RANDOM | {"sequence"}}
        told.append(twins.anonymous(json.dumps(kept, sort_keys=True)))
    assert told[0] == told[1]
    attacker.close()


def test_one_answer_has_another_digest_each_time() -> None:
    """Hashing likely answers against a receipt finds nothing: the salt of 128 bits would have to be guessed."""
    made = dataset('columns { name: "x" integer { upper: 3 } }')
    counted = program(f"{SCAN} {COUNT}", made)
    release = execute(counted, table(made, {"x": [1, 2]}))
    sealed = [seal(release, counted.digest) for _ in range(4)]
    assert len({digest_of(each) for each in sealed}) == 4
    assert all(unseal(each, counted.digest).equals(release) for each in sealed)
    assert len({each[16:] for each in sealed}) == 1  # so the salt is what tells them apart, 16 bytes of it
    assert isinstance(release, pa.Table)


def test_a_version_is_a_counter_whether_or_not_bytes_changed(scene: MeshScene) -> None:
    name = scene.publish("versions", ROWS, COLUMNS)
    attacker = Attacker(scene)
    assert statement(attacker, name)["data_versions"] == [{"dataset": "datasets/versions", "version": "1"}]
    scene.admin("publish", name)
    scene.write(name, [*ROWS, *ROWS], list(COLUMNS))
    scene.admin("publish", name)
    assert statement(attacker, name)["data_versions"] == [{"dataset": "datasets/versions", "version": "3"}]
    attacker.close()


def test_what_an_analyst_reads_of_a_dataset_is_not_of_its_bytes(scene: MeshScene, twins: Twins) -> None:
    attacker = Attacker(scene)
    told = []
    for name in twins.names:
        request = datasets.GetDatasetRequest(name=f"datasets/{name}")
        found = attacker.call("DatasetService", "GetDataset", request, datasets.GetDatasetResponse)
        assert found.code is grpc.StatusCode.OK, found.said
        record = found.messages[0].dataset
        assert not record.HasField("source")
        assert not record.custodians
        for field in ("create_time", "update_time", "etag"):
            record.ClearField(field)
        told.append(twins.anonymous(str(record)))
    assert told[0] == told[1]
    attacker.close()
