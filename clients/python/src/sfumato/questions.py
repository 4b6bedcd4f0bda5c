"""Questions: built step by step, priced by `quote`, rehearsed by `dummy`, paid by `run`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn, Protocol

from sfumato._core import amounts, nodes, plans
from sfumato._core.amounts import Amount, refused
from sfumato._core.literals import literal
from sfumato._core.wording import expression_text, measure_text
from sfumato.errors import InvalidRequest
from sfumato.expressions import Expression, column_of, to_expression
from sfumato.fits import Fittable, Fitter
from sfumato.measures import Measure
from sfumato.v1 import expression_pb2, plan_pb2, query_service_pb2, question_pb2, relation_pb2

if TYPE_CHECKING:
    from sfumato.answers import Answer
    from sfumato.quotes import Quote


class Asker(Fitter, Protocol):
    """Who carries a question to the mesh."""

    def ask(self, request: query_service_pb2.RunQueryRequest, timeout: float | None) -> "Answer":
        """Pay, and return the answer."""

    def rehearse(self, request: query_service_pb2.RunDummyQueryRequest) -> "Answer":
        """Return an answer on made-up rows."""


class Unmeasured:
    """Rows before anything is measured: what a question can do says here what is missing."""

    def quote(self, *_: object, **__: object) -> NoReturn:
        """Refuse: only what is measured has a price."""
        raise _nothing_measured("quote")

    def run(self, *_: object, **__: object) -> NoReturn:
        """Refuse: only what is measured has an answer."""
        raise _nothing_measured("run")

    def dummy(self, *_: object, **__: object) -> NoReturn:
        """Refuse: only what is measured has an answer."""
        raise _nothing_measured("dummy")


def _nothing_measured(asked: str) -> InvalidRequest:
    return refused(
        asked, "nothing is measured yet", f"call .agg(n=sf.count()) first: ….agg(n=sf.count()).{asked}(rho=…)"
    )


class Rows(Unmeasured, Fittable):
    """Rows of a dataset, perhaps filtered and with more columns. Never changes: each step returns another one.

    Measured by `agg`; models are learnt from them by `synthesize` and `fit`.
    """

    _asker: Asker

    def __init__(
        self, asker: Asker, relation: relation_pb2.Relation, bounds: plan_pb2.ContributionBounds | None = None
    ) -> None:
        self._asker = asker
        self._relation = relation
        self._bounds = bounds

    def filter(self, *predicates: Expression) -> "Rows":
        """Keep rows for which all predicates are true."""
        if not predicates:
            raise refused("filter", "a predicate is needed", 'filter(sf.col("x") > 3)')
        relation = plans.filtered(self._relation, [column_of(each).to_proto() for each in predicates])
        return Rows(self._asker, relation, self._bounds)

    def with_columns(self, *expressions: Expression, **named: Expression | object) -> "Rows":
        """Add columns, all computed from the columns before; a name that exists is replaced.

        Args:
            *expressions: with a name of their own: `cut("x", […]).alias("band")`.
            **named: by name: an expression or a constant.
        """
        columns = [plans.named(_named(each), each.to_proto()) for each in map(column_of, expressions)]
        columns += [plans.named(name, to_expression(each)) for name, each in named.items()]
        if not columns:
            raise refused("with_columns", "a column is needed", 'with_columns(double=sf.col("x") * 2)')
        return Rows(self._asker, plans.derived(self._relation, columns), self._bounds)

    def bound_contributions(self, *, max_groups: int = 0, max_rows_per_group: int = 0, max_rows: int = 0) -> "Rows":
        """Let one privacy unit contribute less than the dataset declares: less noise, more left out.

        Args:
            max_groups: groups in which a unit counts; 0: as declared.
            max_rows_per_group: rows of a unit in one group; 0: as declared.
            max_rows: rows of a unit in all; 0: as declared.
        """
        bounds = plans.contribution_bounds(max_groups, max_rows_per_group, max_rows)
        return Rows(self._asker, self._relation, bounds)

    def group_by(
        self,
        *by: str | Expression,
        keys: Sequence[object] | None = None,
        threshold: bool | int = False,
    ) -> "Groups":
        """Group rows. Without more, every combination of the columns' declared values is answered, rows or not.

        Args:
            *by: columns' names, or expressions with a name.
            keys: the groups to answer: values, or tuples of values where there are several columns.
            threshold: find groups in the data and answer those that pass a noisy threshold; costs δ. A whole number
                is the share of the loss for finding them.
        """
        columns = [column_of(each) for each in by]
        if not columns:
            raise refused("group_by", "a column is needed", 'group_by("species")')
        if keys is not None and threshold is not False:
            raise refused("group_by", "keys are either listed or found by threshold", "keys=[…] or threshold=True")
        named = [plans.named(_named(each), each.to_proto()) for each in columns]
        return Groups(self, plans.grouping(named, keys, threshold))

    def agg(self, *unnamed: Measure, **measures: Measure) -> "Question":
        """Measure all rows as one group: `agg(n=sf.count(), m=sf.mean("x"))`. Every measure needs a name."""
        _require_names(unnamed)
        return self._question(None, measures)

    def _question(self, group_by: plan_pb2.GroupBy | None, measures: Mapping[str, Measure]) -> "Question":
        if not measures:
            raise refused("agg", "a measure is needed", "agg(n=sf.count())")
        for name, each in measures.items():
            if not isinstance(each, Measure):
                raise refused(f"agg({name}=…)", f"{type(each).__name__} is no measure", f"agg({name}=sf.count())")
        protos = [each.to_proto(name) for name, each in measures.items()]
        plan = plans.plan(self._relation, group_by, protos, self._bounds)
        return Question(self._asker, question_pb2.Question(plan=plan))

    def __repr__(self) -> str:
        return plans.relation_text(self._relation)


class Groups(Unmeasured):
    """Rows in groups, to be measured."""

    def __init__(self, rows: Rows, group_by: plan_pb2.GroupBy) -> None:
        self._rows = rows
        self._group_by = group_by

    def agg(self, *unnamed: Measure, **measures: Measure) -> "Question":
        """Measure each group: `agg(n=sf.count(), m=sf.mean("x"))`. Every measure needs a name."""
        _require_names(unnamed)
        return self._rows._question(self._group_by, measures)

    def __repr__(self) -> str:
        keys = ", ".join(each.alias for each in self._group_by.keys)
        return f"{self._rows!r}\n .group_by({keys})"


class Question:
    """What is asked. Asking the same again returns the same answer, free."""

    def __init__(self, asker: Asker, form: question_pb2.Question) -> None:
        self._asker = asker
        self._form = form

    def to_proto(self) -> question_pb2.Question:
        """Return it as the wire holds it; a copy."""
        copy = question_pb2.Question()
        copy.CopyFrom(self._form)
        return copy

    def quote(
        self,
        *,
        rho: Amount | None = None,
        epsilon: Amount | None = None,
        delta: Amount | None = None,
        at: int | Sequence[int] = (),
        confidence: float | None = None,
        project: str = "",
    ) -> "Quote":
        """Return price and errors. Free; reads no data.

        Args:
            rho: ρ to be spent.
            epsilon: or ε, pure if no delta is given.
            delta: δ beside either.
            at: group sizes at which errors are told that depend on them.
            confidence: of the intervals, above 0 and below 1; the policy's if unset.
            project: who would pay; nobody but the caller if unset.

        Raises:
            InvalidRequest: a value is out of range; nothing was sent.
            RefusedError: the question cannot be asked.
            Unavailable: the mesh does not answer.
        """
        request = query_service_pb2.QuoteQueryRequest(
            question=self._form,
            payment=amounts.loss(rho, epsilon, delta).to_payment(),
            project=plans.resource("projects", project),
            confidence=plans.confidence(confidence),
            group_sizes=plans.group_sizes(at),
        )
        return self._asker.ask_price(request)

    def run(
        self,
        *,
        rho: Amount | None = None,
        epsilon: Amount | None = None,
        delta: Amount | None = None,
        confidence: float | None = None,
        project: str = "",
        request_id: str | None = None,
        fresh: bool = False,
        limit: Amount | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> "Answer":
        """Pay, and return the answer. An equal question that was paid before is answered again, free.

        Args:
            rho: ρ to spend.
            epsilon: or ε, pure if no delta is given.
            delta: δ beside either.
            confidence: of the intervals; the policy's if unset.
            project: who pays; nobody but the caller if unset.
            request_id: a UUID that names this payment: calling again with it never pays twice. Made up if unset.
            fresh: draw and pay anew although an equal answer is there.
            limit: the most that any scope may be charged, in ρ or ε as paid; what is paid if unset.
            labels: for finding the query again.
            timeout: seconds to wait; the query goes on after it. Until the mesh gives up, if unset.

        Raises:
            InvalidRequest: a value is out of range; nothing was sent.
            RefusedError: refused; free.
            QueryFailed: paid, and no answer.
            Unavailable: the outcome is not known; repeat with the same request_id.
        """
        paid = amounts.loss(rho, epsilon, delta)
        request = query_service_pb2.RunQueryRequest(
            question=self._form,
            payment=paid.to_payment(),
            limit=None if limit is None else amounts.limit_of(limit, paid),
            request_id=plans.request_id(request_id),
            project=plans.resource("projects", project),
            confidence=plans.confidence(confidence),
            fresh=fresh,
            labels=labels or {},
        )
        return self._asker.ask(request, timeout)

    def dummy(
        self,
        *,
        rho: Amount | None = None,
        epsilon: Amount | None = None,
        delta: Amount | None = None,
        seed: int = 0,
        rows: int = 1000,
        confidence: float | None = None,
    ) -> "Answer":
        """Rehearse on made-up rows: same compiler, same wire, no charge; equal seeds give equal answers.

        Args:
            rho: ρ as if spent.
            epsilon: or ε.
            delta: δ beside either.
            seed: fixes rows and noise; 64 bits, not negative.
            rows: made-up rows, at most 1,000,000.
            confidence: of the intervals; the policy's if unset.

        Raises:
            InvalidRequest: a value is out of range; nothing was sent.
            RefusedError: the question cannot be asked.
            Unavailable: the mesh does not answer.
        """
        request = query_service_pb2.RunDummyQueryRequest(
            question=self._form,
            payment=amounts.loss(rho, epsilon, delta).to_payment(),
            row_count=plans.whole(rows, "rows", 1, 1_000_000),
            seed=plans.whole(seed, "seed", 0, 2**64 - 1),
            confidence=plans.confidence(confidence),
        )
        return self._asker.rehearse(request)

    def __repr__(self) -> str:
        if self._form.WhichOneof("form") == "sql":
            return self._form.sql.statement
        plan = self._form.plan
        lines = [plans.relation_text(plan.source)]
        if plan.HasField("group_by"):
            lines.append(f" .group_by({', '.join(_key_text(each) for each in plan.group_by.keys)})")
        measures = ", ".join(f"{each.alias}={measure_text(each)}" for each in plan.measures)
        return "\n".join([*lines, f" .agg({measures})"])


def sql_form(
    statement: str, parameters: Mapping[str, object], engine: str = "", *, dataset: str = ""
) -> question_pb2.Question:
    """Return a question in SQL.

    Raises:
        InvalidRequest: empty, above 64 KiB, or a parameter that is no constant.
    """
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            one = next(((key, each) for key, each in value.items() if isinstance(key, str)), ("w", "north"))
            shown = f'"{one[1]}"' if isinstance(one[1], str) else repr(one[1])
            raise refused(name, "a mapping is no value; values are given by name", f"{one[0]}={shown}, for :{one[0]}")
    sql = question_pb2.SqlQuery(
        statement=plans.statement(statement),
        dataset=dataset,
        parameters={nodes.check_alias(name): literal(value, f":{name}") for name, value in parameters.items()},
    )
    return question_pb2.Question(sql=sql, engine=engine)


def _key_text(key: expression_pb2.NamedExpression) -> str:
    text = expression_text(key.expression)
    return key.alias if text == key.alias else f"{key.alias}={text}"


def _named(expression: Expression) -> str:
    if not expression.name:
        raise refused("name", f"{expression!r} has no name", '.alias("name")')
    return expression.name


def _require_names(unnamed: Sequence[object]) -> None:
    """Refuse measures that no column of the answer could be called by."""
    if unnamed:
        shown = repr(unnamed[0]) if isinstance(unnamed[0], Measure) else type(unnamed[0]).__name__
        raise refused("agg", f"{shown} has no name, and an answer needs one for its column", "agg(n=sf.count())")
