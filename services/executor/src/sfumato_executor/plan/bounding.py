"""How much one privacy unit contributes: what the dataset declares, tightened by the plan.

Three bounds can be declared: groups per unit g, rows per unit and group m, rows per unit in all r. An engine enforces
one of two rules (`Bounding`): GROUPS (g keys, then m rows in each) or ROWS (r rows, whatever their keys).

Where r is declared beside g or m, it is folded into GROUPS. With g′ ≤ g and m′ ≤ m and g′·m′ ≤ r, a table that keeps
GROUPS(g′, m′) keeps all three bounds: a unit is in at most g′ ≤ g groups, with at most m′ ≤ m rows in each, so with at
most g′·m′ ≤ r rows in all. Groups are kept and rows per group lowered: g′ = min(g, r), m′ = min(m, ⌊r / g′⌋); where
any number of groups is declared, m′ = min(m, r) and g′ = ⌊r / m′⌋. Rows beyond that are left out, which costs
accuracy, never privacy.
"""

from dataclasses import dataclass

from sfumato.v1 import dataset_pb2, plan_pb2
from sfumato_executor.plan.program import Bounding
from sfumato_mesh.refusals import plan_rejected


@dataclass(frozen=True)
class Declared:
    """Bounds as declared; None: any number."""

    groups: int | None
    rows_per_group: int | None
    rows: int | None


def bounding(
    unit: dataset_pb2.PrivacyUnit, tighter: plan_pb2.ContributionBounds, key_count: int | None, grouped: bool
) -> Bounding:
    """The rule to enforce.

    `key_count` is the number of public keys, None where keys pass a threshold; `grouped` is false where there is one
    group. A unit meets no more keys than there are, so g is at most their number. Raises PLAN_REJECTED
    ("contribution_bounds") for a plan that would loosen a bound.
    """
    if not unit.column:
        _check(tighter, Declared(1, 1, 1))
        return Bounding(Bounding.Kind.ROW, 1, 1, None)
    bounds = _tightened(_declared(unit), tighter)
    if not grouped:
        rows = _least(bounds.rows_per_group, bounds.rows)
        assert rows is not None
        return Bounding(Bounding.Kind.GROUPS, 1, rows, unit.column)
    if bounds.groups is None and bounds.rows_per_group is None:
        assert bounds.rows is not None
        return Bounding(Bounding.Kind.ROWS, bounds.rows, bounds.rows, unit.column)
    groups, rows = _folded(bounds, key_count)
    return Bounding(Bounding.Kind.GROUPS, groups, rows, unit.column)


def _declared(unit: dataset_pb2.PrivacyUnit) -> Declared:
    if unit.max_rows:
        return Declared(unit.max_groups or None, unit.max_rows_per_group or None, unit.max_rows)
    return Declared(unit.max_groups or 1, unit.max_rows_per_group or 1, None)


def _tightened(declared: Declared, tighter: plan_pb2.ContributionBounds) -> Declared:
    product = None
    if declared.rows is None and declared.groups is not None and declared.rows_per_group is not None:
        product = declared.groups * declared.rows_per_group
    _check(tighter, Declared(declared.groups, declared.rows_per_group, declared.rows or product))
    rows = tighter.max_rows if tighter.max_rows and tighter.max_rows != product else declared.rows
    return Declared(tighter.max_groups or declared.groups, tighter.max_rows_per_group or declared.rows_per_group, rows)


def _check(tighter: plan_pb2.ContributionBounds, declared: Declared) -> None:
    for field, wanted, allowed in (
        ("max_groups", tighter.max_groups, declared.groups),
        ("max_rows_per_group", tighter.max_rows_per_group, declared.rows_per_group),
        ("max_rows", tighter.max_rows, declared.rows),
    ):
        if allowed is not None and wanted > allowed:
            raise plan_rejected(
                "contribution_bounds",
                f"contribution_bounds.{field}",
                f"{field} {wanted:,} is above the {allowed:,} that the dataset declares",
                hint=f"at most {allowed:,}: a plan may tighten a bound, never loosen it",
            )


def _folded(bounds: Declared, key_count: int | None) -> tuple[int, int]:
    """(g′, m′) as the module says."""
    rows = _least(bounds.rows_per_group, bounds.rows)
    assert rows is not None
    if bounds.groups is None:
        assert bounds.rows is not None
        return _least_of(bounds.rows // rows, key_count), rows
    groups = _least_of(bounds.groups, key_count)
    if bounds.rows is None:
        return groups, rows
    groups = min(groups, bounds.rows)
    return groups, min(rows, bounds.rows // groups)


def _least(first: int | None, second: int | None) -> int | None:
    return min(value for value in (first, second) if value is not None) if first or second else None


def _least_of(first: int, second: int | None) -> int:
    return first if second is None else min(first, second)


def bounding_note(unit: dataset_pb2.PrivacyUnit, rule: Bounding) -> str | None:
    """What the rule means for answers, in words; None where a row is a unit."""
    if rule.kind is Bounding.Kind.ROW:
        return None
    if rule.kind is Bounding.Kind.ROWS:
        return f"at most {rule.rows:,} rows of one {unit.column} count; others are left out at random"
    rows = f"{rule.rows:,} row{'s' if rule.rows > 1 else ''}"
    if rule.groups == 1:
        return f"at most {rows} of one {unit.column} count, in one group; others are left out at random"
    groups = f"{rule.groups:,} groups, by at most {rows} in each"
    return f"one {unit.column} counts in at most {groups}; others are left out at random"
