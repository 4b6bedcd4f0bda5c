"""A fold that was restored from a snapshot answers every question as one that was folded from genesis."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfumato_accountant.ledger.archive import Archive
from sfumato_accountant.ledger.archiving import attach, capture, load, write
from sfumato_accountant.ledger.fold import Fold, PaidQuery
from sfumato_accountant.ledger.tail import take_up_read
from sfumato_accountant.stores.ports import StoredEntry
from tests.properties.chain_maker import (
    ANALYSTS,
    FAMILIES,
    PLANS,
    POPULATION,
    SCOPES,
    START,
    VERSIONS,
    ChainMaker,
    query_id,
)

NAMES = [*ANALYSTS, "projects/ice", "datasets/seals"]
KINDS = {
    "genesis",
    "reserved",
    "committed",
    "charged",
    "shared",
    "granted",
    "frozen",
    "withheld",
    "key_rotated",
    "reopened",
    "closed",
}
FACTS = (
    "head",
    "signature",
    "start_time",
    "accounting",
    "predecessors",
    "carried",
    "grants",
    "frozen",
    "acts",
    "withheld",
    "receipted",
    "lost",
    "reopened",
    "spent",
    "query_count",
    "closed",
    "keys",
    "public_key",
    "reopened_at",
)


def answers(fold: Fold, entries: list[StoredEntry], paid: int) -> Iterator[Any]:
    """Every question that can be asked of a fold, with its answer."""
    for name in FACTS:
        yield name, getattr(fold, name)
    instants = [START - timedelta(days=1), START]
    instants += [fold.head.at + timedelta(hours=n) for n in range(-48, 3)]
    for scope in SCOPES:
        yield scope, fold.spent_in(scope), fold.children(scope), fold.delegated(scope), fold.is_stopped(scope)
        for at in instants:
            yield scope, at, fold.spent_until(scope, at), fold.window_of(scope, at), fold.window_spent(scope, at)
    for number in range(paid + 1):
        query = query_id(number)
        yield query, fold.query(query), fold.knows(query), fold.payers_of(query)
    yield "open", fold.open_queries()
    for versions in VERSIONS:
        yield [fold.releases_of(plan, versions) for plan in PLANS]
        yield [fold.families_of(family, versions) for family in FAMILIES]
    for names in [None, [], ["users/nobody"], *([each] for each in NAMES), NAMES[:2], NAMES]:
        for until in [None, *instants[::5]]:
            found = list(fold.queries_newest_first(names=names, until=until))
            assert names is None or all(_names_of(query) & set(names) for query in found)
            assert [each.reserved_at for each in found] == sorted((each.reserved_at for each in found), reverse=True)
            yield names, until, sorted(found)
    for entry in entries:
        yield fold.hash_at(entry.sequence), fold.contains(entry.sequence, entry.entry_hash), fold.key_at(entry.sequence)
    yield fold.hash_at(len(entries)), fold.hash_at(-1)


def _names_of(query: PaidQuery) -> set[str]:
    return {query.analyst, query.project, *query.datasets}


def fold_on(fold: Fold, entries: list[StoredEntry]) -> Fold:
    assert not entries or take_up_read(fold, POPULATION, entries, {}) == {}
    return fold


def snapshot(path: Path, fold: Fold) -> None:
    """Extend a fold's snapshot, and let the fold use it."""
    captured = capture(POPULATION, fold)
    write(path, captured, Event())
    archive = fold.archive or Archive(path)
    archive.reload()
    attach(fold, archive, captured)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60), points=st.lists(st.integers(1, 60), max_size=4))
def test_a_fold_from_snapshots_answers_as_one_from_genesis(seed: int, size: int, points: list[int]) -> None:
    maker = ChainMaker(random.Random(seed))
    maker.grow(size)
    entries = maker.entries
    with TemporaryDirectory() as folder:
        path = Path(folder) / "palmer.sqlite"
        running, taken = Fold(), 0
        for point in sorted({each for each in points if each <= size}):
            fold_on(running, entries[taken:point])
            taken = point
            snapshot(path, running)
            expected = list(answers(fold_on(Fold(), entries[:point]), entries[:point], maker.paid))
            assert list(answers(running, entries[:point], maker.paid)) == expected
            assert list(answers(load(Archive(path)), entries[:point], maker.paid)) == expected
        fold_on(running, entries[taken:])
        whole = list(answers(fold_on(Fold(), entries), entries, maker.paid))
        assert list(answers(maker.fold, entries, maker.paid)) == whole
        assert list(answers(running, entries, maker.paid)) == whole
        if taken:
            restored = fold_on(load(Archive(path)), entries[taken:])
            assert list(answers(restored, entries, maker.paid)) == whole


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), size=st.integers(2, 40), archived=st.booleans())
def test_what_is_tried_leaves_no_trace(seed: int, size: int, archived: bool) -> None:
    maker = ChainMaker(random.Random(seed))
    maker.grow(size)
    with TemporaryDirectory() as folder:
        if archived:
            snapshot(Path(folder) / "palmer.sqlite", maker.fold)
        paid = maker.paid
        before = list(answers(maker.fold, maker.entries, paid))
        for _ in range(10):
            maker.try_some()
        assert list(answers(maker.fold, maker.entries, paid)) == before


def test_the_maker_makes_every_kind() -> None:
    kinds: set[str] = set()
    for seed in range(30):
        maker = ChainMaker(random.Random(seed))
        maker.grow(40)
        for entry in maker.entries:
            kinds.update(kind for kind in KINDS for record in entry.records if f'"{kind}":{{' in record.payload)
    assert kinds == KINDS
