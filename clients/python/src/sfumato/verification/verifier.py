"""Verification of one export, entry by entry, in memory that grows with queries and not with text."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from sfumato.verification.books import Books
from sfumato.verification.defects import Broken, Defect, ExportUnreadable, UnknownKind
from sfumato.verification.events import micros_of, read_event
from sfumato.verification.exports import Entry, Export, Head, Malformed, SigningKey
from sfumato.verification.judging import Moment, take
from sfumato.verification.links import Links, head_text
from sfumato.verification.losses import Loss
from sfumato.verification.scopes import Scope
from sfumato.verification.signatures import SignatureChecks, Signed, key_id_of

_PROGRESS_EVERY: Final = 1000


@dataclass(frozen=True)
class Verdict:
    """What was found true of an export."""

    population: str
    head: Head
    """The end up to which it holds: keep it, and compare."""
    keys: tuple[SigningKey, ...]
    key_is_trusted: bool
    """Whether a key that the caller named signed it; else the chain's own first key was believed."""
    entries: int
    events: int
    hidden_events: int
    """Events of which only the digest is there. Behind the first of them no limits, scopes and freezes were checked."""
    accounting: str
    spent: Mapping[Scope, Loss]
    """What every scope paid, folded anew; of what is not hidden."""
    open_queries: int
    successors: tuple[str, ...]
    """Populations that follow, where the chain is closed."""
    books: Books = field(repr=False, compare=False)
    kept: Mapping[int, Entry] = field(default_factory=dict, repr=False, compare=False)
    """Entries at the positions that were asked for."""


def verify(
    export: Export,
    trusted: Collection[bytes] | None,
    *,
    keep: Collection[int] = (),
    progress: Callable[[int], None] = lambda _: None,
    threads: int | None = None,
) -> Verdict:
    """Verify an export.

    Args:
        export: open, nothing but its header read.
        trusted: public keys, 32 bytes each, one of which must have signed; None: believe the chain's first key.
        keep: positions whose entries are wanted afterwards.
        progress: told the number of entries that were read, every now and then.
        threads: that check signatures; None: one for each processor.

    Raises:
        Defect: the first entry that breaks a rule, and why.
        ExportUnreadable: it cannot be judged: cut short, unknown kinds, by a key that is not trusted.
        MissingExtra: `cryptography` is not installed (extra `verify`).
    """
    if trusted is not None and not any(key.public_key in trusted for key in export.header.keys):
        raise _foreign(export)
    with SignatureChecks(threads) as signatures:
        return _Run(export, trusted, set(keep), progress, signatures).verdict()


class _Run:
    def __init__(
        self,
        export: Export,
        trusted: Collection[bytes] | None,
        keep: Collection[int],
        progress: Callable[[int], None],
        signatures: SignatureChecks,
    ) -> None:
        self._export = export
        self._trusted = trusted
        self._keep = keep
        self._kept: dict[int, Entry] = {}
        self._progress = progress
        self._signatures = signatures
        self._links = Links(export.header.population)
        self._books = Books(export.header.population)
        self._events = 0
        self._hidden = 0

    def verdict(self) -> Verdict:
        try:
            for entry in self._export.entries():
                self._take(entry)
            self._check_signatures(self._signatures.first_wrong())
            self._check_ends()
        except Defect as defect:
            self._check_signatures(self._signatures.first_wrong(), before=defect)
            raise
        books, header = self._books, self._export.header
        return Verdict(
            population=header.population,
            head=self._export.head,
            keys=header.keys,
            key_is_trusted=self._trusted is not None,
            entries=self._links.next_sequence,
            events=self._events,
            hidden_events=self._hidden,
            accounting=books.accounting,
            spent=books.totals(),
            open_queries=books.open_count,
            successors=books.closed_by,
            books=books,
            kept=self._kept,
        )

    def _take(self, entry: Entry) -> None:
        position = self._links.next_sequence
        try:
            self._links.follow(entry)
            if position:
                self._queue_signature(entry)
            self._judge(entry)
            if not position:
                self._queue_signature(entry)
        except Broken as broken:
            raise Defect(position, broken.rule, broken.description) from None
        except Malformed as problem:
            raise Defect(position, "form", str(problem)) from None
        except UnknownKind as unknown:
            self._check_signatures(self._signatures.first_wrong())
            raise ExportUnreadable(
                f"position {position} holds {unknown}: this version of sfumato does not know what it means.",
                reason="EXPORT_KIND_UNKNOWN",
                hint="a newer sfumato",
            ) from None
        if position in self._keep:
            self._kept[position] = entry
        if position % _PROGRESS_EVERY == 0:
            self._progress(position)

    def _judge(self, entry: Entry) -> None:
        moment = Moment(entry.sequence, entry.time, micros_of(entry.time))
        for record in entry.records:
            self._events += 1
            if record.payload:
                take(self._books, read_event(record.payload), moment)
            else:
                self._hidden += 1
                self._books.partial = True
        if not self._books.keys.spans:
            raise Broken("genesis", "the beginning of the chain is hidden, with the key that signs it")
        self._books.hashes += entry.entry_hash

    def _queue_signature(self, entry: Entry) -> None:
        key = self._books.keys.at(entry.sequence)
        if entry.signature.key_id != key_id_of(key):
            raise Broken("signature", f"it is signed by key {entry.signature.key_id!r}, and {key_id_of(key)} is valid")
        text = head_text(entry.population, entry.sequence, entry.entry_hash)
        self._check_signatures(self._signatures.add(Signed(entry.sequence, key, text, entry.signature.ed25519)))

    def _check_signatures(self, wrong: int | None, before: Defect | None = None) -> None:
        """Raise the defect of a wrong signature, unless another entry before it is bad already."""
        if wrong is not None and (before is None or wrong <= before.sequence):
            raise Defect(wrong, "signature", "the signature is not of this entry by the key that is valid there")

    def _check_ends(self) -> None:
        """Check head and header against the chain between them."""
        head, header, last = self._export.head, self._export.header, self._links.next_sequence - 1
        if last < 0:
            raise Defect(0, "genesis", "the chain has no entry")
        if head.sequence > last:
            raise Defect(last + 1, "gap", f"the head is at position {head.sequence}, and entries before it are missing")
        if (head.population, head.sequence, head.entry_hash) != (header.population, last, self._links.hash):
            raise Defect(last, "head", "the head is not that of the last entry")
        key = self._books.keys.at(last)
        self._check_head_signature(head, key)
        told = [(each.key_id, each.public_key, each.start_time, each.end_time) for each in header.keys]
        if told != self._books.keys.told():
            raise Defect(0, "key", "the header tells other keys, or times of keys, than the chain")
        signing = {span.public_key for span in self._books.keys.spans if span.start_sequence <= last}
        if self._trusted is not None and not signing & set(self._trusted):
            raise _foreign(self._export)

    def _check_head_signature(self, head: Head, key: bytes) -> None:
        text = head_text(head.population, head.sequence, head.entry_hash)
        signed = Signed(head.sequence, key, text, head.signature.ed25519)
        if head.signature.key_id != key_id_of(key) or self._signatures.add(signed) is not None:
            raise Defect(head.sequence, "head", "the head is signed by another key than its entry")
        if self._signatures.first_wrong() is not None:
            raise Defect(head.sequence, "head", "the signature of the head is wrong")


def _foreign(export: Export) -> ExportUnreadable:
    keys = ", ".join(key.key_id for key in export.header.keys) or "none"
    return ExportUnreadable(
        f"the ledger of {export.header.population} is signed by keys that are not trusted ({keys}).",
        reason="EXPORT_KEY_FOREIGN",
        hint="compare with what the accountant's operator publishes; --key PUBLIC_KEY",
    )
