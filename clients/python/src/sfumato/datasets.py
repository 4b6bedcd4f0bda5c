"""Dataset: what can be asked about, and where a question begins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from sfumato._core.numbers import money
from sfumato._core.schemas import domain_text, type_name, unit_text
from sfumato._core.tables import Table, bar, clean, clean_lines, escape, html_bar
from sfumato.budgets import Budget, Budgets, left_of, shares
from sfumato.charges import short
from sfumato.questions import Asker, Question, Rows, sql_form
from sfumato.v1 import dataset_pb2, population_pb2, relation_pb2, schema_pb2


@dataclass(frozen=True)
class Column:
    """One column, as it is declared; never measured."""

    name: str
    type: str
    """ "boolean", "integer", "real", "category", "text", "date" or "timestamp"."""
    domain: str
    """Bounds or values, in words."""
    categories: tuple[str, ...]
    """Values of a category; else empty."""
    bounds: tuple[float, float] | None
    """Of a number; else None."""
    nullable: bool
    unit: str
    """Unit of measurement."""
    description: str


class Dataset(Rows):
    """A table under a policy. Prints as its view; builds questions.

    Attributes:
        name: its id.
        columns: by name.
        population: id of the population whose budget protects it.
        privacy_unit: what is protected, in words.
        version: state of the data that queries read; 0: nothing is published.
        engines: who may answer.
        budgets: what is left in the scopes that a question would pay from, as of when this view was fetched.
    """

    def __init__(
        self,
        asker: Asker,
        proto: dataset_pb2.Dataset,
        population: population_pb2.Population | None,
        budgets: Sequence[Budget],
    ) -> None:
        super().__init__(asker, relation_pb2.Relation(scan=relation_pb2.Scan(dataset=proto.name)))
        self._proto = proto
        self._population = population
        self.name = short(proto.name)
        self.population = short(proto.population)
        self.description = clean(proto.description or proto.display_name)
        self.columns = {each.name: column_of_schema(each) for each in proto.schema.columns}
        self.privacy_unit = unit_text(proto.privacy_unit, population)
        self.version = proto.version
        self.engines = tuple(proto.policy.engines) or ("native",)
        self.budgets = Budgets(budgets)

    def sql(self, statement: str, *, engine: str = "", **parameters: object) -> Question:
        """Return a question in SQL, with `:name` for parameters.

        Args:
            statement: one SELECT with aggregates over this dataset.
            engine: who is to answer; "native" if unset.
            **parameters: values of the parameters.
        """
        return Question(self._asker, sql_form(statement, parameters, engine, dataset=self._proto.name))

    def to_proto(self) -> dataset_pb2.Dataset:
        """Return the record as the wire held it; a copy."""
        copy = dataset_pb2.Dataset()
        copy.CopyFrom(self._proto)
        return copy

    def _facts(self) -> list[tuple[str, str]]:
        facts = [("protected", self.privacy_unit), ("population", self.population)]
        facts.append(("version", str(self.version) if self.version else "none is published yet"))
        facts.append(("engines", ", ".join(self.engines)))
        return facts

    def _columns_table(self) -> Table:
        rows = tuple(
            (
                each.name + (f" [{each.unit}]" if each.unit else ""),
                each.type + (", null" if each.nullable else ""),
                each.domain,
                each.description,
            )
            for each in self.columns.values()
        )
        return Table(("column", "type", "values", ""), rows)

    def __repr__(self) -> str:
        title = f" {self.name}" + (f": {self.description}" if self.description else "")
        facts = [f" {name:<11} {clean(text)}" for name, text in self._facts()]
        for each in self.budgets:
            left = left_of(each)
            state = "frozen" if each.frozen else bar(*shares(each))
            facts.append(f" {'budget':<11} {state} {left}  {each.name}")
        return clean_lines("\n".join([title, *facts, "", self._columns_table().text()]))

    def _repr_html_(self) -> str:
        facts = "".join(f"<div>{escape(n)}: {escape(t)}</div>" for n, t in self._facts())
        bars = "".join(
            "<div>"
            + html_bar(
                *shares(each),
                f"{left_of(each)}, {each.name}",
            )
            + "</div>"
            for each in self.budgets
        )
        title = f"<b>{escape(self.name)}</b> {escape(self.description)}"
        return f"<div>{title}</div>{facts}{bars}{self._columns_table().html()}"


@dataclass(frozen=True)
class DatasetLine:
    """One line of the list of datasets."""

    name: str
    description: str
    privacy_unit: str
    population: str
    version: int
    spendable_rho: float | None
    """What the caller may still spend; None: nothing was granted, or ε alone is counted."""
    spendable_epsilon: float | None = None
    """The same where ε alone is counted."""

    @property
    def spendable(self) -> str:
        """What the caller may still spend, in words."""
        if self.spendable_epsilon is not None:
            return f"ε {money(self.spendable_epsilon)}"
        return "none granted" if self.spendable_rho is None else f"ρ {money(self.spendable_rho)}"


class Datasets(Sequence[DatasetLine]):
    """Datasets that the caller may ask about; prints as a table."""

    def __init__(self, items: Sequence[DatasetLine]) -> None:
        self._items = tuple(items)

    @overload
    def __getitem__(self, index: int) -> DatasetLine: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[DatasetLine, ...]: ...
    def __getitem__(self, index: int | slice) -> DatasetLine | tuple[DatasetLine, ...]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[DatasetLine]:
        return iter(self._items)

    def _table(self) -> Table:
        rows = tuple(
            (
                each.name,
                each.description.splitlines()[0] if each.description else "",
                each.privacy_unit,
                each.spendable,
                "" if each.version else "not published",
            )
            for each in self._items
        )
        return Table(("dataset", "what it holds", "protected", "I may spend", ""), rows)

    def __repr__(self) -> str:
        return self._table().text() if self._items else " no datasets: none that you may ask about"

    def _repr_html_(self) -> str:
        return self._table().html() if self._items else "<i>no datasets</i>"


def column_of_schema(proto: schema_pb2.Column) -> Column:
    """Return a column as it is declared."""
    kind = type_name(proto)
    bounds: tuple[float, float] | None = None
    if kind == "integer":
        bounds = (proto.integer.lower, proto.integer.upper)
    elif kind == "real":
        bounds = (proto.real.lower, proto.real.upper)
    return Column(
        proto.name,
        kind,
        domain_text(proto),
        tuple(proto.category.values) if kind == "category" else (),
        bounds,
        proto.nullable,
        clean(proto.unit),
        clean(proto.description),
    )
