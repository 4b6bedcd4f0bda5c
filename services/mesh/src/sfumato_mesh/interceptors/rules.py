"""Who may call which method: one table for each service. A method that is in no table is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rule:
    """Who may call a method."""

    services: frozenset[str] = frozenset()
    """Services that may call it; empty: any that is trusted."""
    user: bool = True
    """Whether it must be called for a user."""
    public: bool = False
    """Whether anybody may call it, without token or principal. Its handler has no caller."""


INFRASTRUCTURE_RULES: Final[Mapping[str, Rule]] = {
    "/grpc.health.v1.Health/Check": Rule(public=True),
    "/grpc.health.v1.Health/Watch": Rule(public=True),
    "/grpc.health.v1.Health/List": Rule(public=True),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Rule(public=True),
}
"""Health and reflection: part of every table."""


def full_table(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """Return a table with the infrastructure's methods, its names in the form "/package.Service/Method"."""
    return {**INFRASTRUCTURE_RULES, **{f"/{name.lstrip('/')}": rule for name, rule in rules.items()}}
