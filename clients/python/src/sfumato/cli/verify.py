"""`sfumato verify`: exports and receipts, offline.

Exit status: 0 all is well; 1 an entry, or a receipt, is bad, and is named; 2 something cannot be judged.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sfumato.cli import output
from sfumato.cli.options import AsJson
from sfumato.errors import InvalidRequest, ReceiptInvalid, SfumatoError
from sfumato.verification.defects import Defect, ExportUnreadable
from sfumato.verification.losses import loss_fields, words
from sfumato.verification.opening import opened
from sfumato.verification.predecessors import check_carried
from sfumato.verification.public_keys import read_public_key
from sfumato.verification.receipts import check_against, check_signed, position_of, read_receipt
from sfumato.verification.verifier import Verdict
from sfumato.verification.verifier import verify as verify_export

GOOD: Final = 0
BAD: Final = 1
UNREADABLE: Final = 2
SWITCH_INTERVAL: Final = 1e-4
"""Seconds after which a thread hands over the interpreter: each that checks signatures needs it for every one."""

Files = Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="Exports: JSON lines or Arrow.")]


@dataclass(frozen=True)
class Finding:
    """What was found of one file."""

    file: str
    status: int
    verdict: Verdict | None = None
    notes: tuple[str, ...] = ()
    error: SfumatoError | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The finding as JSON holds it."""
        shown: dict[str, Any] = {"file": self.file, "verdict": ("verified", "defect", "unreadable")[self.status]}
        if self.verdict is not None:
            shown |= _document(self.verdict)
        if self.notes:
            shown["notes"] = list(self.notes)
        if isinstance(self.error, Defect):
            shown |= {"sequence": self.error.sequence, "rule": self.error.rule, "description": self.error.description}
        elif self.error is not None:
            shown |= {"reason": self.error.reason, "message": self.error.message, "hint": self.error.hint}
        return shown

    @property
    def text(self) -> str:
        """The finding as people read it."""
        if self.error is not None:
            return f"{self.file}: {self.error}"
        told = [f"{self.file}: verified"] if self.verdict is None else _lines(self.file, self.verdict)
        return "\n".join([*told, *(f"  note       {note}" for note in self.notes)])


def verify(
    files: Files = None,
    ledger: Annotated[list[Path] | None, typer.Option("--ledger", help="The same as FILE, by name.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", envvar="SFUMATO_LEDGER_KEY", help="Public key that is trusted: hex, base64 or a file."),
    ] = None,
    trust_first_key: Annotated[
        bool, typer.Option("--trust-first-key", help="Believe the key that the export itself begins with.")
    ] = False,
    receipt: Annotated[
        list[Path] | None, typer.Option("--receipt", help="Receipts to find in the exports: JSON; repeatable.")
    ] = None,
    predecessor: Annotated[
        list[Path] | None, typer.Option("--predecessor", help="Exports of the chains that a merge or split closed.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Refuse exports in which events are hidden.")] = False,
    as_json: AsJson = False,
) -> None:
    """Verify exports of ledgers, and receipts, without a mesh.

    Hashes, order, signatures, one terminal a query, and every payment decided again under the limits of its time.
    Exit status 1 names the first bad entry; 2: cut short, of another version or with unknown kinds, by another key.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    exports, receipts = [*(files or []), *(ledger or [])], list(receipt or [])
    try:
        findings = _all(exports, receipts, list(predecessor or []), _trusted(key, trust_first_key), whole=whole)
    except SfumatoError as error:
        findings = [Finding("", UNREADABLE, error=error)]
    status = BAD if any(each.status == BAD for each in findings) else max(each.status for each in findings)
    if as_json:
        output.show(True, lambda: {"findings": [each.document for each in findings]}, str)
    else:
        for each in findings:
            (sys.stdout if each.status == GOOD else sys.stderr).write(f"{each.text}\n".removeprefix(": "))
    raise typer.Exit(status)


def _trusted(keys: list[str] | None, trust_first_key: bool) -> frozenset[bytes] | None:
    if keys:
        return frozenset(read_public_key(each) for each in keys)
    if trust_first_key:
        return None
    raise InvalidRequest(
        "no key is trusted.",
        reason="REQUEST_INVALID",
        hint="--key PUBLIC_KEY, as the accountant's operator publishes it, or --trust-first-key",
    )


def _all(
    exports: list[Path],
    receipts: list[Path],
    predecessors: list[Path],
    trusted: frozenset[bytes] | None,
    *,
    whole: bool,
) -> list[Finding]:
    if not exports and not receipts:
        raise InvalidRequest("there is nothing to verify.", reason="REQUEST_INVALID", hint="sfumato verify FILE")
    wanted = _positions(receipts)
    before = [_of_export(path, trusted, (), whole=whole) for path in predecessors]
    closed = {each.verdict.population: each.verdict for each in before if each.verdict is not None}
    findings = [*before, *(_of_export(path, trusted, wanted, whole=whole, closed=closed) for path in exports)]
    verdicts = [each.verdict for each in findings[len(before) :] if each.verdict is not None]
    judged = (_judged(path, partial(_of_receipt, path, verdicts, exports, trusted)) for path in receipts)
    return [*findings, *judged]


def _positions(receipts: list[Path]) -> tuple[int, ...]:
    found = []
    for path in receipts:
        try:
            found.append(position_of(read_receipt(path))[1])
        except SfumatoError:
            continue  # it is told with the receipt
    return tuple(found)


def _of_export(
    path: Path,
    trusted: frozenset[bytes] | None,
    keep: tuple[int, ...],
    *,
    whole: bool,
    closed: Mapping[str, Verdict] | None = None,
) -> Finding:
    def judge() -> Finding:
        with opened(path) as export:
            verdict = verify_export(export, trusted, keep=keep)
        if whole and verdict.hidden_events:
            raise ExportUnreadable(
                f"{verdict.hidden_events} of {verdict.events} events are hidden.",
                reason="EXPORT_REDACTED",
                hint="an export by a custodian or auditor",
            )
        missing = check_carried(verdict, closed or {})
        return Finding(path.name, GOOD, verdict, tuple(_notes(verdict, missing)))

    return _judged(path, judge)


def _of_receipt(path: Path, verdicts: list[Verdict], exports: list[Path], trusted: frozenset[bytes] | None) -> Finding:
    receipt = read_receipt(path)
    population, position = position_of(receipt)
    verdict = next((each for each in verdicts if each.population == population), None)
    if verdict is not None:
        check_against(verdict, receipt)
        return Finding(path.name, GOOD, notes=(f"position {position} of {population}: signature, place and charges",))
    if exports or trusted is None:
        raise ExportUnreadable(
            f"no export of {population} is given that is good.", reason="EXPORT_INVALID", hint="--ledger FILE"
        )
    named = [each for each in trusted if _is_named(receipt.signature.key_id, each)]
    if not named:
        raise ExportUnreadable(
            f"the receipt is signed by key {receipt.signature.key_id!r}, which is not trusted.",
            reason="EXPORT_KEY_FOREIGN",
        )
    check_signed(receipt, named[0])
    return Finding(path.name, GOOD, notes=("the signature alone: without an export its place is not known",))


def _is_named(key_id: str, public_key: bytes) -> bool:
    from sfumato.verification.signatures import key_id_of

    return key_id_of(public_key) == key_id


def _judged(path: Path, judge: Callable[[], Finding]) -> Finding:
    try:
        return judge()
    except (Defect, ReceiptInvalid) as error:
        return Finding(path.name, BAD, error=error)
    except SfumatoError as error:
        return Finding(path.name, UNREADABLE, error=error)


def _notes(verdict: Verdict, missing: list[str]) -> list[str]:
    notes = []
    if not verdict.key_is_trusted:
        notes.append("the key was believed as the export tells it: compare it with what the operator publishes")
    if verdict.hidden_events:
        notes.append(
            f"{verdict.hidden_events} of {verdict.events} events are hidden: limits and scopes were not checked"
        )
    if not verdict.books.names_projects:
        notes.append("payments do not say which project pays, as in the first release: who left one out is not found")
    if missing:
        notes.append(f"what it carries over from {', '.join(missing)} was not checked: --predecessor FILE")
    return notes


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "population": verdict.population,
        "entries": verdict.entries,
        "events": verdict.events,
        "hidden_events": verdict.hidden_events,
        "head": {"sequence": str(verdict.head.sequence), "entry_hash": verdict.head.entry_hash.hex()},
        "keys": [{"key_id": each.key_id, "public_key": each.public_key.hex()} for each in verdict.keys],
        "key_is_trusted": verdict.key_is_trusted,
        "accounting": verdict.accounting.removeprefix("ACCOUNTING_"),
        "spent": [
            {"scope": scope.words(verdict.population), "charge": dict(loss_fields(loss))}
            for scope, loss in verdict.spent.items()
        ],
        "open_queries": verdict.open_queries,
        "successors": list(verdict.successors),
    }


def _lines(file: str, verdict: Verdict) -> list[str]:
    lines = [
        f"{file}: verified",
        f"  ledger     {verdict.population}, {verdict.entries:,} entries, {verdict.events:,} events",
        f"  head       position {verdict.head.sequence}, {verdict.head.entry_hash.hex()}",
        *(f"  key        {each.key_id}  {each.public_key.hex()}" for each in verdict.keys),
        *(f"  spent      {scope.words(verdict.population)}: {words(loss)}" for scope, loss in verdict.spent.items()),
    ]
    if verdict.open_queries:
        lines.append(f"  open       {verdict.open_queries:,} queries that are paid and have not ended")
    if verdict.successors:
        lines.append(f"  closed     followed by {', '.join(verdict.successors)}")
    return lines
