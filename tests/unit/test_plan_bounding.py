"""Contribution bounds, sensitivities and grids: the numbers that carry the privacy proof."""

import itertools
import math
from fractions import Fraction

import pytest

from sfumato.v1 import dataset_pb2, plan_pb2
from sfumato_executor.plan.bounding import bounding
from sfumato_executor.plan.program import Bounding, VectorKind
from sfumato_executor.plan.sensitivity import root_up, sensitivity
from sfumato_executor.plan.steps import grid
from sfumato_mesh.refusal import Refusal

GROUPS, ROWS, ROW = Bounding.Kind.GROUPS, Bounding.Kind.ROWS, Bounding.Kind.ROW


def rule(
    declared: tuple[int, int, int],
    tighter: tuple[int, int, int] = (0, 0, 0),
    key_count: int | None = 1_000,
    grouped: bool = True,
) -> tuple[Bounding.Kind, int, int]:
    unit = dataset_pb2.PrivacyUnit(
        column="person", max_groups=declared[0], max_rows_per_group=declared[1], max_rows=declared[2]
    )
    bounds = plan_pb2.ContributionBounds(max_groups=tighter[0], max_rows_per_group=tighter[1], max_rows=tighter[2])
    found = bounding(unit, bounds, key_count, grouped)
    assert found.column == "person"
    return found.kind, found.groups, found.rows


@pytest.mark.parametrize(
    ("declared", "tighter", "expected"),
    [
        ((0, 0, 0), (0, 0, 0), (GROUPS, 1, 1)),
        ((2, 100, 0), (0, 0, 0), (GROUPS, 2, 100)),
        ((0, 100, 0), (0, 0, 0), (GROUPS, 1, 100)),
        ((0, 0, 50), (0, 0, 0), (ROWS, 50, 50)),
        ((0, 0, 50), (0, 0, 7), (ROWS, 7, 7)),
        ((0, 0, 50), (4, 0, 0), (GROUPS, 4, 12)),
        ((2, 100, 150), (0, 0, 0), (GROUPS, 2, 75)),
        ((2, 100, 500), (0, 0, 0), (GROUPS, 2, 100)),
        ((0, 100, 250), (0, 0, 0), (GROUPS, 2, 100)),
        ((5, 0, 3), (0, 0, 0), (GROUPS, 3, 1)),
        ((2, 100, 0), (1, 10, 0), (GROUPS, 1, 10)),
        ((2, 100, 0), (0, 0, 30), (GROUPS, 2, 15)),
        ((2, 100, 0), (0, 0, 200), (GROUPS, 2, 100)),
    ],
)
def test_bounds_are_folded(
    declared: tuple[int, int, int], tighter: tuple[int, int, int], expected: tuple[Bounding.Kind, int, int]
) -> None:
    assert rule(declared, tighter) == expected


def test_folded_bounds_keep_every_declared_bound() -> None:
    values = (0, 1, 2, 3, 7, 10)
    for declared in itertools.product(values, values, values):
        for tighter in itertools.product((0, 1, 3), (0, 1, 3), (0, 1, 3)):
            try:
                kind, groups, rows = rule(declared, tighter)
            except Refusal:
                continue
            in_all = rows if kind is ROWS else groups * rows
            for bounds in (declared, tighter):
                assert not bounds[0] or groups <= bounds[0] or kind is ROWS
                assert not bounds[1] or rows <= bounds[1]
                assert not bounds[2] or in_all <= bounds[2]
            assert groups >= 1
            assert rows >= 1


def test_a_plan_may_not_loosen() -> None:
    for tighter in ((3, 0, 0), (0, 101, 0), (0, 0, 201)):
        with pytest.raises(Refusal):
            rule((2, 100, 0), tighter)


def test_one_group_needs_no_bounding_by_key_and_few_keys_bound_groups() -> None:
    assert rule((5, 20, 0), grouped=False) == (GROUPS, 1, 20)
    assert rule((0, 0, 50), grouped=False) == (GROUPS, 1, 50)
    assert rule((5, 20, 0), key_count=3) == (GROUPS, 3, 20)
    assert rule((5, 20, 0), key_count=None) == (GROUPS, 5, 20)


def test_a_row_is_bounded_by_itself() -> None:
    found = bounding(dataset_pb2.PrivacyUnit(), plan_pb2.ContributionBounds(max_rows=1), 3, grouped=True)
    assert (found.kind, found.groups, found.rows, found.column) == (ROW, 1, 1, None)


def test_sensitivities_are_those_of_the_table() -> None:
    groups = Bounding(GROUPS, 3, 10, "person")
    assert sensitivity(VectorKind.ROWS, groups, 1, 1, 100).l1 == 30
    total = sensitivity(VectorKind.SUM, groups, 7, 1, 100)
    assert (total.l0, total.l1, total.linf) == (3, 210.0, 70)
    assert total.l2 == pytest.approx(math.sqrt(3) * 70)
    units = sensitivity(VectorKind.UNITS, groups, 1, 1, 100)
    assert (units.l0, units.l1, units.linf) == (3, 3.0, 1)
    bins = sensitivity(VectorKind.BINS, groups, 1, 4, 100)
    assert (bins.l0, bins.l1, bins.linf) == (12, 30.0, 10)
    assert sensitivity(VectorKind.BINS, groups, 1, 50, 100).l0 == 30
    rows = Bounding(ROWS, 10, 10, "person")
    by_rows = sensitivity(VectorKind.SUM, rows, 7, 1, 4)
    assert (by_rows.l0, by_rows.l1, by_rows.l2, by_rows.linf) == (4, 70.0, 70.0, 70)
    of_units = sensitivity(VectorKind.UNITS, rows, 1, 1, None)
    assert (of_units.l0, of_units.l1, of_units.linf) == (10, 10.0, 1)
    assert of_units.l2 == root_up(10)


def test_no_allocation_of_rows_moves_a_vector_further() -> None:
    """Every way to spread a unit's rows over entries, in small cases, stays within the bounds."""
    for groups, rows, bins in itertools.product((1, 2, 3), (1, 2, 3), (1, 2)):
        bound = sensitivity(VectorKind.BINS, Bounding(GROUPS, groups, rows, "person"), 1, bins, None)
        for counts in itertools.product(range(rows + 1), repeat=groups * bins):
            per_key = [sum(counts[key * bins : (key + 1) * bins]) for key in range(groups)]
            if max(per_key) > rows:
                continue
            assert sum(map(bool, counts)) <= bound.l0
            assert sum(counts) <= bound.l1
            assert sum(count**2 for count in counts) <= Fraction(bound.l2) ** 2
            assert max(counts) <= bound.linf


def test_a_sensitivity_of_zero_is_no_sensitivity() -> None:
    with pytest.raises(ValueError):
        sensitivity(VectorKind.SUM, Bounding(ROW, 1, 1, None), 0, 1, 1)


@pytest.mark.parametrize("value", [*range(300), 2**53 + 1, 10**30 + 1, 2**124 - 1])
def test_roots_are_rounded_up_and_tight(value: int) -> None:
    root = root_up(value)
    assert Fraction(root) ** 2 >= value
    below = math.nextafter(math.nextafter(root, 0), 0)
    assert value == 0 or Fraction(below) ** 2 < value


@pytest.mark.parametrize("max_rows", [1, 344, 2_000_000, 2**36, 2**40])
@pytest.mark.parametrize("noise", [0.001, 0.3, 5.0, 1e6, 7e8])
@pytest.mark.parametrize(
    ("lower", "upper"),
    [(0.0, 1.0), (-60.0, 600.0), (2500.0, 6500.0), (0.1, 0.3), (1e16, 1e16 + 2), (-1e299, 1e299), (0.0, 1e-280)],
)
@pytest.mark.parametrize("centred", [False, True])
def test_grids_are_dyadic_fine_and_within_capacity(
    max_rows: int, noise: float, lower: float, upper: float, centred: bool
) -> None:
    whole = lower.is_integer() and upper.is_integer()
    found = grid(lower, upper, centred=centred, whole=whole, max_rows=max_rows, noise=noise)
    assert math.frexp(found.step)[0] == 0.5
    assert max_rows * found.per_row < 2**62
    assert noise * found.per_row >= 2**10
    for end in (lower, upper):
        assert found.low <= (Fraction(end) - Fraction(found.offset)) / Fraction(found.step) <= found.high
    if not centred:
        assert found.offset == 0
        largest = max(abs(Fraction(lower)), abs(Fraction(upper)))
        assert found.per_row == math.ceil(largest / Fraction(found.step))


def test_whole_numbers_are_added_exactly_at_step_1_where_noise_allows() -> None:
    found = grid(2500.0, 6500.0, centred=False, whole=True, max_rows=2**36, noise=5.0)
    assert (found.step, found.low, found.high) == (1.0, 2500, 6500)
    centred = grid(0.0, 5.0, centred=True, whole=True, max_rows=2**36, noise=1e4)
    assert (centred.offset, centred.step, centred.low, centred.high) == (2.0, 1.0, -2, 3)


def test_a_grid_about_the_only_value_has_no_sensitivity() -> None:
    with pytest.raises(ValueError):
        grid(3.0, 3.0, centred=True, whole=True, max_rows=10, noise=5.0)
