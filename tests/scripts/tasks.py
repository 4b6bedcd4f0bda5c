"""Every administrative task by script, in one walk, on whatever mesh a shell reaches."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sfumato as sf
from tests.scripts.shell import Shell

WHY = ("--why", "a walk through every task")


def dataset_file(folder: Path, population: str, source: dict[str, Any]) -> Path:
    """Write a Dataset as JSON; return its path."""
    columns = [
        {"name": "age", "integer": {"lower": "0", "upper": "120"}},
        {"name": "ward", "category": {"values": ["a", "b"]}},
    ]
    record = {"population": f"populations/{population}", "privacyUnit": {}, "source": source}
    path = folder / f"{population}.json"
    path.write_text(json.dumps({**record, "displayName": "Visits", "schema": {"columns": columns}}))
    return path


def register(shell: Shell, name: str, issuer: str, source: dict[str, Any], folder: Path) -> None:
    """Users, a population, a published dataset, a project."""
    user = shell.done("users", "add", name, "--issuer", issuer, "--subject", name, "--role", "analyst")["user"]
    assert user["roles"] == [{"role": "ROLE_ANALYST"}]
    friend = f"{name}-friend"
    shell.done("users", "add", friend, "--issuer", issuer, "--subject", friend, "--role", "analyst")
    assert shell.done("populations", "add", name, "--unit", "row")["population"]["state"] == "STATE_ACTIVE"
    path = str(dataset_file(folder, name, source))
    assert not shell.done("datasets", "add", name, "--file", path, "--dry-run")["dataset"].get("version")
    shell.done("datasets", "add", name, "--file", path)
    assert shell.done("datasets", "publish", name, "--check")["response"]["state"] == "STATE_CHECKED"
    published = shell.done("datasets", "publish", name)
    assert (published["done"], published["response"]["name"]) == (True, f"datasets/{name}/versions/1")
    changed = shell.done("datasets", "change", name, "--description", 'what "they" said', "--custodian", friend)
    assert changed["dataset"]["description"] == 'what "they" said'
    assert changed["dataset"]["custodians"] == [f"users/{friend}"]
    project = shell.done("projects", "add", name, "--member", name, "--member", friend, "--dataset", name)["project"]
    assert project["members"] == [f"users/{name}", f"users/{friend}"]
    assert "members" not in shell.done("projects", "change", name, "--member", "")["project"]


def limit(shell: Shell, name: str) -> None:
    """Grants: given, changed, told."""
    shell.done("grants", "give", name, "--rho", "2", "--delta", "1e-8", *WHY)
    scope = (name, "--analyst", name)
    window = ("--window", "30d", "--window-rho", "0.25", "--window-start", "2026-01-01")
    dry = shell.done("grants", "give", *scope, "--rho", "1", *WHY, "--dry-run")
    assert "before" not in dry
    assert shell.refused("grants", "change", *scope, "--rho", "1", *WHY)["reason"] == "ACCESS_DENIED"
    shell.done("grants", "give", *scope, "--rho", "0.3", *WHY)
    changed = shell.done("grants", "change", *scope, "--rho", "0.5", *window, *WHY)
    assert changed["before"]["limit"]["rhoPicos"] == "300000000000"
    assert changed["grant"]["window"]["length"] == "2592000s"
    [listed] = shell.done("grants", "list", "--population", name, "--analyst", name)["grants"]
    assert listed == shell.done("grants", "show", *scope)["grant"]


def spend(shell: Shell, name: str, analyst: sf.Mesh, token: str) -> None:
    """What was asked, what it cost, what is lent; freezing, and withholding of an answer."""
    with analyst:
        answer = analyst.sql(f"SELECT COUNT(*) AS n FROM {name}", rho=0.125)
        [query] = shell.done("queries", "list", "--analyst", name, "--state", "succeeded")["queries"]
        assert (query["name"], query["charge"]["rhoPicos"]) == (answer.query, "125000000000")
        assert "question" in shell.done("queries", "show", answer.query)["query"]
        assert not shell.done("queries", "list", "--analyst", name, "--until", "2020-01-01T00:00Z")["queries"]
        shell.done("releases", "withhold", answer.query, *WHY)
        assert not _can_read(analyst, answer.query)
        shell.done("releases", "allow", answer.query, *WHY)
        assert _can_read(analyst, answer.query)
    [budget] = shell.done("budgets", "list", "--population", name, "--analyst", name)["budgets"]
    assert (budget["spent"]["rhoPicos"], budget["remaining"]["rhoPicos"]) == ("125000000000", "125000000000")
    points = shell.done("budgets", "timeline", name)["points"]
    assert points[-1]["spent"]["rhoPicos"] == "125000000000"
    lent = shell.done("delegations", "lend", name, "--to", f"{name}-friend", "--rho", "0.0625", SFUMATO_TOKEN=token)
    assert shell.done("delegations", "list", "--population", name)["grants"] == [lent["grant"]]
    back = shell.done("delegations", "reclaim", lent["grant"]["name"])
    assert back["reclaimed"]["rhoPicos"] == "62500000000"
    assert shell.done("freeze", name, *WHY)["budget"]["frozen"]
    assert not shell.done("thaw", name, *WHY)["budget"].get("frozen")


def _can_read(analyst: sf.Mesh, query: str) -> bool:
    try:
        return analyst.query(query).answer().rows() != []
    except sf.PreconditionFailed as refusal:
        if refusal.reason != "RELEASE_WITHHELD":
            raise
        return False


def prove(shell: Shell, name: str, folder: Path) -> None:
    """The ledger: its end, its entries, an export that verifies offline, the accountant's own verdict."""
    export = folder / f"{name}.jsonl"
    assert shell.run("ledger", "export", name, "--output", str(export)).status == 0
    [finding] = shell.done("ledger", "check", str(export))["findings"]
    assert finding["verdict"] == "verified"
    head = shell.done("ledger", "head", name)["head"]
    entries = shell.done("ledger", "entries", name)["ledgerEntries"]
    assert entries[-1].get("sequence", "0") == head.get("sequence", "0") == str(len(entries) - 1)
    assert "genesis" in entries[0]["records"][0]["event"]
    verdict = shell.done("ledger", "verify", name)
    assert verdict["verified"]["head"]["entryHash"] == head["entryHash"]
    assert verdict["verifiedEntries"] == str(len(entries))


def take_away(shell: Shell, name: str) -> None:
    """Disable, withdraw, delete; populations merged and split."""
    assert shell.done("users", "disable", name)["user"]["disabled"]
    assert not shell.done("users", "enable", name)["user"].get("disabled")
    roles = shell.done("users", "change", name, "--role", f"auditor@populations/{name}", "--display-name", "Ann")
    assert roles["user"]["roles"] == [{"role": "ROLE_AUDITOR", "resource": f"populations/{name}"}]
    assert shell.refused("datasets", "withdraw", name)["reason"] == "RESOURCE_IN_USE"
    shell.done("projects", "delete", name)
    shell.done("datasets", "withdraw", name)
    ids = {key: {each["name"] for each in shell.done(key, "list")[key]} for key in ("users", "datasets", "projects")}
    assert f"users/{name}" in ids["users"]
    assert not {f"datasets/{name}", f"projects/{name}"} & (ids["datasets"] | ids["projects"])
    shell.done("users", "delete", f"{name}-friend")
    for part in ("north", "south"):
        shell.done("populations", "add", f"{name}-{part}", "--unit", "identifier", "--identifier-space", "ship")
    act = ("--request-id", str(uuid.uuid4()))
    merge = ("merge", f"{name}-north", f"{name}-south", "--into", f"{name}-sea", *WHY, *act)
    assert shell.done("populations", *merge) == shell.done("populations", *merge)
    parts = ("--part", f"{name}-east=", "--part", f"{name}-west=")
    split = shell.done("populations", "split", f"{name}-sea", *parts, *WHY)["populations"]
    assert [each["name"] for each in split] == [f"populations/{name}-east", f"populations/{name}-west"]
    shell.done("populations", "change", f"{name}-east", "--description", "east")
    shell.done("populations", "delete", f"{name}-west")
    assert shell.done("populations", "show", f"{name}-sea")["population"]["state"] == "STATE_CLOSED"
    assert shell.refused("populations", "reopen", name, "--nothing-else", *WHY)["reason"]


def source_of(path: str) -> dict[str, Any]:
    """A file below the mesh's data folder."""
    return {"path": {"path": path}}


def walk(
    shell: Shell,
    name: str,
    issuer: str,
    source: dict[str, Any],
    folder: Path,
    mesh: Callable[[], sf.Mesh],
    token: str,
) -> None:
    """Do every task, and look that no argument of any program held a token.

    Args:
        shell: an administrator's.
        name: of everything that is made; nothing of that name may be there.
        issuer: of the users' tokens.
        source: of the dataset; it holds ROWS.
        folder: for files.
        mesh: opens a client of the user `name`.
        token: of that user.
    """
    register(shell, name, issuer, source, folder)
    limit(shell, name)
    spend(shell, name, mesh(), token)
    prove(shell, name, folder)
    take_away(shell, name)
    noted = shell.log.read_text()
    assert "sfumato.v1.BudgetAdminService/GrantBudget" in noted
    assert token not in noted
    assert shell.connection["SFUMATO_TOKEN"] not in noted


ROWS = "age,ward\n" + "".join(f"{20 + i % 60},{'ab'[i % 2]}\n" for i in range(200))
