"""Which rows belong to one privacy unit, exactly, and the keyed hash that orders units and keys.

A unit is the exact value of its column in the declared type. It is never cut, moved to a bound or rounded as other
columns are: two persons under one name would share one contribution bound, and removing one of them would bring other
rows of the other into an answer.
"""

from dataclasses import dataclass

import polars as pl

from sfumato_executor.plan.expressions import Kind
from sfumato_executor.preparation.columns import ColumnDomain
from sfumato_executor.preparation.mending import plain, to_stored

KEY_BYTES = 32
UNIT_KINDS = (Kind.INTEGER, Kind.CATEGORY, Kind.TEXT, Kind.DATE)


def exact_units(values: pl.Series, column: ColumnDomain) -> pl.Series:
    """Exact unit of each row; null where the value does not convert to the declared type.

    Whole numbers beyond 64 bits have no exact value here and become null, as their rows are left out.
    """
    units = to_stored(plain(values), column)
    if column.kind is Kind.INTEGER:
        extreme = (units == (1 << 63) - 1) | (units == -(1 << 63))
        units = units.set(extreme.fill_null(False), None)
    return units


@dataclass(frozen=True)
class UnitHash:
    """Keyed 64-bit hash of units. The key is random for each data version and never leaves the prepared folder.

    It only orders: a collision merges nothing, and no proof rests on the hash being good. Only fairness does: which of
    a unit's keys are kept should not be foreseeable.
    """

    key: bytes

    def __call__(self, units: pl.Series) -> pl.Series:
        """UInt64 of each unit; a function of key and value alone."""
        seeds = [int.from_bytes(self.key[i : i + 8], "little") for i in range(0, KEY_BYTES, 8)]
        return units.hash(*seeds)
