"""From a price that the executor computed to one that may be paid: access, versions, policy, the request's limit."""

import grpc

from sfumato.v1 import charge_pb2
from sfumato.v1.dataset_pb2 import Dataset
from sfumato.v1.population_pb2 import Population
from sfumato_accountant.accounting.accounting import Accounting, accounting_of
from sfumato_accountant.accounting.admission import accounting_mismatch as mismatch_of
from sfumato_accountant.accounting.admission import price_above
from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import Payer
from sfumato_accountant.catalog.access import may_query
from sfumato_accountant.catalog.refusals import dataset_not_published
from sfumato_accountant.catalog.sharing import sharing_of
from sfumato_accountant.handlers.catalogue import Catalogue
from sfumato_accountant.ledger.chains import Chains
from sfumato_accountant.ledger.events import Versions
from sfumato_accountant.ledger.price import Price
from sfumato_mesh.caller import Caller
from sfumato_mesh.refusal import MESH_DOMAIN, FieldViolation, Refusal
from sfumato_mesh.refusals import access_denied, request_invalid
from sfumato_mesh.v1.query_price_pb2 import QueryPrice


class Pricing:
    """Checks what can be checked before a chain is asked. Nothing is written."""

    def __init__(self, catalogue: Catalogue, chains: Chains) -> None:
        self._catalogue = catalogue
        self._chains = chains

    async def price(self, caller: Caller, query: QueryPrice, project: str) -> tuple[Price, list[Dataset]]:
        """Return what a query costs and whom, and the datasets that it reads.

        Raises:
            Refusal: ACCESS_DENIED, POPULATIONS_DIFFER, DATASET_NOT_PUBLISHED, DATASET_VERSION_CHANGED (between
                services), ACCOUNTING_MISMATCH, LEDGER_BEHIND or REQUEST_INVALID.
        """
        datasets = await self._datasets(caller, query, project)
        versions = _current_versions(query, datasets)
        population, accounting = await self._population(datasets)
        charge = accounting.entered(Loss.from_proto(query.charge))
        if not accounting.takes_charge(charge):
            raise request_invalid(
                "the price is not one that this accounting adds up",
                [FieldViolation("query.charge", "must be above zero in the population's unit of account")],
            )
        if await self._chains.is_behind(population.name):
            raise ledger_behind(population.name)
        price = Price(
            population=population.name,
            accounting=accounting,
            payer=Payer(tuple(query.datasets), project, caller.user),
            plan_digest=query.plan_digest,
            charge=charge,
            versions=versions,
            fresh=query.fresh,
            sharing=sharing_of(datasets),
            retention=await self._catalogue.retention_of(datasets),
            family_digest=query.family_digest if query.derivable else b"",
        )
        return price, datasets

    async def _datasets(self, caller: Caller, query: QueryPrice, project: str) -> list[Dataset]:
        paying = await self._catalogue.project(project) if project else None
        if project and (paying is None or caller.user not in paying.members):
            raise access_denied(project)
        datasets = []
        for name in query.datasets:
            dataset = await self._catalogue.dataset(name)
            if dataset is None or not may_query(caller, dataset, paying):
                raise access_denied(name)
            datasets.append(dataset)
        return datasets

    async def _population(self, datasets: list[Dataset]) -> tuple[Population, Accounting]:
        names = sorted({dataset.population for dataset in datasets})
        if len(names) > 1:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "POPULATIONS_DIFFER",
                "a question reads datasets of one population",
                metadata={"datasets": ", ".join(dataset.name for dataset in datasets), "hint": "ask one at a time"},
            )
        population = await self._catalogue.population(names[0])
        if population is None:
            raise access_denied(datasets[0].name)
        accounting = accounting_of(population.accounting)
        if accounting is None:
            raise accounting_mismatch(population)
        return population, accounting


def require_within_limit(price: Price, limit: charge_pb2.LossLimit) -> None:
    """Check a price against the request's own limit. Raises Refusal PRICE_ABOVE_LIMIT or ACCOUNTING_MISMATCH."""
    if not price.accounting.takes_limit(limit):
        raise mismatch_of(price.population, price.accounting.kind, "limit")
    if not price.accounting.fits_once(limit, price.charge):
        raise price_above("PRICE_ABOVE_LIMIT", "the request's limit", price.charge, limit, "limit", {})


def dataset_that_forbids(price: Price, datasets: list[Dataset]) -> Dataset | None:
    """Return a dataset whose policy does not allow the price; None: all do."""
    for dataset in datasets:
        policy = dataset.policy
        if policy.HasField("max_charge") and not price.accounting.fits_once(policy.max_charge, price.charge):
            return dataset
    return None


def price_above_policy(price: Price, dataset: Dataset) -> Refusal:
    """A price is above what a dataset's policy allows one query."""
    limit = dataset.policy.max_charge
    extra = {"dataset": dataset.name}
    return price_above("PRICE_ABOVE_POLICY", f"the policy of {dataset.name}", price.charge, limit, "max", extra)


def accounting_mismatch(population: Population) -> Refusal:
    """The population's accounting, or the form of a limit in it, is not served."""
    return mismatch_of(population.name, population.accounting)


def _current_versions(query: QueryPrice, datasets: list[Dataset]) -> Versions:
    for dataset in datasets:
        if dataset.version == 0:
            raise dataset_not_published(dataset.name)
    if len(query.versions) != len(datasets):
        raise request_invalid(
            "each dataset is quoted at one version", [FieldViolation("query.versions", "as many as query.datasets")]
        )
    for dataset, version in zip(datasets, query.versions, strict=True):
        if dataset.version != version:
            raise Refusal(
                grpc.StatusCode.ABORTED,
                "DATASET_VERSION_CHANGED",
                f"{dataset.name} was published again since the quote",
                metadata={"dataset": dataset.name},
                domain=MESH_DOMAIN,
            )
    return tuple((dataset.name, dataset.version) for dataset in datasets)


def ledger_behind(population: str) -> Refusal:
    """The chain does not contain its mark, as far as this server knows."""
    return Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "LEDGER_BEHIND",
        f"the ledger of {population} does not contain all that was ever told of it",
        metadata={"population": population, "hint": "restore a later copy, or an administrator reopens it"},
        precondition=("LEDGER_BEHIND", population, "an administrator must reopen it"),
    )
