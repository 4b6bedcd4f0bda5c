"""Every administrative task by script, with either client, on the embedded mesh."""

from pathlib import Path

import pytest

import sfumato as sf
from sfumato_embedded.identities import ISSUER
from tests.mesh_process import MeshProcess
from tests.scripts.shell import Shell
from tests.scripts.tasks import ROWS, source_of, walk


@pytest.mark.timeout(400)
def test_every_task(mesh: MeshProcess, shell: Shell, client: str, tmp_path: Path) -> None:
    (mesh.folder / "data" / f"{client}.csv").write_text(ROWS)
    token = mesh.token_of(client)
    walk(shell, client, ISSUER, source_of(f"{client}.csv"), tmp_path, lambda: sf.connect(mesh.target, token), token)


def test_tables_for_people(shell: Shell) -> None:
    shown = shell.run("users", "list")
    assert (shown.status, shown.err) == (0, "")
    head, *rows = shown.out.splitlines()
    assert head.split() == ["USER", "STATE", "ROLES", "SUBJECT", "ISSUER"]
    assert any(row.split()[:4] == ["admin", "active", "administrator", "admin"] for row in rows)


def test_the_token_that_sfumato_up_wrote(mesh: MeshProcess, shell: Shell) -> None:
    nothing = {"SFUMATO_TARGET": "", "SFUMATO_TOKEN": ""}
    config = str(mesh.root / "config")
    assert shell.done("users", "list", **nothing, XDG_CONFIG_HOME=config)["users"]
    elsewhere = {**nothing, "SFUMATO_TARGET": "localhost:1", "XDG_CONFIG_HOME": config}
    assert "no token for localhost:1" in shell.refused("users", "list", **elsewhere)["message"]


def test_the_token_of_a_file(mesh: MeshProcess, shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(mesh.token(administrator=True) + "\n")
    assert shell.done("users", "list", SFUMATO_TOKEN="", SFUMATO_TOKEN_FILE=str(file))["users"]


def test_the_ledgers_key_is_rotated(shell: Shell, client: str) -> None:
    """The mesh has one further key: who comes second is told how to give it another."""
    name = f"rotating-{client}"
    shell.done("populations", "add", name, "--unit", "row")
    outcome = shell.run("populations", "rotate-key", name, "--json")
    if outcome.status:
        assert outcome.refusal["reason"] == "LEDGER_KEY_MISSING"
    else:
        keys = shell.done("ledger", "head", name)["keys"]
        assert [each["keyId"] for each in keys][-1] == outcome.document["key"]["keyId"]
