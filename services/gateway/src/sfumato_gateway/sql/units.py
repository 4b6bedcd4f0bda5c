"""COUNT(DISTINCT column): what the translation cannot know without the dataset's record."""

from dataclasses import dataclass

from sfumato_gateway.sql.refusals import Position


@dataclass(frozen=True)
class UnitColumn:
    """The column of a COUNT(DISTINCT column): counted as privacy units, so it has to be the unit's column."""

    name: str
    position: Position
