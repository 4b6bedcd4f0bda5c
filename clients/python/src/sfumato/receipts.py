"""Receipt: the signed proof of one release, and how it is checked."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sfumato._core import receipts as checks
from sfumato._core.tables import clean, escape
from sfumato.charges import Charge, short
from sfumato.errors import ReceiptInvalid
from sfumato.v1 import ledger_pb2, query_pb2, receipt_pb2


@dataclass(frozen=True)
class LedgerEvidence:
    """What a ledger says about a receipt: its keys, its head, and the entry at the receipt's position."""

    keys: tuple[receipt_pb2.SigningKey, ...]
    head: ledger_pb2.LedgerHead
    entry: ledger_pb2.LedgerEntry | None


@dataclass(frozen=True)
class Verified:
    """What a check found true."""

    query: str
    population: str
    sequence: int
    key_id: str
    checks: tuple[str, ...]
    """In words, one for each check."""

    def __str__(self) -> str:
        return (
            f"{self.query}: position {self.sequence} of {self.population}, key {self.key_id}: {', '.join(self.checks)}"
        )


class Receipt:
    """The signed proof of one release. Whoever holds it can check it offline, given the ledger's keys."""

    def __init__(
        self,
        proto: receipt_pb2.Receipt,
        query: query_pb2.Query | None,
        evidence: Callable[[str, int], LedgerEvidence] | None,
    ) -> None:
        self._proto = proto
        self._query = query
        self._evidence = evidence
        statement = proto.statement
        self.query = statement.query
        self.population = statement.population
        self.sequence = statement.sequence
        self.charge = Charge.of(statement.charge)
        self.key_id = proto.signature.key_id

    @property
    def statement(self) -> receipt_pb2.ReceiptStatement:
        """What was signed, read from the signed text."""
        return checks.read_statement(self._proto)

    def to_proto(self) -> receipt_pb2.Receipt:
        """Return it as the wire held it; a copy."""
        copy = receipt_pb2.Receipt()
        copy.CopyFrom(self._proto)
        return copy

    def verify(
        self, keys: Sequence[receipt_pb2.SigningKey] | None = None, *, export: str | os.PathLike[str] | None = None
    ) -> Verified:
        """Check signature, question and place in the ledger.

        Args:
            keys: public keys of the ledger that are trusted; then nothing is asked of the mesh, and the place in the
                ledger is not looked up. Unset: keys, head and entry come from the mesh.
            export: file of `sfumato admin ledger export`; then nothing is asked of the mesh either, the export is
                verified as a whole, and the place is looked up there. Without `keys` its first key is believed.

        Raises:
            ReceiptInvalid: something is not as signed, or not as in the ledger.
            Defect: the export has a bad entry.
            ExportUnreadable: the export cannot be judged.
            MissingExtra: `cryptography` is not installed (extra `verify`).
        """
        done = ["signature"]
        if export is not None:
            self._verify_in(Path(export), keys)
            done += ["place in the ledger", "the ledger itself"]
        elif keys is not None:
            checks.check_receipt(self._proto, keys)
        else:
            if self._evidence is None:
                raise ReceiptInvalid("no ledger is at hand.", hint="verify(keys=[…])")
            statement = self.statement
            evidence = self._evidence(statement.population, statement.sequence)
            checks.check_receipt(self._proto, evidence.keys)
            checks.check_head(evidence.head, evidence.keys)
            checks.check_place(statement, evidence.head, evidence.entry)
            done.append("place in the ledger")
        if self._query is not None and self._query.name:
            checks.check_query(self.statement, self._query)
            done.append("question and charges")
        statement = self.statement
        return Verified(statement.query, statement.population, statement.sequence, self.key_id, tuple(done))

    def _verify_in(self, export: Path, keys: Sequence[receipt_pb2.SigningKey] | None) -> None:
        from sfumato.verification.opening import opened
        from sfumato.verification.receipts import check_against
        from sfumato.verification.verifier import verify

        trusted = None if keys is None else {key.public_key for key in keys}
        with opened(export) as parts:
            verdict = verify(parts, trusted, keep=(self.statement.sequence,))
        check_against(verdict, self._proto)

    def _lines(self) -> list[tuple[str, str]]:
        statement = self._proto.statement
        versions = ", ".join(f"{short(each.dataset)} version {each.version}" for each in statement.data_versions)
        lines = [
            ("query", statement.query),
            ("ledger", f"{statement.population} at {statement.sequence}"),
            ("entry", statement.entry_hash.hex()),
            ("question", statement.plan_digest.hex()),
            ("data", versions),
            ("price", self.charge.described()),
            ("release", statement.release_digest.hex()),
            ("signed by", self.key_id),
        ]
        if statement.release_query:
            lines.append(("derived" if statement.derived else "repeats", statement.release_query))
        return lines

    def __repr__(self) -> str:
        return "\n".join(f" {name:<10} {clean(text)}" for name, text in self._lines())

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escape(n)}</td><td><code>{escape(t)}</code></td></tr>" for n, t in self._lines())
        return f"<table>{rows}</table>"
