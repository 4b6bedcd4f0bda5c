"""Units in which an amount of privacy loss is told."""

from enum import Enum


class Unit(Enum):
    """ρ or ε; both count in 10^-12."""

    RHO = "ρ"
    EPSILON = "ε"
