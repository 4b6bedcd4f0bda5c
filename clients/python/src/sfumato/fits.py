"""Fits: what is to be learnt from which rows; priced by `quote`, rehearsed by `dummy`, paid by `run`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol

from sfumato._core import amounts, model_specs, plans
from sfumato._core.amounts import Amount, refused
from sfumato._core.streams import TableReader
from sfumato.jobs import ModelJob, ModelT_co
from sfumato.models import EstimatorModel, Keeper, Sample, SynthesizerModel
from sfumato.steps import Step
from sfumato.v1 import (
    model_pb2,
    model_service_pb2,
    model_spec_pb2,
    plan_pb2,
    query_service_pb2,
    question_pb2,
    relation_pb2,
)

if TYPE_CHECKING:
    from google.longrunning import operations_pb2

    from sfumato.quotes import Quote

_MOST_MADE_UP = 100_000


class Fitter(Keeper, Protocol):
    """Who carries a fit to the mesh."""

    def ask_price(self, request: query_service_pb2.QuoteQueryRequest) -> "Quote":
        """Return the quote."""

    def create_model(self, request: model_service_pb2.CreateModelRequest) -> "operations_pb2.Operation":
        """Pay, and return the fit."""

    def rehearse_model(self, request: model_service_pb2.RunDummyModelRequest) -> tuple[model_pb2.Model, TableReader]:
        """Return a model of made-up rows, and rows drawn from it if it is a synthesizer."""


@dataclass(frozen=True)
class Bins:
    """A column that is learnt in bins. Made by `bins`."""

    column: str
    count: int

    def __repr__(self) -> str:
        return f"bins({self.column}, {self.count})"


def bins(column: str, count: int) -> Bins:
    """Learn a number, date or timestamp in bins of equal width over its declared bounds.

    Args:
        column: its name. Drawn values are uniform within their bin.
        count: bins, 1 to 1,000.
    """
    return Bins(column, plans.whole(count, "bins", 1, 1000))


class Fit(Generic[ModelT_co]):
    """What is to be fitted. Fitting the same again returns the same model, free."""

    def __init__(
        self,
        fitter: Fitter,
        spec: model_spec_pb2.ModelSpec,
        make: Callable[[Keeper, model_pb2.Model], ModelT_co],
    ) -> None:
        self._fitter = fitter
        self._spec = spec
        self._make = make

    def to_proto(self) -> model_spec_pb2.ModelSpec:
        """Return it as the wire holds it; a copy."""
        copy = model_spec_pb2.ModelSpec()
        copy.CopyFrom(self._spec)
        return copy

    def quote(
        self,
        *,
        rho: Amount | None = None,
        epsilon: Amount | None = None,
        delta: Amount | None = None,
        project: str = "",
    ) -> "Quote":
        """Return the price. Free; reads no data.

        Args:
            rho: ρ to be spent.
            epsilon: or ε, pure if no delta is given.
            delta: δ beside either.
            project: who would pay; nobody but the caller if unset.

        Raises:
            InvalidRequest: a value is out of range; nothing was sent.
            RefusedError: the model cannot be fitted, or not at this price.
            Unavailable: the mesh does not answer.
        """
        request = query_service_pb2.QuoteQueryRequest(
            question=question_pb2.Question(model=self._spec),
            payment=amounts.loss(rho, epsilon, delta).to_payment(),
            project=plans.resource("projects", project),
        )
        return self._fitter.ask_price(request)

    def run(
        self,
        *,
        rho: Amount | None = None,
        epsilon: Amount | None = None,
        delta: Amount | None = None,
        project: str = "",
        request_id: str | None = None,
        fresh: bool = False,
        limit: Amount | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> ModelJob[ModelT_co]:
        """Pay, and start the fit. An equal one that was paid before has its model at once, free.

        Args:
            rho: ρ to spend.
            epsilon: or ε, pure if no delta is given.
            delta: δ beside either.
            project: who pays; nobody but the caller if unset.
            request_id: a UUID that names this payment: calling again with it never pays twice. Made up if unset.
            fresh: fit and pay anew although an equal model is there.
            limit: the most that any scope may be charged, in ρ or ε as paid; what is paid if unset.
            labels: for finding the query again.

        Returns:
            A handle at once: `.result()` waits for the model.

        Raises:
            InvalidRequest: a value is out of range; nothing was sent.
            RefusedError: refused; free.
            Unavailable: the outcome is not known; repeat with the same request_id.
        """
        paid = amounts.loss(rho, epsilon, delta)
        request = model_service_pb2.CreateModelRequest(
            spec=self._spec,
            payment=paid.to_payment(),
            limit=None if limit is None else amounts.limit_of(limit, paid),
            request_id=plans.request_id(request_id),
            project=plans.resource("projects", project),
            labels=labels or {},
            fresh=fresh,
        )
        return ModelJob(self._fitter, self._fitter.create_model(request), self._make)

    def _rehearsed(
        self, rho: Amount | None, epsilon: Amount | None, delta: Amount | None, seed: int, rows: int
    ) -> tuple[model_pb2.Model, TableReader]:
        request = model_service_pb2.RunDummyModelRequest(
            spec=self._spec,
            payment=amounts.loss(rho, epsilon, delta).to_payment(),
            row_count=plans.whole(rows, "rows", 1, _MOST_MADE_UP),
            seed=plans.whole(seed, "seed", 0, 2**64 - 1),
        )
        return self._fitter.rehearse_model(request)

    def __repr__(self) -> str:
        return model_specs.spec_text(self._spec)


class SynthesizerFit(Fit[SynthesizerModel]):
    """A synthesizer that is to be fitted: `.run(rho=…).result().sample(1000)`."""

    def dummy(
        self,
        *,
        rho: Amount | None = None,
        epsilon: Amount | None = None,
        delta: Amount | None = None,
        seed: int = 0,
        rows: int = 1000,
    ) -> Sample:
        """Rehearse on made-up rows: the same checks and engine, a minute at most, free. Returns rows of the model.

        Args:
            rho: ρ as if spent.
            epsilon: or ε.
            delta: δ beside either.
            seed: fixes the made-up rows; the noise is new each time.
            rows: made-up rows, at most 100,000; as many are drawn.

        Raises:
            InvalidRequest: a value is out of range; nothing was sent.
            RefusedError: the model cannot be fitted.
            Unavailable: the mesh does not answer.
        """
        _, drawn = self._rehearsed(rho, epsilon, delta, seed, rows)
        return Sample(drawn, model="", seed=seed, asked=rows)


class EstimatorFit(Fit[EstimatorModel]):
    """A pipeline that is to be fitted: `.run(epsilon=…).result().to_sklearn()`."""

    def dummy(
        self,
        *,
        rho: Amount | None = None,
        epsilon: Amount | None = None,
        delta: Amount | None = None,
        seed: int = 0,
        rows: int = 1000,
    ) -> EstimatorModel:
        """Rehearse on made-up rows: the same checks and engine, a minute at most, free. Returns their model.

        Args:
            rho: ρ as if spent.
            epsilon: or ε.
            delta: δ beside either.
            seed: fixes the made-up rows; the noise is new each time.
            rows: made-up rows, at most 100,000.

        Raises:
            InvalidRequest: a value is out of range; nothing was sent.
            RefusedError: the model cannot be fitted.
            Unavailable: the mesh does not answer.
        """
        model, _ = self._rehearsed(rho, epsilon, delta, seed, rows)
        return EstimatorModel(self._fitter, model)


class Fittable:
    """Rows from which models can be learnt."""

    _asker: Fitter
    _relation: relation_pb2.Relation
    _bounds: plan_pb2.ContributionBounds | None

    def synthesize(self, columns: Sequence[str | Bins], *, method: str = "mst", **parameters: int) -> SynthesizerFit:
        """Learn the joint distribution of some columns, to draw rows like them.

        Args:
            columns: names, and `sf.bins("mass", 20)` for what has many values. Texts cannot be learnt.
            method: "mst", "aim", "mwem" or "pac".
            **parameters: of the method; as its library has them if unset. aim: degree, rounds, max_model_mib. mwem:
                query_count, iterations, marginal_width. pac: reporting_length.
        """
        self._require_declared_bounds("synthesize")
        if isinstance(columns, str):
            raise refused("columns", "a text is no list", f'synthesize(["{columns}"])')
        learnt = [_column(each) for each in columns]
        spec = model_spec_pb2.ModelSpec(
            source=self._relation, synthesizer=model_specs.synthesizer(learnt, method, parameters)
        )
        return SynthesizerFit(self._asker, spec, SynthesizerModel)

    def fit(
        self, *, features: Sequence[str], steps: Sequence[Step], target: str = "", row_count: int = 0
    ) -> EstimatorFit:
        """Fit a pipeline: `fit(features=["mass"], target="species", steps=[sf.logistic_regression()])`.

        Args:
            features: columns that are read: numbers with bounds, categories and booleans.
            steps: in order; only the last may predict.
            target: column that is predicted; none where no step predicts.
            row_count: rows that are fitted, made-up ones added or others left out; 0: as the dataset's policy says.
        """
        self._require_declared_bounds("fit")
        for each in steps:
            if not isinstance(each, Step):
                raise refused("steps", f"{type(each).__name__} is no step", "steps=[sf.logistic_regression()]")
        protos = [each.to_proto() for each in steps]
        spec = model_spec_pb2.ModelSpec(
            source=self._relation, estimator=model_specs.estimator(features, target, protos, row_count)
        )
        return EstimatorFit(self._asker, spec, EstimatorModel)

    def _require_declared_bounds(self, asked: str) -> None:
        if self._bounds is not None:
            raise refused(
                asked,
                "a model takes of each privacy unit what the dataset declares",
                f".{asked}(…) without .bound_contributions(…)",
            )


def _column(value: str | Bins) -> tuple[str, int]:
    if isinstance(value, Bins):
        return value.column, value.count
    if isinstance(value, str):
        return value, 0
    raise refused("columns", f"{type(value).__name__} is neither a column's name nor bins", 'sf.bins("mass", 20)')
