"""Documents for people: a table, or lines."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from .refusals import RefusedError, printable

Row = Sequence[str]


def view(kind: str, document: Any) -> str:
    """Return a document as text.

    Raises:
        RefusedError: nothing is known of that kind.
    """
    if kind not in _VIEWS:
        raise RefusedError("view", f"{kind!r} is no kind")
    return "".join(printable(line).rstrip() + "\n" for line in _VIEWS[kind](document))


def _table(head: Row, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return ["none"]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]


def _listing(key: str, head: Row, row: Callable[[Any], Row]) -> Callable[[Any], list[str]]:
    return lambda document: _table(head, [row(each) for each in document.get(key, [])])


def _one(key: str, head: Row, row: Callable[[Any], Row]) -> Callable[[Any], list[str]]:
    return lambda document: _table(head, [row(document.get(key, {}))])


def _short(name: Any) -> str:
    return str(name or "").rpartition("/")[2]


def _shorts(names: Any) -> str:
    return ", ".join(map(_short, names or [])) or "-"


def _word(value: Any, prefix: str) -> str:
    return str(value or "").replace(prefix, "").replace("_UNSPECIFIED", "").lower() or "-"


def _amount(text: Any, scale: int) -> str:
    """A loss exactly, as people write it."""
    number = Decimal(str(text or 0)).scaleb(-scale).normalize()
    return f"{number:f}" if number >= Decimal("0.0001") or not number else f"{number:e}"


def _charge(charge: Any) -> str:
    if not charge:
        return "0"
    parts = [f"ρ {_amount(charge['rhoPicos'], 12)}"] if charge.get("rhoPicos", "0") != "0" else []
    if not parts and charge.get("epsilonPicos", "0") != "0":
        parts = [f"ε {_amount(charge['epsilonPicos'], 12)}"]
    if charge.get("deltaAttos", "0") != "0":
        parts.append(f"δ {_amount(charge['deltaAttos'], 18)}")
    return " ".join(parts) or "0"


def _limit(limit: Any) -> str:
    loss = (limit or {}).get("rho") or (limit or {}).get("epsilon")
    if loss is None:
        return "-"
    part = (limit or {}).get("thresholdDeltaAttos", "0")
    threshold = f" (thresholds: δ {_amount(part, 18)})" if part != "0" else ""
    return (_charge(loss) if loss else "0") + threshold


def _scope(scope: Any) -> str:
    names = [f"{part} {_short(scope[part])}" for part in ("dataset", "project", "analyst") if scope.get(part)]
    return f"{_short(scope.get('population'))}: " + (", ".join(names) or "all")


def _when(time: Any) -> str:
    return str(time or "-")[:19]


def _roles(user: Any) -> str:
    told = [
        _word(each.get("role"), "ROLE_") + "@" * bool(each.get("resource")) + _short(each.get("resource"))
        for each in user.get("roles", [])
    ]
    return ", ".join(told) or "-"


def _user(user: Any) -> Row:
    return (
        _short(user.get("name")),
        "disabled" if user.get("disabled") else "active",
        _roles(user),
        user.get("subject", "-"),
        user.get("issuer", "-"),
    )


def _dataset(record: Any) -> Row:
    version = str(record.get("version", "0"))
    unit = record.get("privacyUnit", {}).get("column") or "row"
    shown = "not published" if version == "0" else f"version {version}"
    return (_short(record.get("name")), _short(record.get("population")), shown, unit, record.get("displayName", "-"))


def _version(version: Any) -> Row:
    name = version.get("name", "")
    return (
        name or "-",
        _word(version.get("state"), "STATE_"),
        _when(version.get("publishTime")),
        "; ".join(version.get("problems", [])) or "-",
    )


def _project(project: Any) -> Row:
    return (
        _short(project.get("name")),
        _shorts(project.get("members")),
        _shorts(project.get("datasets")),
        project.get("displayName", "-"),
    )


def _population(record: Any) -> Row:
    unit = record.get("identifierSpace") or _word(record.get("unit"), "PRIVACY_UNIT_KIND_")
    state = _word(record.get("state"), "STATE_")
    after = f" → {_shorts(record['successors'])}" if record.get("successors") else ""
    return (_short(record.get("name")), state + after, _word(record.get("accounting"), "ACCOUNTING_"), unit)


def _grant(grant: Any) -> Row:
    window = grant.get("window")
    shown = f"{_limit(window.get('limit'))} in each {window.get('length')}" if window else "-"
    return (
        grant.get("name", "-").rpartition("/")[2],
        _scope(grant.get("scope", {})),
        _limit(grant.get("limit")),
        shown,
        _short(grant.get("parent")) or "-",
        "frozen" if grant.get("frozen") else "-",
    )


def _budget(budget: Any) -> Row:
    epsilon = _amount(budget.get("spentEpsilonPicos"), 12)
    return (
        _scope(budget.get("scope", {})),
        _charge(budget.get("limit")),
        _charge(budget.get("spent")),
        epsilon,
        _charge(budget.get("delegated")),
        _charge(budget.get("remaining")),
        "frozen" if budget.get("frozen") else "-",
    )


def _granted(document: Any) -> list[str]:
    pairs = [("before", document.get("before")), ("after", document.get("after"))]
    return _table(("", *_BUDGET), [(name, *_budget(each)) for name, each in pairs if each])


def _point(point: Any) -> Row:
    return (
        _when(point.get("time")),
        _charge(point.get("spent")),
        _charge(point.get("limit")),
        _amount(point.get("spentEpsilonPicos"), 12),
    )


def _query(query: Any) -> Row:
    read = [f"{_short(each.get('dataset'))}@{each.get('version', '0')}" for each in query.get("dataVersions", [])]
    states = _word(query.get("state"), "STATE_"), _word(query.get("origin"), "ORIGIN_")
    return (
        _when(query.get("createTime")),
        query.get("name", "-"),
        _short(query.get("analyst")),
        *states,
        ", ".join(read) or "-",
        _charge(query.get("charge")),
    )


def _hex(value: Any) -> str:
    return base64.b64decode(str(value or "")).hex()


def _head(document: Any) -> list[str]:
    head = document.get("head", {})
    lines = [f"position {head.get('sequence', '0')}, {_hex(head.get('entryHash'))}"]
    for key in document.get("keys", []):
        until = f" until {key['endTime']}" if key.get("endTime") else ""
        lines.append(f"key {key.get('keyId')}  {_hex(key.get('publicKey'))}  from {key.get('startTime')}{until}")
    return lines


def _key(document: Any) -> list[str]:
    key = document.get("key", {})
    return [f"key {key.get('keyId')}  {_hex(key.get('publicKey'))} signs now"]


def _entry(entry: Any) -> Row:
    events = [record.get("event", {}) for record in entry.get("records", [])]
    kinds = [next((kind for kind in each if kind not in ("salt", "user")), "hidden") for each in events]
    users = {_short(each.get("user")) for each in events if each.get("user")}
    return (entry.get("sequence", "0"), _when(entry.get("time")), ", ".join(kinds), ", ".join(sorted(users)) or "-")


def _verdict(document: Any) -> list[str]:
    found = document.get("verified")
    if found is None:
        defect = document.get("defect", {})
        rule = defect.get("rule", "?")
        return [f"position {defect.get('sequence', '0')} breaks the rule “{rule}”: {defect.get('description', '')}"]
    head = found.get("head", {})
    return [
        f"verified, {document.get('verifiedEntries', '0')} entries to position {head.get('sequence', '0')}, "
        f"{_hex(head.get('entryHash'))}",
        f"  spent in all: {_charge(found.get('populationSpent'))}",
    ]


def _withheld(document: Any) -> list[str]:
    return [f"{_short(document.get('population'))}: position {document.get('sequence', '0')} says so"]


_USER = ("USER", "STATE", "ROLES", "SUBJECT", "ISSUER")
_DATASET = ("DATASET", "POPULATION", "DATA", "UNIT", "TITLE")
_VERSION = ("VERSION", "STATE", "PUBLISHED", "MENDED")
_PROJECT = ("PROJECT", "MEMBERS", "DATASETS", "TITLE")
_POPULATION = ("POPULATION", "STATE", "ACCOUNTING", "UNIT")
_GRANT = ("GRANT", "SCOPE", "LIMIT", "WINDOW", "LENT FROM", "FROZEN")
_BUDGET = ("SCOPE", "LIMIT", "SPENT", "SPENT ε", "LENT", "LEFT", "FROZEN")
_QUERY = ("PAID AT", "QUERY", "ANALYST", "STATE", "ANSWER", "DATA", "CHARGE")
_VIEWS: dict[str, Callable[[Any], list[str]]] = {
    "users": _listing("users", _USER, _user),
    "user": _one("user", _USER, _user),
    "datasets": _listing("datasets", _DATASET, _dataset),
    "dataset": _one("dataset", _DATASET, _dataset),
    "versions": _listing("datasetVersions", _VERSION, _version),
    "version": _one("response", _VERSION, _version),
    "projects": _listing("projects", _PROJECT, _project),
    "project": _one("project", _PROJECT, _project),
    "populations": _listing("populations", _POPULATION, _population),
    "population": _one("population", _POPULATION, _population),
    "grants": _listing("grants", _GRANT, _grant),
    "grant": _one("grant", _GRANT, _grant),
    "granted": _granted,
    "budgets": _listing("budgets", _BUDGET, _budget),
    "budget": _one("budget", _BUDGET, _budget),
    "timeline": _listing("points", ("TIME", "SPENT", "LIMIT", "SPENT ε"), _point),
    "queries": _listing("queries", _QUERY, _query),
    "query": _one("query", _QUERY, _query),
    "head": _head,
    "key": _key,
    "entries": _listing("ledgerEntries", ("POSITION", "TIME", "WHAT", "BY"), _entry),
    "verdict": _verdict,
    "withheld": _withheld,
    "done": lambda _: ["done"],
}
