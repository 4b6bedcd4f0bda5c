"""Row 24, attack: the operator rewrites history.

Every entry is hashed into a chain and signed; heads and receipts name their place in it. Whatever byte is changed, a
verifier that knows the public key names the entry, and the accountant itself goes no further.
"""

import base64
import hashlib
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sfumato.v1 import ledger_pb2
from sfumato.v1 import ledger_service_pb2 as ledger
from sfumato.verification.defects import Defect, ExportUnreadable
from sfumato.verification.json_lines import JsonLinesExport, lines
from sfumato.verification.verifier import Verdict, verify
from sfumato_mesh.caller import calling_as
from sfumato_mesh.refusal import Refusal
from tests.attacks.conftest import Twins
from tests.attacks.wire import COUNT, Attacker, rho
from tests.contract import ledger_scene
from tests.mesh_scene import MeshScene

Export = tuple[list[ledger_pb2.LedgerEntry], bytes]


def first_bad(entries: list[ledger_pb2.LedgerEntry], public_key: bytes, population: str) -> int | None:
    """A verifier from the contract's text alone: position of the first entry that is not as it was signed."""
    previous = bytes(32)
    key = Ed25519PublicKey.from_public_bytes(public_key)
    for position, entry in enumerate(entries):
        digests = [record.digest for record in entry.records]
        whole = all(not r.payload or hashlib.sha256(r.payload.encode()).digest() == r.digest for r in entry.records)
        fields = {
            "at": entry.time.ToJsonString(),
            "population": entry.population,
            "prev_hash": entry.previous_hash.hex(),
            "records": [digest.hex() for digest in digests],
            "seq": str(entry.sequence),
        }
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        head = {"hash": entry.entry_hash.hex(), "population": population, "seq": str(position)}
        signed = "sfumato.v1.LedgerHead\n" + json.dumps(head, sort_keys=True, separators=(",", ":"))
        sound = (
            whole
            and entry.population == population
            and entry.sequence == position
            and entry.previous_hash == previous
            and hashlib.sha256(text.encode()).digest() == entry.entry_hash
        )
        try:
            key.verify(entry.signature.ed25519, signed.encode())
        except InvalidSignature:
            sound = False
        if not sound:
            return position
        previous = entry.entry_hash
    return None


@pytest.fixture(scope="module")
def export(scene: MeshScene, twins: Twins) -> Export:
    analyst, auditor = Attacker(scene), Attacker(scene, "admin")
    plan = f'source {{ scan {{ dataset: "datasets/{twins.without}" }} }} {COUNT}'
    for _ in range(3):
        assert analyst.run(plan, rho(10**7), fresh=True).code is grpc.StatusCode.OK
    parent = f"populations/{twins.without}"
    request = ledger.ListLedgerEntriesRequest(parent=parent, page_size=1000)
    listed = auditor.call("LedgerService", "ListLedgerEntries", request, ledger.ListLedgerEntriesResponse)
    head = auditor.call(
        "LedgerService", "GetLedgerHead", ledger.GetLedgerHeadRequest(population=parent), ledger.GetLedgerHeadResponse
    )
    for each in (analyst, auditor):
        each.close()
    return list(listed.messages[0].ledger_entries), head.messages[0].keys[0].public_key


def copied(entries: list[ledger_pb2.LedgerEntry]) -> list[ledger_pb2.LedgerEntry]:
    return [ledger_pb2.LedgerEntry.FromString(entry.SerializeToString()) for entry in entries]


def flips(entry: ledger_pb2.LedgerEntry) -> Iterator[tuple[str, Any]]:
    """Every byte of what is hashed or signed, changed one at a time."""
    for name in ("previous_hash", "entry_hash"):
        value = getattr(entry, name)
        for place in range(len(value)):
            yield name, value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
    for place in range(64):
        value = entry.signature.ed25519
        yield "signature", value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
    for index, record in enumerate(entry.records):
        for place in range(0, len(record.payload), 7):
            character = "0" if record.payload[place] != "0" else "1"
            yield f"payload {index}", record.payload[:place] + character + record.payload[place + 1 :]


def changed(entry: ledger_pb2.LedgerEntry, name: str, value: Any) -> None:
    if name == "signature":
        entry.signature.ed25519 = value
    elif name.startswith("payload"):
        entry.records[int(name.split()[1])].payload = value
    else:
        setattr(entry, name, value)


def test_a_sound_chain_verifies(export: Export, twins: Twins) -> None:
    entries, key = export
    assert len(entries) > 6
    assert first_bad(entries, key, f"populations/{twins.without}") is None


def test_whatever_byte_is_flipped_the_verifier_names_the_entry(export: Export, twins: Twins) -> None:
    entries, key = export
    population = f"populations/{twins.without}"
    place = len(entries) // 2
    tried = 0
    for name, value in flips(entries[place]):
        tampered = copied(entries)
        changed(tampered[place], name, value)
        assert first_bad(tampered, key, population) == place, name
        tried += 1
    assert tried > 150


@pytest.mark.parametrize("act", ["removed", "exchanged", "repeated", "cut"])
def test_entries_that_go_missing_or_move_are_noticed(export: Export, twins: Twins, act: str) -> None:
    entries, key = export
    population = f"populations/{twins.without}"
    place = len(entries) // 2
    tampered = copied(entries)
    if act == "removed":
        del tampered[place]
    elif act == "exchanged":
        tampered[place], tampered[place + 1] = tampered[place + 1], tampered[place]
    elif act == "repeated":
        tampered.insert(place, tampered[place])
        place += 1
    else:  # an old head that somebody kept is then not in the chain
        assert first_bad(tampered[:place], key, population) is None
        kept = entries[-1]
        assert kept.sequence >= len(tampered[:place])
        return
    assert first_bad(tampered, key, population) == place


def test_a_history_rewritten_with_all_its_hashes_lacks_the_signature(export: Export, twins: Twins) -> None:
    """Who has the database but not the key can recompute every hash, and sign with a key of their own."""
    entries, key = export
    population = f"populations/{twins.without}"
    tampered = copied(entries)
    place = next(i for i, entry in enumerate(tampered) if "reserved" in entry.records[0].payload)
    payload = tampered[place].records[0].payload.replace('"rho_picos":"', '"rho_picos":"-')
    own = Ed25519PrivateKey.generate()
    previous = tampered[place].previous_hash
    for position in range(place, len(tampered)):
        entry = tampered[position]
        if position == place:
            entry.records[0].payload = payload
            entry.records[0].digest = hashlib.sha256(payload.encode()).digest()
        entry.previous_hash = previous
        fields = {
            "at": entry.time.ToJsonString(),
            "population": population,
            "prev_hash": previous.hex(),
            "records": [record.digest.hex() for record in entry.records],
            "seq": str(position),
        }
        entry.entry_hash = hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).digest()
        previous = entry.entry_hash
        head = {"hash": previous.hex(), "population": population, "seq": str(position)}
        text = "sfumato.v1.LedgerHead\n" + json.dumps(head, sort_keys=True, separators=(",", ":"))
        entry.signature.ed25519 = own.sign(text.encode())
    assert first_bad(tampered, key, population) == place


def test_a_receipt_does_not_fit_a_rewritten_chain(scene: MeshScene, twins: Twins) -> None:
    import sfumato as sf

    mesh = scene.connect()
    receipt = mesh.dataset(twins.without).agg(n=sf.count()).run(rho=0.001).receipt
    assert receipt.verify().sequence > 0
    told = receipt.to_proto()
    signed = json.loads(told.signed_statement)
    for field, value in (("entry_hash", base64.b64encode(bytes(32)).decode()), ("sequence", "1"), ("charge", {})):
        forged = receipt.to_proto()
        forged.signed_statement = json.dumps({**signed, field: value}, sort_keys=True, separators=(",", ":"))
        with pytest.raises(sf.SfumatoError):
            sf.Receipt(forged, receipt._query, receipt._evidence).verify()


@pytest.mark.parametrize("what", ["payload", "hash", "gap", "order"])
async def test_the_accountant_goes_no_further_on_a_tampered_chain(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with ledger_scene.opened_scene("sqlite", tmp_path) as books:
        await books.grant(ledger_scene.rho(1000))
        await books.grant(ledger_scene.rho(1000), analyst="users/ada")
        for plan in range(3):
            await books.answered(ledger_scene.question(plan=plan + 1, picos=100))
        await books.first.accountant.close()
        _tamper(tmp_path / "ledger.sqlite", what)
        again = await books.open()
        with calling_as(ledger_scene.ADA), pytest.raises(grpc.RpcError) as caught:
            await again.gateway.ReserveQuery(ledger_scene.question(plan=9, picos=100))
        refusal = Refusal.from_rpc_error(caught.value)
        assert refusal is not None
        assert refusal.reason in ("SERVICE_UNAVAILABLE", "LEDGER_BROKEN")


def _tamper(path: Path, what: str) -> None:
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT sequence, payloads, proof FROM entries WHERE population = ? ORDER BY sequence",
            (ledger_scene.POPULATION,),
        ).fetchall()
        sequence, payloads, proof = next(row for row in rows if "reserved" in row[1])
        if what == "payload":
            assert '"rho_picos":"100"' in payloads, payloads
            changed = payloads.replace('"rho_picos":"100"', '"rho_picos":"001"')
            connection.execute("UPDATE entries SET payloads = ? WHERE sequence = ?", (changed, sequence))
        elif what == "hash":
            changed = proof[:32] + bytes([proof[32] ^ 1]) + proof[33:]
            connection.execute("UPDATE entries SET proof = ? WHERE sequence = ?", (changed, sequence))
        elif what == "gap":
            connection.execute("DELETE FROM entries WHERE sequence = ?", (sequence,))
        else:
            _, payloads, proof = rows[sequence + 1]
            connection.execute(
                "UPDATE entries SET payloads = ?, proof = ? WHERE sequence = ?", (payloads, proof, sequence)
            )


# What everybody has at hand: `ExportLedger`, and `sfumato verify`.


@pytest.fixture(scope="module")
def parts(scene: MeshScene, twins: Twins, export: Export) -> list[ledger.ExportLedgerResponse]:
    auditor = Attacker(scene, "admin")
    request = ledger.ExportLedgerRequest(population=f"populations/{twins.without}")
    found = auditor.call("LedgerService", "ExportLedger", request, ledger.ExportLedgerResponse)
    auditor.close()
    assert found.code is grpc.StatusCode.OK, found.text
    return found.messages


def judged(data: bytes, key: bytes) -> Verdict:
    return verify(JsonLinesExport(io.BytesIO(data), "export.jsonl"), {key})


def test_the_export_of_a_mesh_verifies_and_says_what_was_spent(
    parts: list[ledger.ExportLedgerResponse], export: Export
) -> None:
    entries, key = export
    verdict = judged(b"".join(lines(parts)), key)
    assert verdict.entries >= len(entries)
    assert verdict.hidden_events == 0
    assert verdict.books.population_spent.rho >= 3 * 10**7


def test_whatever_is_done_to_an_export_is_found(parts: list[ledger.ExportLedgerResponse], export: Export) -> None:
    _, key = export
    whole = list(lines(parts))
    place = len(whole) // 2
    forgeries = {
        "dropped": [*whole[:place], *whole[place + 1 :]],
        "exchanged": [*whole[:place], whole[place + 1], whole[place], *whole[place + 2 :]],
        "repeated": [*whole[:place], whole[place], *whole[place:]],
        "appended": [*whole[:-1], whole[place], whole[-1]],
        "appended behind the head": [*whole, whole[place]],
        "cut": [*whole[:-2], whole[-1]],
        "cut short": whole[:-1],
    }
    for forged in forgeries.values():
        with pytest.raises((Defect, ExportUnreadable)):
            judged(b"".join(forged), key)
    line = bytearray(whole[place])
    for position in range(0, len(line), 11):
        flipped = bytearray(line)
        flipped[position] ^= 1
        with pytest.raises((Defect, ExportUnreadable)):
            judged(b"".join([*whole[:place], bytes(flipped), *whole[place + 1 :]]), key)


def test_the_mesh_judges_itself_and_lets_its_readers_watch(scene: MeshScene, twins: Twins, export: Export) -> None:
    auditor, analyst = Attacker(scene, "admin"), Attacker(scene)
    population = f"populations/{twins.without}"
    request = ledger.VerifyLedgerRequest(population=population)
    found = auditor.call("LedgerService", "VerifyLedger", request, ledger.VerifyLedgerResponse)
    assert found.messages[-1].HasField("verified"), found.text
    refused = analyst.call("LedgerService", "VerifyLedger", request, ledger.VerifyLedgerResponse)
    assert refused.reason == "ACCESS_DENIED"
    watch: Any = analyst.channel.unary_stream("/sfumato.v1.LedgerService/WatchLedger")
    watching = ledger.WatchLedgerRequest(population=population, start_sequence=2).SerializeToString()
    stream = watch(watching, metadata=analyst.metadata, timeout=30)
    first = ledger.WatchLedgerResponse.FromString(next(stream))
    assert first.ledger_entries[0].sequence == 2
    stream.cancel()
    for each in (auditor, analyst):
        each.close()
