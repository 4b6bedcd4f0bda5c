"""Models: fitted once with differential privacy. Rows drawn from one are free, and so are its parameters."""

import datetime
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, overload

from google.longrunning import operations_pb2

from sfumato._core import plans
from sfumato._core.answer_view import SHOWN_ROWS, value_text
from sfumato._core.model_specs import kind_of, model_id, scanned, spec_text
from sfumato._core.streams import TableReader
from sfumato._core.tables import Table, clean, clean_lines, escape
from sfumato.charges import Charge, short
from sfumato.errors import SfumatoError
from sfumato.expressions import Expression, column_of
from sfumato.frames import Frame
from sfumato.receipts import LedgerEvidence, Receipt
from sfumato.v1 import dataset_service_pb2, fitted_model_pb2, model_pb2, model_service_pb2, model_spec_pb2, query_pb2

if TYPE_CHECKING:
    from sfumato.questions import Question, Rows

Metric: TypeAlias = Literal["accuracy", "mean_absolute_error", "mean_squared_error"]
_MOST_DRAWN = 10_000_000


class Keeper(Protocol):
    """Who keeps the models, and the fits that make them."""

    def operation(self, model: str) -> operations_pb2.Operation:
        """Return the fit of a model as it is."""

    def await_operation(self, operation: operations_pb2.Operation, timeout: float | None) -> operations_pb2.Operation:
        """Wait for the end of a fit."""

    def cancel_operation(self, model: str) -> operations_pb2.Operation:
        """Give a fit up."""

    def fetch_model(self, model: str) -> model_pb2.Model:
        """Return a model with its parameters."""

    def draw(self, request: model_service_pb2.SampleModelRequest) -> TableReader:
        """Draw rows."""

    def dataset(self, name: str) -> dataset_service_pb2.GetDatasetResponse:
        """Return a dataset that an estimator is scored on."""

    def fetch_query(self, name: str) -> query_pb2.Query:
        """Return the query that paid."""

    def evidence(self, population: str, sequence: int) -> LedgerEvidence:
        """Return what the ledger says."""


class Sample(Frame):
    """Rows that were drawn from a synthesizer: made up, and like the rows that it was fitted on.

    Attributes:
        model: models/{model}; "" for a rehearsal.
        seed: fixed the rows.
        asked: rows that were asked for; fewer come where a condition is hard to meet.
        is_dummy: whether the model was fitted on made-up rows.
    """

    def __init__(self, reader: TableReader, *, model: str, seed: int, asked: int) -> None:
        super().__init__(reader)
        self.model = model
        self.seed = seed
        self.asked = asked
        self.is_dummy = not model

    def _view(self) -> Table:
        shown = {name: values[:SHOWN_ROWS] for name, values in self.columns.items()}
        right = frozenset(i for i, values in enumerate(shown.values()) if any(_is_number(each) for each in values))
        cells = [[value_text(each) for each in values] for values in shown.values()]
        return Table(tuple(shown), tuple(zip(*cells, strict=True)), right)

    def _summary(self) -> str:
        source = "a rehearsal on made-up rows" if self.is_dummy else self.model
        drawn = f"{self.row_count:,} rows" if self.row_count == self.asked else f"{self.row_count:,} of {self.asked:,}"
        return f"{drawn} drawn from {source}, seed {self.seed} · free"

    def __repr__(self) -> str:
        return clean_lines(f"{self._view().text(gap=' │ ', rule=True)}\n {self._summary()}")

    def _repr_html_(self) -> str:
        return f"{self._view().html()}<div><i>{escape(self._summary())}</i></div>"


class Model:
    """What synthesizers and estimators have in common.

    Attributes:
        name: models/{model}; "" for a rehearsal.
        is_dummy: whether it was fitted on made-up rows.
    """

    def __init__(self, keeper: Keeper, proto: model_pb2.Model) -> None:
        self._keeper = keeper
        self._proto = proto
        self.name = proto.name
        self.is_dummy = not proto.name

    @property
    def id(self) -> str:
        """Its id, which is that of its query and of its fit too."""
        return short(self.name)

    @property
    def kind(self) -> str:
        """What it is, in a few words: "mst", "standard_scaler → logistic_regression"."""
        return kind_of(self._proto.spec)

    @property
    def spec(self) -> model_spec_pb2.ModelSpec:
        """What was fitted on which rows; a copy."""
        copy = model_spec_pb2.ModelSpec()
        copy.CopyFrom(self._proto.spec)
        return copy

    @property
    def dataset(self) -> str:
        """Id of the dataset that it was fitted on."""
        return scanned(self._proto.spec.source)

    @property
    def query(self) -> str:
        """queries/{query} that paid for it; "" for a rehearsal."""
        return self._proto.query

    @property
    def charge(self) -> Charge:
        """The price of the release; zero for a rehearsal."""
        return Charge.of(self._proto.receipt.statement.charge)

    @property
    def datasets(self) -> dict[str, int]:
        """Data versions by dataset."""
        return {short(each.dataset): each.version for each in self._proto.data_versions}

    @property
    def create_time(self) -> datetime.datetime:
        """When it was paid, UTC."""
        return self._proto.create_time.ToDatetime(tzinfo=datetime.UTC)

    @property
    def expire_time(self) -> datetime.datetime | None:
        """When it can no longer be read, UTC; None: never, as policy is now. Its receipt stays."""
        if not self._proto.HasField("expire_time"):
            return None
        return self._proto.expire_time.ToDatetime(tzinfo=datetime.UTC)

    @property
    def receipt(self) -> Receipt:
        """The signed proof.

        Raises:
            SfumatoError: a rehearsal has none.
        """
        if not self._proto.HasField("receipt"):
            raise SfumatoError("a rehearsal has no receipt." if self.is_dummy else "the model came without a receipt.")
        return Receipt(self._proto.receipt, self._keeper.fetch_query(self.query), self._keeper.evidence)

    def to_proto(self) -> model_pb2.Model:
        """Return it as the wire held it; a copy."""
        copy = model_pb2.Model()
        copy.CopyFrom(self._proto)
        return copy

    def _facts(self) -> list[tuple[str, str]]:
        if self.is_dummy:
            return [("", "rehearsal on made-up rows · nothing paid")]
        data = ", ".join(f"{name} version {version}" for name, version in self.datasets.items())
        paid = f"{self.create_time:%Y-%m-%d %H:%M} UTC"
        return [("data", data), ("price", f"{self.charge.described()}, paid {paid}"), ("receipt", self.query)]

    def __repr__(self) -> str:
        lines = [f" {self.name or 'a model'}", *(f" {line}" for line in spec_text(self._proto.spec).split("\n")), ""]
        return clean_lines("\n".join([*lines, *(f" {name:<8} {text}" for name, text in self._facts())]))

    def _repr_html_(self) -> str:
        facts = "".join(f"<div>{escape(name)} {escape(text)}</div>" for name, text in self._facts())
        spec = "<br>".join(escape(line) for line in spec_text(self._proto.spec).split("\n"))
        return f"<b>{escape(self.name or 'a model')}</b><div><code>{spec}</code></div>{facts}"


class SynthesizerModel(Model):
    """Something to draw rows from: any number of times, free."""

    @property
    def columns(self) -> list[str]:
        """The columns that it learnt."""
        return [each.name for each in self._proto.spec.synthesizer.columns]

    def sample(self, n: int, *, seed: int = 0, where: Expression | None = None) -> Sample:
        """Draw rows. Free; the same seed and condition give the same rows.

        Args:
            n: how many, at most 10,000,000.
            seed: fixes the rows; 64 bits, not negative.
            where: only rows for which this holds, over the model's columns. A condition that is hard to meet gives
                fewer rows.

        Raises:
            InvalidRequest: a value is out of range; nothing was sent.
            RefusedError: the condition reads what the model did not learn, or the model can no longer be read.
            SfumatoError: a rehearsal stays nowhere, and has its rows already.
            Unavailable: the mesh does not answer.
        """
        if self.is_dummy:
            raise SfumatoError("a rehearsal stays nowhere: .dummy(…) has drawn its rows.")
        request = model_service_pb2.SampleModelRequest(
            name=self.name,
            row_count=plans.whole(n, "n", 1, _MOST_DRAWN),
            condition=None if where is None else column_of(where).to_proto(),
            seed=plans.whole(seed, "seed", 0, 2**64 - 1),
        )
        return Sample(self._keeper.draw(request), model=self.name, seed=seed, asked=n)


class EstimatorModel(Model):
    """Something to predict or describe with: noisy parameters, that make a scikit-learn estimator here."""

    @property
    def parameters(self) -> fitted_model_pb2.FittedEstimator:
        """Its noisy parameters; fetched when they are first needed. Nothing in them is unpaid."""
        if not self._proto.HasField("fitted_estimator"):
            self._proto = self._keeper.fetch_model(self.name)
        return self._proto.fitted_estimator

    def to_sklearn(self) -> Any:
        """Return a fitted scikit-learn estimator with these parameters (extra `models`).

        Raises:
            MissingExtra: scikit-learn is not installed.
        """
        from sfumato import estimators

        return estimators.to_sklearn(self.parameters)

    def score_question(
        self, rows: "Rows", metric: Metric = "accuracy", *, bounds: tuple[float, float] | None = None
    ) -> "Question":
        """Return a question for how well it predicts: unpaid, with a price and a charge of its own.

        Args:
            rows: of a dataset with the same columns, perhaps filtered.
            metric: "accuracy" of classes; "mean_absolute_error" or "mean_squared_error" of numbers.
            bounds: of the error of one row; from the declared bounds of the columns if unset.

        Raises:
            InvalidRequest: no such metric, it is not one for what is predicted, or the model predicts nothing.
        """
        from sfumato import scores

        asked = self._proto.spec.estimator
        return scores.score_question(
            self.parameters, asked, rows, scores.columns_of(self._keeper, rows), metric, bounds
        )


AnyModel: TypeAlias = SynthesizerModel | EstimatorModel


def model_of(keeper: Keeper, proto: model_pb2.Model) -> AnyModel:
    """Return a model as what it is."""
    kind = EstimatorModel if proto.spec.WhichOneof("kind") == "estimator" else SynthesizerModel
    return kind(keeper, proto)


class Models(Sequence[AnyModel]):
    """Models, newest first; prints as a table."""

    def __init__(self, items: Sequence[AnyModel]) -> None:
        self._items = tuple(items)

    @overload
    def __getitem__(self, index: int) -> AnyModel: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[AnyModel, ...]: ...
    def __getitem__(self, index: int | slice) -> AnyModel | tuple[AnyModel, ...]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[AnyModel]:
        return iter(self._items)

    def _table(self) -> Table:
        rows = tuple(
            (f"{each.create_time:%Y-%m-%d %H:%M}", clean(each.dataset), each.kind, str(each.charge), each.name)
            for each in self._items
        )
        return Table(("paid, UTC", "dataset", "what", "price", "model"), rows)

    def __repr__(self) -> str:
        return self._table().text() if self._items else " nothing was fitted yet"

    def _repr_html_(self) -> str:
        return self._table().html() if self._items else "<i>nothing was fitted yet</i>"


def full_name(model: str) -> str:
    """Return models/{model} of an id, or of the name of its operation or query."""
    return f"models/{model_id(model)}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
