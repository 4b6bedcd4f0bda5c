"""Offline verification of an export, beside bare checks of as many signatures."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from sfumato.cli.verify import SWITCH_INTERVAL
from sfumato.verification import arrow_files, json_lines
from sfumato.verification.opening import opened
from sfumato.verification.verifier import verify
from tests.bench.lines import Line, at_least
from tests.ledger_forge import Forge, funded, key_of, public

_ENTRIES = 20_000
_TARGET = 10_000
_TIMES = 3


def rows() -> list[Line]:
    """Measured lines. The best of a few runs: what the machine can do when nobody else uses it."""
    forge = funded(10**15, 10**15)
    while len(forge.entries) < _ENTRIES:
        forge.answer(10)
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)  # as `sfumato verify` does
    try:
        with TemporaryDirectory() as folder:
            return _rows(forge, Path(folder))
    finally:
        sys.setswitchinterval(before)


def _rows(forge: Forge, folder: Path) -> list[Line]:
    text, arrow = folder / "export.jsonl", folder / "export.arrow"
    parts = forge.parts()
    text.write_bytes(b"".join(json_lines.lines(parts)))
    with arrow.open("wb") as stream:
        arrow_files.write(parts, stream)
    bare = _rate(lambda: _signatures(forge))
    processor = _rate(lambda: _verified(text), time.process_time)
    of = "bare checks of Ed25519 signatures, one thread"
    return [
        at_least("verification of a ledger, JSON lines", _rate(lambda: _verified(text)), "/s", _TARGET, bare, of),
        at_least("verification of a ledger, Arrow", _rate(lambda: _verified(arrow)), "/s", _TARGET, bare, of),
        Line("verification of a ledger, by processor time", processor, "/s of one processor"),
    ]


def _verified(path: Path) -> None:
    with opened(path) as export:
        verdict = verify(export, {public(key_of(1))})
    assert verdict.entries >= _ENTRIES


def _signatures(forge: Forge) -> None:
    key = key_of(1).public_key()
    for entry in forge.entries:
        text = f'{{"hash":"{entry.entry_hash.hex()}","population":"{entry.population}","seq":"{entry.sequence}"}}'
        key.verify(entry.signature.ed25519, b"sfumato.v1.LedgerHead\n" + text.encode())


def _rate(run: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return entries a second of a clock."""
    best = float("inf")
    for _ in range(_TIMES):
        begin = clock()
        run()
        best = min(best, clock() - begin)
    return _ENTRIES / best
