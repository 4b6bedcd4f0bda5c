"""`sfumato verify` and `sfumato admin ledger`: exit statuses, what they print, and what they leave behind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from typer.testing import CliRunner

import sfumato as sf
from sfumato.cli import context
from sfumato.cli.app import app
from sfumato.v1 import ledger_pb2, receipt_pb2
from sfumato.v1 import ledger_service_pb2 as pb
from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.population_pb2 import ACCOUNTING_UNSPECIFIED
from sfumato.v1.scope_pb2 import ScopeCharge
from sfumato.verification import arrow_files
from tests.ledger_forge import ADA, Forge, canonical, eventful, funded, key_id, key_of, lines, public, rho

KEY = public(key_of(1)).hex()


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def written(path: Path, forge: Forge, form: str = "jsonl") -> str:
    if form == "arrow":
        with path.open("wb") as stream:
            arrow_files.write(forge.parts(), stream)
    else:
        path.write_bytes(b"".join(lines(forge.parts())))
    return str(path)


@pytest.mark.parametrize("form", ["jsonl", "arrow"])
def test_status_0_says_what_is_true(tmp_path: Path, form: str) -> None:
    forge = eventful()
    file = written(tmp_path / f"palmer.{form}", forge, form)
    result = run("verify", file, "--key", KEY)
    assert result.exit_code == 0, result.output
    assert f"palmer.{form}: verified" in result.stdout
    assert forge.entries[-1].entry_hash.hex() in result.stdout
    assert "users/ada on populations/palmer: ρ 4.2e-11" in result.stdout
    (found,) = json.loads(run("verify", file, "--key", KEY, "--json").stdout)["findings"]
    assert (found["verdict"], found["entries"], found["hidden_events"]) == ("verified", len(forge.entries), 0)
    assert found["head"] == {"sequence": str(len(forge.entries) - 1), "entry_hash": forge.entries[-1].entry_hash.hex()}


def test_status_1_names_the_first_bad_entry_and_why(tmp_path: Path) -> None:
    forge = funded()
    forge.reserve(101)
    forge.reserve(101)
    file = written(tmp_path / "palmer.jsonl", forge)
    result = run("verify", file, "--key", KEY)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "position 3 breaks the rule “limit”" in result.stderr
    result = run("verify", file, "--trust-first-key", "--json")
    (found,) = json.loads(result.stdout)["findings"]
    assert (result.exit_code, found["verdict"], found["sequence"], found["rule"]) == (1, "defect", 3, "limit")


def test_status_2_for_what_cannot_be_judged(tmp_path: Path) -> None:
    whole = written(tmp_path / "palmer.jsonl", eventful())
    short = tmp_path / "short.jsonl"
    short.write_bytes(Path(whole).read_bytes()[:-200])
    other = tmp_path / "other.jsonl"
    other.write_text("{}\n")
    damaged = tmp_path / "damaged.arrow"
    damaged.write_bytes(Path(written(tmp_path / "palmer.arrow", eventful(), "arrow")).read_bytes()[:-100])
    cases = {
        (str(short), "--key", KEY): "EXPORT_CUT_SHORT",
        (str(damaged), "--key", KEY): "EXPORT_CUT_SHORT",
        (str(other), "--key", KEY): "EXPORT_INVALID",
        (str(tmp_path / "none.jsonl"), "--key", KEY): "EXPORT_INVALID",
        (whole, "--key", public(key_of(8)).hex()): "EXPORT_KEY_FOREIGN",
        (whole,): "REQUEST_INVALID",
        ("--key", KEY): "REQUEST_INVALID",
        (whole, "--key", "abc"): "REQUEST_INVALID",
    }
    for words, reason in cases.items():
        result = run("verify", *words, "--json")
        findings = json.loads(result.stdout)["findings"]
        assert (result.exit_code, findings[0]["verdict"], findings[0]["reason"]) == (2, "unreadable", reason), words
        assert run("verify", *words).exit_code == 2


def test_of_several_files_the_worst_decides(tmp_path: Path) -> None:
    good = written(tmp_path / "good.jsonl", eventful())
    forge = funded()
    forge.reserve(101)
    bad = written(tmp_path / "bad.jsonl", forge)
    assert run("verify", good, "--key", KEY).exit_code == 0
    assert run("verify", good, bad, "--key", KEY).exit_code == 1
    assert run("verify", bad, str(tmp_path / "none"), "--key", KEY).exit_code == 1
    assert run("verify", good, str(tmp_path / "none"), "--key", KEY).exit_code == 2


def test_keys_are_taken_as_hex_base64_or_a_file(tmp_path: Path) -> None:
    file = written(tmp_path / "palmer.jsonl", eventful())
    key_file = tmp_path / "key.txt"
    key_file.write_text(KEY + "\n")
    base64_text = MessageToDict(receipt_pb2.SigningKey(public_key=public(key_of(2))))["publicKey"]
    for text in (KEY, base64_text, str(key_file)):
        assert run("verify", file, "--key", text).exit_code == 0


def test_hidden_events_are_told_and_can_be_refused(tmp_path: Path) -> None:
    forge = eventful()
    forge.entries[1].records[0].payload = ""
    file = written(tmp_path / "palmer.jsonl", forge)
    result = run("verify", file, "--key", KEY)
    assert result.exit_code == 0
    assert "1 of 20 events are hidden: limits and scopes were not checked" in result.stdout
    assert run("verify", file, "--key", KEY, "--whole").exit_code == 2


def test_a_chain_of_the_first_release_says_what_it_cannot_prove(tmp_path: Path) -> None:
    file = written(tmp_path / "palmer.jsonl", funded(accounting=ACCOUNTING_UNSPECIFIED))
    result = run("verify", file, "--key", KEY)
    assert (result.exit_code, "do not say which project pays" in result.stdout) == (0, True)


# Receipts.


def receipt_of(forge: Forge, query: str, **changed: Any) -> receipt_pb2.Receipt:
    """Return a receipt as the accountant of the forged chain would sign it."""
    from google.protobuf.json_format import Parse

    found: dict[str, Any] = {"population": forge.population, "query": f"queries/{query}"}
    for entry in forge.entries:
        for record in entry.records:
            event = Parse(record.payload, ledger_pb2.LedgerEvent())
            if event.reserved.query == found["query"]:
                paid = event.reserved
                found |= {"charge": paid.charge, "scopes": paid.scopes, "claim_digest": paid.claim_digest}
                found |= {"data_versions": paid.data_versions}
            if event.committed.query == found["query"]:
                found |= {"sequence": entry.sequence, "entry_hash": entry.entry_hash}
                found |= {"release_digest": event.committed.release_digest}
    statement = receipt_pb2.ReceiptStatement(**{**found, **changed})
    text = canonical(MessageToDict(statement, preserving_proto_field_name=True))
    signed = key_of(1).sign(b"sfumato.v1.Receipt\n" + text.encode())
    signature = receipt_pb2.Signature(key_id=key_id(key_of(1)), ed25519=signed)
    return receipt_pb2.Receipt(signed_statement=text, signature=signature, statement=statement)


def kept(path: Path, receipt: receipt_pb2.Receipt) -> str:
    path.write_text(json.dumps({"receipt": MessageToDict(receipt, preserving_proto_field_name=True), "verified": True}))
    return str(path)


def test_a_receipt_is_found_in_the_ledger(tmp_path: Path) -> None:
    forge = funded()
    query = forge.answer(10)
    forge.reserve(5)
    file = written(tmp_path / "palmer.jsonl", forge)
    receipt = receipt_of(forge, query)
    good = kept(tmp_path / "good.json", receipt)
    result = run("verify", "--receipt", good, "--ledger", file, "--key", KEY)
    assert result.exit_code == 0, result.output
    assert "good.json: verified" in result.stdout
    alone = run("verify", "--receipt", good, "--key", KEY)
    assert (alone.exit_code, "the signature alone" in alone.stdout) == (0, True)
    changes: list[dict[str, Any]] = [
        {"charge": Charge(rho_picos=9)},
        {"scopes": [ScopeCharge(scope=forge.scope(), charge=Charge(rho_picos=10))]},
        {"entry_hash": b"x" * 32},
        {"sequence": 99},
        {"sequence": 3},
        {"release_digest": b"x" * 32},
        {"population": "populations/birds"},
    ]
    for change in changes:
        bad = kept(tmp_path / "bad.json", receipt_of(forge, query, **change))
        result = run("verify", "--receipt", bad, file, "--key", KEY)
        assert result.exit_code == (2 if "population" in change else 1), (change, result.output)
    receipt.signed_statement = receipt.signed_statement.replace('"rho_picos":"10"', '"rho_picos":"11"')
    assert run("verify", "--receipt", kept(tmp_path / "bad.json", receipt), file, "--key", KEY).exit_code == 1


def test_the_sdk_finds_a_receipt_in_an_export(tmp_path: Path) -> None:
    forge = funded()
    query = forge.answer(10)
    file = written(tmp_path / "palmer.arrow", forge, "arrow")
    receipt = sf.Receipt(receipt_of(forge, query), None, None)
    assert receipt.verify(export=file).checks == ("signature", "place in the ledger", "the ledger itself")
    keys = [receipt_pb2.SigningKey(public_key=public(key_of(1)), key_id=key_id(key_of(1)))]
    assert receipt.verify(keys, export=file).sequence == 4
    with pytest.raises(sf.ReceiptInvalid, match="another entry"):
        sf.Receipt(receipt_of(forge, query, entry_hash=b"x" * 32), None, None).verify(export=file)


# Chains that follow others.


def merged(tmp_path: Path, picos: int) -> tuple[str, list[str]]:
    """Write two closed chains, and one that carries so much over from them."""
    heads, files = [], []
    for name in ("coast", "inland"):
        forge = Forge(f"populations/{name}")
        forge.grant(rho(100))
        forge.grant(rho(100), analyst=ADA)
        query = forge.reserve(30)
        forge.close("populations/palmer")
        heads.append(forge.head())
        forge.pass_time(seconds=61)
        forge.charge(query)  # terminals of open queries still land
        files.append(written(tmp_path / f"{name}.jsonl", forge))
    carried = [
        ScopeCharge(scope=Forge().scope(**parts), charge=Charge(rho_picos=picos)) for parts in ({}, {"analyst": ADA})
    ]
    forge = Forge(predecessors=heads, spent=carried)
    forge.grant(rho(100))
    forge.grant(rho(100), analyst=ADA)
    forge.reserve(40)
    return written(tmp_path / "palmer.jsonl", forge), files


def test_what_a_merge_carries_is_the_sum(tmp_path: Path) -> None:
    file, (coast, inland) = merged(tmp_path, 60)
    result = run("verify", file, "--key", KEY, "--predecessor", coast, "--predecessor", inland)
    assert result.exit_code == 0, result.output
    assert "not checked" not in result.stdout
    assert "ρ 1e-10" in result.stdout  # 60 + 40
    result = run("verify", file, "--key", KEY, "--predecessor", coast)
    assert (result.exit_code, "populations/inland was not checked" in result.stdout) == (0, True)


def test_a_merge_that_forgets_what_was_spent_is_found(tmp_path: Path) -> None:
    file, (coast, inland) = merged(tmp_path, 59)
    result = run("verify", file, "--key", KEY, "--predecessor", coast, "--predecessor", inland)
    assert result.exit_code == 1
    assert "position 0 breaks the rule “predecessor”" in result.stderr


def test_a_chain_that_follows_one_which_was_not_closed_for_it_is_found(tmp_path: Path) -> None:
    open_chain = funded(population=100)
    open_chain.reserve(10)
    heir = Forge("populations/heir", predecessors=[open_chain.head()], spent=[])
    files = written(tmp_path / "heir.jsonl", heir), written(tmp_path / "palmer.jsonl", open_chain)
    result = run("verify", files[0], "--key", KEY, "--predecessor", files[1])
    assert (result.exit_code, "was not closed" in result.stderr) == (1, True)


# The mesh's ledger.


class Ledger:
    """What the commands ask of a mesh."""

    def __init__(self, forge: Forge, *, cut: bool = False, defect: pb.LedgerDefect | None = None) -> None:
        self.forge = forge
        self.cut = cut
        self.defect = defect

    def head(self, population: str) -> pb.GetLedgerHeadResponse:
        return pb.GetLedgerHeadResponse(head=self.forge.head(), keys=self.forge.parts()[0].header.keys)

    def export(self, population: str) -> Iterator[pb.ExportLedgerResponse]:
        yield from self.forge.parts()[: -2 if self.cut else None]
        if self.cut:
            raise sf.Unavailable("the stream was cut.")

    def rotate_key(self, population: str) -> receipt_pb2.SigningKey:
        return receipt_pb2.SigningKey(key_id=key_id(key_of(2)), public_key=public(key_of(2)))

    def verify(self, population: str) -> Iterator[pb.VerifyLedgerResponse]:
        yield pb.VerifyLedgerResponse(verified_entries=3, total_entries=7)
        verified = (
            None if self.defect else pb.LedgerVerified(head=self.forge.head(), population_spent=Charge(rho_picos=7))
        )
        yield pb.VerifyLedgerResponse(verified_entries=7, total_entries=7, verified=verified, defect=self.defect)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Any:
    def serve(ledger: Ledger) -> None:
        @contextmanager
        def opened() -> Iterator[Ledger]:
            yield ledger

        monkeypatch.setattr(context, "ledger", opened)

    return serve


def test_head_tells_the_key_that_verify_takes(served: Any, tmp_path: Path) -> None:
    forge = eventful()
    served(Ledger(forge))
    shown = run("admin", "ledger", "head", "palmer")
    assert KEY in shown.stdout
    assert forge.entries[-1].entry_hash.hex() in shown.stdout
    assert json.loads(run("admin", "ledger", "head", "palmer", "--json").stdout)["head"]["sequence"] == str(
        len(forge.entries) - 1
    )


def test_the_new_key_is_told(served: Any) -> None:
    served(Ledger(eventful()))
    assert public(key_of(2)).hex() in run("admin", "ledger", "rotate-key", "palmer").stdout


@pytest.mark.parametrize("form", ["jsonl", "arrow"])
def test_an_exported_file_verifies(served: Any, tmp_path: Path, form: str) -> None:
    served(Ledger(eventful()))
    file = tmp_path / f"out.{form}"
    assert run("admin", "ledger", "export", "palmer", "--format", form, "-o", str(file)).exit_code == 0
    assert run("verify", str(file), "--key", KEY).exit_code == 0
    if form == "jsonl":
        assert run("admin", "ledger", "export", "palmer").stdout_bytes == file.read_bytes()
    else:
        assert run("admin", "ledger", "export", "palmer", "--format", form).exit_code == 2


def test_an_export_that_is_cut_leaves_no_file(served: Any, tmp_path: Path) -> None:
    served(Ledger(eventful(), cut=True))
    for form in ("jsonl", "arrow"):
        result = run("admin", "ledger", "export", "palmer", "--format", form, "-o", str(tmp_path / "out"))
        assert (result.exit_code, list(tmp_path.iterdir())) == (3, [])


def test_the_meshs_own_verdict(served: Any) -> None:
    served(Ledger(eventful()))
    result = run("admin", "ledger", "verify", "palmer")
    assert (result.exit_code, "verified, 7 entries" in result.stdout) == (0, True)
    served(Ledger(eventful(), defect=pb.LedgerDefect(sequence=7, rule="hash", description="it is another")))
    result = run("admin", "ledger", "verify", "palmer")
    assert (result.exit_code, "position 7 breaks the rule “hash”" in result.stdout) == (1, True)
