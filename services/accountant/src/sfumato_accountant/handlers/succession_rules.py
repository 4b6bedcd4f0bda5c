"""Which populations can be merged or split."""

from collections import Counter
from collections.abc import Sequence

import grpc

from sfumato.v1 import population_pb2
from sfumato.v1.population_pb2 import Population
from sfumato_accountant.catalog.succession import Holdings, Plan
from sfumato_accountant.handlers.pricing import ledger_behind
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.succession import population_closed, sums
from sfumato_mesh.refusal import FieldViolation, Refusal
from sfumato_mesh.refusals import access_denied, request_invalid, resource_exists


class SuccessionRules:
    """Checks a plan while it protects its sources from changes."""

    def __init__(self, holdings: Holdings, chains: Chains) -> None:
        self._holdings = holdings
        self._chains = chains

    async def check(self, plan: Plan) -> None:
        """Check that a plan can be finished.

        Raises:
            Refusal: ACCESS_DENIED, POPULATION_CLOSED, LEDGER_BEHIND, UNIT_MISMATCH, ACCOUNTING_MISMATCH,
                RESOURCE_EXISTS or REQUEST_INVALID.
        """
        sources = [await self._source(name) for name in plan.sources]
        _check_equal(sources)
        if len(set(plan.successors)) < len(plan.successors):
            raise request_invalid("two parts have one name", [FieldViolation("parts", "each has an id of its own")])
        for name in plan.successors:
            if await self._holdings.is_given(name) or await self._chains.exists(name):
                raise resource_exists(name)
        if plan.parts[0].datasets is not None:
            await self._check_parts(plan)
        folds = [await self._chains.chain(name).refresh() for name in plan.sources]
        if not all(loss.is_representable for loss in sums(folds).values()):
            raise request_invalid("the sum of what was spent is beyond 64 bits", [FieldViolation("sources", "fewer")])

    async def _source(self, name: str) -> Population:
        population = await self._holdings.population(name)
        if population is None:
            raise access_denied(name)
        following = await self._chains.successors(name)
        if following:
            raise population_closed(name, following)
        if await self._chains.is_behind(name):
            raise ledger_behind(name)
        return population

    async def _check_parts(self, plan: Plan) -> None:
        """Each dataset of the source is in exactly one part, and nothing else is."""
        owned = {dataset.name for dataset in await self._holdings.datasets(plan.sources)}
        named = Counter(name for part in plan.parts for name in part.datasets or ())
        wrong = [
            *(FieldViolation("parts", f"{name} is in no part") for name in sorted(owned - named.keys())),
            *(FieldViolation("parts", f"{name} is not of the source") for name in sorted(named.keys() - owned)),
            *(FieldViolation("parts", f"{name} is in several parts") for name, times in named.items() if times > 1),
        ]
        if wrong:
            raise request_invalid("every dataset of the population belongs to one part", wrong)


def _check_equal(sources: Sequence[Population]) -> None:
    first = sources[0]
    for other in sources[1:]:
        if (other.unit, other.identifier_space) != (first.unit, first.identifier_space):
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "UNIT_MISMATCH",
                f"{first.name} and {other.name} are not about the same kind of persons",
                metadata={
                    "population": other.name,
                    "unit": _unit(other),
                    "hint": f"merge populations whose unit is {_unit(first)}, as that of {first.name}",
                },
                precondition=("UNIT_MISMATCH", other.name, f"the unit of {first.name} is {_unit(first)}"),
            )
        if other.accounting != first.accounting:
            kinds = [
                population_pb2.Accounting.Name(each.accounting).removeprefix("ACCOUNTING_") for each in (first, other)
            ]
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "ACCOUNTING_MISMATCH",
                f"{first.name} adds up losses by {kinds[0]}, {other.name} by {kinds[1]}",
                metadata={
                    "population": other.name,
                    "accounting": kinds[1],
                    "hint": "populations of one accounting can be merged",
                },
                precondition=("ACCOUNTING_MISMATCH", other.name, f"the accounting of {first.name} is {kinds[0]}"),
            )


def _unit(population: Population) -> str:
    kind = population_pb2.PrivacyUnitKind.Name(population.unit).removeprefix("PRIVACY_UNIT_KIND_").lower()
    return f"{kind} of {population.identifier_space}" if population.identifier_space else kind
