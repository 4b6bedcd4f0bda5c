"""Scopes of one population, and which of them a query counts against."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sfumato.verification.exports import Malformed
from sfumato.verification.losses import Loss, read_loss


class Scope(NamedTuple):
    """A scope within its population; empty parts match everything. Sorts population first."""

    dataset: str = ""
    project: str = ""
    analyst: str = ""

    def words(self, population: str) -> str:
        """Return it as people read it: "users/ada on populations/palmer"."""
        parts = [part for part in (self.analyst, self.project, self.dataset) if part]
        return f"{', '.join(parts)} on {population}" if parts else population

    def grant_name(self, population: str) -> str:
        """Return the name of its grant."""
        named = (("dataset", self.dataset), ("project", self.project), ("analyst", self.analyst))
        parts = [f"{kind}-{part.partition('/')[2]}" for kind, part in named if part]
        return f"{population}/grants/{'.'.join(parts) or 'population'}"


POPULATION = Scope()
ScopeLosses = tuple[tuple[Scope, Loss], ...]


class Payer(NamedTuple):
    """What decides which scopes a query counts against."""

    datasets: tuple[str, ...]
    project: str
    analyst: str

    def matches(self, scope: Scope) -> bool:
        """Return whether all named parts of the scope are the query's own."""
        return (
            (not scope.dataset or scope.dataset in self.datasets)
            and scope.project in ("", self.project)
            and scope.analyst in ("", self.analyst)
        )

    def matching(self, scopes: Iterable[Scope]) -> tuple[Scope, ...]:
        """Return those that match, population first."""
        return tuple(sorted(scope for scope in scopes if self.matches(scope)))


def read_scope(fields: Any, population: str) -> Scope:
    """Return the scope that the ProtoJSON of a Scope says; raises Malformed."""
    if not isinstance(fields, dict) or fields.get("population") != population:
        raise Malformed("a scope is of another population")
    dataset, project, analyst = fields.get("dataset", ""), fields.get("project", ""), fields.get("analyst", "")
    if len(fields) != 1 + bool(dataset) + bool(project) + bool(analyst):
        raise Malformed("a scope holds something else than population, dataset, project and analyst")
    return Scope(dataset, project, analyst)


def read_scope_losses(lines: Any, population: str) -> ScopeLosses:
    """Return the losses that a list of ScopeCharge says; raises Malformed where a scope stands there twice."""
    if not isinstance(lines, list):
        raise Malformed("scopes are no list")
    found = tuple([(read_scope(each.get("scope"), population), read_loss(each.get("charge", {}))) for each in lines])
    if len({scope for scope, _ in found}) != len(found):
        raise Malformed("a scope pays twice at once")
    return found
