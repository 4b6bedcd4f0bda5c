"""Narrower questions: when the noisy integers of one release answer another question, and how.

A narrower question asks for some of the keys of a base, or for the sum of some of its keys, in measures that are counts
of rows, sums, means or histograms. Its exact integers must then be sums of exact integers of the base, on every data
set; so the noisy ones of the base estimate the same, and using them again is post-processing: it costs nothing and
tells nothing new. Five things are proved from the two programs alone:

- Rows. Members of the narrower filter either stand in the base's filter too, or test keys of the base (`key_filters`),
  and the base's filter has no other members. So each row of a cell of the narrower question is in a key of the base
  that the tests keep, and each row of such a key is in that cell.
- Keys. Every key that rows of a cell can have is one that the base has answered: it lists all combinations of declared
  values, or all that the tests leave. A cell that the tests leave no key is empty on every data set: its count is 0.
- Contributions. With a row as the unit nothing is left out. With GROUPS(g, m): the base has at most g keys, so that no
  key of a unit is left out, either has the same m, and each cell is one key; the first m rows of a unit in a key are
  the same in either question. With ROWS(r): both keep the first r rows of a unit among the same rows, so all keys of
  the base are used, and r is the same. Elsewhere the narrower question would count rows that the base has left out.
- Values. Measures read the same value, within the same bounds. Grids may differ: both are finer than their noise.
- Counts of units do not add up, quantiles are choices, and keys found by a threshold are not all there are: none of
  these is derived.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sfumato_executor.plan.accuracy import half_width, union_confidence
from sfumato_executor.plan.encoding import encode
from sfumato_executor.plan.key_filters import KeyTest, Row, key_test, members
from sfumato_executor.plan.keys import declared_values
from sfumato_executor.plan.program import (
    Bounding,
    DrawKind,
    KeyDomain,
    MeasureKind,
    Output,
    Program,
    Vector,
    VectorKind,
)

KEYS_MAX: Final = 20_000
"""Keys of a base that is considered: what its proof takes is in proportion to them."""
_ADDING: Final = (MeasureKind.COUNT, MeasureKind.SUM, MeasureKind.MEAN, MeasureKind.HISTOGRAM)


@dataclass(frozen=True)
class Derivation:
    """How a narrower question is read from the noisy integers of a base."""

    cells: tuple[tuple[int, ...], ...]
    """For each key of the narrower question, in its order (one where there are no keys), the keys of the base that add
    up to it; none: no row can be there."""
    draws: tuple[tuple[int, ...], ...]
    """For each output of the narrower question the draws of the base that it is read from."""


def can_be_derived(program: Program) -> bool:
    """Whether some base could answer a program."""
    return program.domain is not KeyDomain.THRESHOLD and all(output.kind in _ADDING for output in program.outputs)


def can_be_base(program: Program) -> bool:
    """Whether a program's release could answer a narrower question: a choice of its keys or of its measures."""
    if program.domain is KeyDomain.THRESHOLD or len(program.public_keys) > KEYS_MAX:
        return False
    adding = sum(output.kind in _ADDING for output in program.outputs)
    return adding > 0 and (len(program.public_keys) > 1 or len(program.outputs) > 1)


def derivation(base: Program, narrow: Program) -> Derivation | None:
    """How a base answers a narrower question about one data version; None: it does not, or it is not proved."""
    if base.dataset != narrow.dataset or not (can_be_base(base) and can_be_derived(narrow)):
        return None
    draws = tuple(_draws(base, narrow, output) for output in narrow.outputs)
    if not all(draws):
        return None
    cells = _cells(base, narrow)
    if cells is None or not any(cells) or not _same_rows_count(base, narrow, cells):
        return None
    return Derivation(cells, draws)


def is_as_exact(base: Program, narrow: Program, how: Derivation, confidence: float) -> bool:
    """Whether no derived interval is wider than the one that the narrower question would pay for."""
    return looseness(base, narrow, how, confidence) <= 1.0


def looseness(base: Program, narrow: Program, how: Derivation, confidence: float) -> float:
    """Largest ratio of a derived half-width to the one that the narrower question would pay for; at least 0.

    Of a mean: the larger ratio of its sum and its count. Up to 1 it bounds that of the mean's own half-width, for any
    number of rows (`accuracy.mean_error` grows with either). A draw that never moves has a half-width of 0: no wider
    than any other.
    """
    entries, largest = max(len(cell) for cell in how.cells), 0.0
    for output, draws in zip(narrow.outputs, how.draws, strict=True):
        each = union_confidence(confidence, 2) if output.kind is MeasureKind.MEAN else confidence
        for own, other in zip(output.draws, draws, strict=True):
            derived, paid = _width(base, other, each, entries), _width(narrow, own, each, 1)
            if derived:
                largest = max(largest, derived / paid if paid else math.inf)
    return largest


def _width(program: Program, draw: int, confidence: float, entries: int) -> float:
    found = program.draws[draw]
    return program.vectors[found.vector].step * half_width(found, confidence, entries)


def _draws(base: Program, narrow: Program, output: Output) -> tuple[int, ...]:
    """Draws of the base that an output can be read from; empty: there are none."""
    if output.kind not in (MeasureKind.SUM, MeasureKind.MEAN):
        found = _like(base, _vector(narrow, output.draws[0]))
        return () if found is None else (found,)
    wanted = _vector(narrow, output.draws[0])
    for other in base.outputs:
        total = _vector(base, other.draws[0])
        same = (other.kind, other.lower, other.upper) == (output.kind, output.lower, output.upper)
        if not same or total.offset != wanted.offset or _value(total) != _value(wanted):
            continue
        if output.kind is MeasureKind.SUM:
            return (other.draws[0],)
        count = _like(base, _vector(narrow, output.draws[1]))
        return () if count is None else (other.draws[0], count)
    return ()


def _like(base: Program, wanted: Vector) -> int | None:
    """A draw over the same counts, of rows or of bins."""
    for index, draw in enumerate(base.draws):
        vector = base.vectors[draw.vector]
        if draw.kind not in (DrawKind.GAUSSIAN, DrawKind.LAPLACE) or vector.kind is VectorKind.UNITS:
            continue
        if (vector.kind, vector.bins, _value(vector)) == (wanted.kind, wanted.bins, _value(wanted)):
            return index
    return None


def _vector(program: Program, draw: int) -> Vector:
    return program.vectors[program.draws[draw].vector]


def _value(vector: Vector) -> str | None:
    return None if vector.value is None else encode(vector.value)


def _cells(base: Program, narrow: Program) -> tuple[tuple[int, ...], ...] | None:
    """Keys of the base by key of the narrower question; None where rows or keys are not proved to be the same."""
    places = {encode(key.value): index for index, key in enumerate(base.keys)}
    kept = [places.get(encode(key.value)) for key in narrow.keys]
    tests = _tests(base, narrow, places)
    if tests is None or None in kept:
        return None
    columns = [place for place in kept if place is not None]
    found: dict[Row, list[int]] = {row: [] for row in _rows(narrow)}
    for index, row in enumerate(_rows(base)):
        cell = found.get(tuple(row[place] for place in columns))
        if cell is not None and all(test.holds(row) for test in tests.narrow):
            if not all(test.holds(row) for test in tests.base):
                return None  # rows that the base has left out
            cell.append(index)
    if not _Coverage.of(base, columns, tests.narrow).holds(base, found):
        return None
    return tuple(tuple(cell) for cell in found.values())


def _rows(program: Program) -> Sequence[Row]:
    return program.public_keys if program.keys else ((),)


@dataclass(frozen=True)
class _Tests:
    base: Sequence[KeyTest]
    narrow: Sequence[KeyTest]


def _tests(base: Program, narrow: Program, places: Mapping[str, int]) -> _Tests | None:
    """What either filter says of keys of the base; None where they differ in what they say of anything else."""
    others: list[set[str]] = []
    found: list[list[KeyTest]] = []
    for program in (base, narrow):
        other: set[str] = set()
        tests: list[KeyTest] = []
        for member in members(program.filter):
            test = key_test(member, places)
            if test is None:
                other.add(encode(member))
            else:
                tests.append(test)
        others.append(other)
        found.append(tests)
    return _Tests(*found) if others[0] == others[1] else None


@dataclass(frozen=True)
class _Coverage:
    """Whether a base has every key that rows of a cell can have."""

    complete: bool
    """It has every combination of declared values."""
    columns: Sequence[int]
    """Key columns of the base that the narrower question keeps."""
    tests: Sequence[KeyTest]
    allowed: Mapping[int, frozenset[object]] | None
    """For each other column the values that tests leave; None: that is not known column by column."""

    @classmethod
    def of(cls, base: Program, columns: Sequence[int], tests: Sequence[KeyTest]) -> "_Coverage":
        domains = [_domain(base, index) for index in range(len(base.keys))]
        sizes = [len(domain) for domain in domains if domain is not None]
        complete = len(sizes) == len(domains) and len(base.public_keys) == math.prod(sizes)
        dropped = [index for index in range(len(base.keys)) if index not in columns]
        allowed: dict[int, frozenset[object]] | None = {}
        for index in dropped:
            values = _allowed(index, domains[index], tests, len(base.keys))
            allowed = None if values is None or allowed is None else {**allowed, index: values}
        known = all(len(test.columns) == 1 or test.columns.issubset(columns) for test in tests)
        return cls(complete, columns, tests, allowed if known else None)

    def holds(self, base: Program, cells: Mapping[Row, Sequence[int]]) -> bool:
        if not base.keys or self.complete:
            return True
        if self.allowed is None:
            return False
        expected = math.prod(len(values) for values in self.allowed.values())
        own = [test for test in self.tests if test.columns.issubset(self.columns)]
        for row, cell in cells.items():
            padded: list[object] = [None] * len(base.keys)
            for place, value in zip(self.columns, row, strict=True):
                padded[place] = value
            possible = expected if all(test.holds(padded) for test in own) else 0  # type: ignore[arg-type]
            if sum(self._is_possible(base.public_keys[index]) for index in cell) != possible:
                return False
        return True

    def _is_possible(self, row: Row) -> bool:
        assert self.allowed is not None
        return all(row[index] in values for index, values in self.allowed.items())


def _domain(base: Program, index: int) -> frozenset[object] | None:
    """Values that a key can have, null included; None: they are not declared."""
    value = base.keys[index].value
    found = declared_values(value)
    if found is None:
        return None
    return frozenset((*found, None)) if value.type.nullable else frozenset(found)


def _allowed(
    index: int, domain: frozenset[object] | None, tests: Sequence[KeyTest], width: int
) -> frozenset[object] | None:
    own = [test for test in tests if test.columns == {index}]
    if domain is None:
        lists = [test.listed for test in own if test.listed is not None]
        if not lists:
            return None
        domain = frozenset(lists[0])

    def holds(value: object) -> bool:
        padded: list[object] = [None] * width
        padded[index] = value
        return all(test.holds(padded) for test in own)  # type: ignore[arg-type]

    return frozenset(value for value in domain if holds(value))


def _same_rows_count(base: Program, narrow: Program, cells: Sequence[Sequence[int]]) -> bool:
    """Whether bounding keeps the same rows of each unit in either question."""
    wide, own = base.bounding, narrow.bounding
    if wide.column != own.column:
        return False
    if wide.kind is Bounding.Kind.ROW:
        return own.kind is Bounding.Kind.ROW
    if wide.rows != own.rows:
        return False
    if wide.kind is Bounding.Kind.ROWS:
        alone = own.kind is Bounding.Kind.GROUPS and not narrow.keys
        used = sum(len(cell) for cell in cells)
        return (own.kind is Bounding.Kind.ROWS or alone) and used == len(base.public_keys)
    used = sum(bool(cell) for cell in cells)
    single = all(len(cell) <= 1 for cell in cells)
    return own.kind is Bounding.Kind.GROUPS and single and len(_rows(base)) <= wide.groups and used <= own.groups
