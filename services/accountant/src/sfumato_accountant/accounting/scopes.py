"""Scopes of one population, and which of them a query counts against."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sfumato.v1 import scope_pb2


class ScopeKey(NamedTuple):
    """A scope within its population; empty parts match everything. Sorts population first."""

    dataset: str = ""
    """datasets/{dataset}."""
    project: str = ""
    """projects/{project}."""
    analyst: str = ""
    """users/{user}."""

    @classmethod
    def from_proto(cls, scope: scope_pb2.Scope) -> "ScopeKey":
        """Return the key of a Scope."""
        return cls(scope.dataset, scope.project, scope.analyst)

    @classmethod
    def from_json(cls, scope: Mapping[str, Any]) -> "ScopeKey":
        """Return the key of the ProtoJSON of a Scope."""
        return cls(scope.get("dataset", ""), scope.get("project", ""), scope.get("analyst", ""))

    def to_proto(self, population: str) -> scope_pb2.Scope:
        """Return the Scope."""
        return scope_pb2.Scope(population=population, dataset=self.dataset, project=self.project, analyst=self.analyst)

    def words(self, population: str) -> str:
        """Return it as people read it: "users/ada on populations/palmer"."""
        parts = [part for part in (self.analyst, self.project, self.dataset) if part]
        return f"{', '.join(parts)} on {population}" if parts else population

    def grant_name(self, population: str) -> str:
        """Return the name of its grant: "populations/palmer/grants/dataset-flights.analyst-ada"."""
        parts = [
            f"{kind}-{part.partition('/')[2]}"
            for kind, part in (("dataset", self.dataset), ("project", self.project), ("analyst", self.analyst))
            if part
        ]
        return f"{population}/grants/{'.'.join(parts) or 'population'}"


POPULATION = ScopeKey()
"""The population itself: the promise to the persons in the data."""


class Payer(NamedTuple):
    """What decides which scopes a query counts against."""

    datasets: tuple[str, ...]
    """datasets/{dataset} that it reads."""
    project: str
    """projects/{project} that pays; empty: none."""
    analyst: str
    """users/{user} who asks."""

    def matches(self, scope: ScopeKey) -> bool:
        """Return whether all named parts of the scope are the query's own."""
        return (
            (not scope.dataset or scope.dataset in self.datasets)
            and (not scope.project or scope.project == self.project)
            and (not scope.analyst or scope.analyst == self.analyst)
        )

    def matching(self, scopes: Iterable[ScopeKey]) -> list[ScopeKey]:
        """Return those that match, population first."""
        return sorted(scope for scope in scopes if self.matches(scope))

    def may_pay(self, granted: Collection[ScopeKey]) -> bool:
        """Return whether the population has a grant, and one that matches names the analyst or the project."""
        return POPULATION in granted and any(
            (scope.analyst or scope.project) and self.matches(scope) for scope in granted
        )
