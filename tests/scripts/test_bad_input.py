"""What is refused, what cannot be reached, and what was cut off."""

import dataclasses
import subprocess
from pathlib import Path

import pytest

from sfumato_embedded.identities import ISSUER
from tests.mesh_process import MeshProcess
from tests.scripts.conftest import SFUMATO
from tests.scripts.shell import SCRIPTS, Shell

TASKS = sorted(each.name for each in SCRIPTS.iterdir() if each.is_file() and each.suffix == "")
WHY = ("--why", "a reason of its own")
DECLARATIONS = f"""
kind: Population
name: bulk
unit: row
---
kind: User
name: bulk-ada
issuer: {ISSUER}
subject: bulk-ada
roles: [{{role: analyst}}]
---
kind: Grant
scope: {{population: bulk}}
limit: {{rho: 1}}
"""
LAST = """
---
kind: Grant
scope: {population: bulk, analyst: bulk-ada}
limit: {rho: %s}
"""


@pytest.fixture
def alone(shell: Shell, tmp_path: Path) -> Shell:
    """A machine on which sfumato is not installed."""
    programs = {name: path for name, path in shell.programs.items() if name != "sfumato"}
    return dataclasses.replace(shell, root=tmp_path / "alone", programs=programs, home={})


def test_missing_token(shell: Shell) -> None:
    refusal = shell.refused("users", "list", SFUMATO_TOKEN="")
    assert "no token" in refusal["message"]
    assert "SFUMATO_TOKEN" in refusal["hint"]


def test_a_token_that_is_none(shell: Shell) -> None:
    refusal = shell.refused("users", "list", SFUMATO_TOKEN="abc")
    assert (refusal["code"], refusal["reason"]) == ("unauthenticated", "TOKEN_INVALID")
    assert "a token" not in shell.refused("users", "list", SFUMATO_TOKEN="a\ntoken")["message"]


def test_wrong_address(shell: Shell) -> None:
    outcome = shell.run("freeze", "people", *WHY, "--json", SFUMATO_TARGET="127.0.0.1:1")
    assert (outcome.status, outcome.out) == (3, "")
    assert "nobody answers at 127.0.0.1:1" in outcome.refusal["message"]
    assert "--request-id" in outcome.refusal["hint"]
    assert "host:port" in shell.refused("users", "list", SFUMATO_TARGET="mesh")["message"]


def test_refusals_in_plain_text(shell: Shell, alone: Shell) -> None:
    told, bare = (each.run("users", "show", "nobody") for each in (shell, alone))
    for outcome in (told, bare):
        assert (outcome.status, outcome.out) == (2, "")
        assert "users/nobody is not there" in outcome.err
        assert "ask its custodian" in outcome.err
        assert "ACCESS_DENIED" in outcome.err
    assert told.err.startswith("AccessDenied:")
    assert bare.err.startswith("permission denied:")


def test_a_source_that_cannot_be_published(shell: Shell, client: str, tmp_path: Path) -> None:
    name = f"broken-{client}"
    file = tmp_path / "dataset.json"
    source = '"source": {"path": {"path": "nowhere.csv"}}, "schema": {"columns": [{"name": "a", "boolean": {}}]}'
    file.write_text(f'{{"population": "populations/{name}", "privacyUnit": {{}}, {source}}}')
    shell.done("populations", "add", name, "--unit", "row")
    shell.done("datasets", "add", name, "--file", str(file))
    refusal = shell.refused("datasets", "publish", name)
    assert refusal["reason"] == "DATA_NOT_PUBLISHABLE"
    assert "nowhere.csv" in refusal["message"]


@pytest.mark.parametrize("client", ["grpcurl"], indirect=False)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("users", "frob"), "one of: add"),
        (("users", "add", "x"), "iss of its tokens"),
        (("users", "add", "x", "y", "--issuer", "i", "--subject", "s"), "--help"),
        (("users", "add", "x", "--issuer", "i", "--subject", "s", "--role", "king"), "administrator or auditor"),
        (("users", "list", "--what"), "--help"),
        (("users", "add", "x", "--issuer"), "--help"),
        (("grants", "give", "p", "--rho", "much", *WHY), "0 to 1000"),
        (("grants", "give", "p", "--rho", "1", "--epsilon", "1", *WHY), "--rho 0.3"),
        (("grants", "give", "p", "--rho", "1", "--window", "soon", *WHY), "30d"),
        (("budgets", "timeline", "p", "--since", "yesterday"), "2026-11-24T12:00Z"),
        (("populations", "split", "p", "--part", "x", *WHY), "north="),
        (("datasets", "add", "x", "--file", "/dev/null"), ""),
        (("datasets", "add", "x", "--file", "/nowhere"), ""),
        (("queries", "list", "--state", "lost"), "succeeded"),
    ],
)
def test_wrong_usage_is_refused_before_a_call(shell: Shell, client: str, arguments: tuple[str, ...], said: str) -> None:
    refusal = shell.refused(*arguments)
    assert said in refusal["hint"]
    assert "sfumato.v1." not in shell.log.read_text()


@pytest.mark.parametrize("task", TASKS)
def test_help(task: str) -> None:
    done = subprocess.run([SCRIPTS / task, "--help"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"  {task} " in done.stdout
    assert "Exit status: 0 done" in done.stdout
    assert "shellcheck" not in done.stdout


@pytest.mark.parametrize("client", ["grpcurl"], indirect=False)
class TestDeclarations:
    """Bulk load, which is `sfumato admin apply` with the scripts' connection."""

    def test_garbage(self, shell: Shell, client: str, tmp_path: Path) -> None:
        for number, text in enumerate(("kind: [unclosed", "\x00\x01", "kind: Castle\nname: x", "- 1\n- 2", "")):
            file = tmp_path / f"{number}.yaml"
            file.write_text(text)
            outcome = shell.run("declarations", "apply", str(file))
            assert (outcome.status, outcome.out) == (2, ""), text
            assert "REQUEST_INVALID" in outcome.err
        binary = tmp_path / "binary.yaml"
        binary.write_bytes(b"\xff\xfe\x00garbage")
        assert shell.run("declarations", "diff", str(binary)).status == 2

    def test_half_applied_and_applied_again(self, shell: Shell, client: str, tmp_path: Path, mesh: MeshProcess) -> None:
        half, whole = tmp_path / "half.yaml", tmp_path / "whole.yaml"
        half.write_text(DECLARATIONS + LAST % "0.5" + (LAST % "0.5").replace("bulk-ada", "bulk-nobody"))
        whole.write_text(DECLARATIONS + LAST % "0.5")
        dry = shell.done("declarations", "apply", str(whole), "--dry-run")
        assert dry["dry_run"]
        assert shell.run("populations", "show", "bulk").status == 2
        assert shell.run("declarations", "apply", str(half)).status == 2
        assert shell.run("populations", "show", "bulk").status == 0
        shell.done("declarations", "apply", str(whole))
        entries = shell.done("ledger", "entries", "bulk")["ledgerEntries"]
        again = shell.done("declarations", "apply", str(whole))
        assert {each["outcome"] for each in again["documents"]} == {"unchanged"}
        assert shell.done("ledger", "entries", "bulk")["ledgerEntries"] == entries
        assert sum("granted" in each["records"][0]["event"] for each in entries) == 2
        whole.write_text(DECLARATIONS + LAST % "0.75")
        [changed] = [
            e for e in shell.done("declarations", "diff", str(whole))["documents"] if e["outcome"] != "unchanged"
        ]
        assert changed["changes"]
        noted = shell.log.read_text()
        assert str(SFUMATO.name) in noted
        assert mesh.token(administrator=True) not in noted
