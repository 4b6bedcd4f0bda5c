"""Mesh: one connection to a mesh, and everything that an analyst does with it."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import overload

from sfumato import lending
from sfumato._core import plans
from sfumato._core.amounts import ATTO, REPORT_DELTA, Amount, attos, loss
from sfumato._core.connection import connection_file, resolve
from sfumato._core.schemas import unit_text
from sfumato._core.tables import clean
from sfumato._transport.calls import Calls
from sfumato._transport.channel import open_channel
from sfumato._transport.session import Session, required
from sfumato.answers import Answer
from sfumato.budgets import Budget, Budgets, spendable
from sfumato.charges import Charge, short
from sfumato.datasets import Dataset, DatasetLine, Datasets
from sfumato.errors import AccessDenied
from sfumato.jobs import ModelJob, require_fit
from sfumato.models import AnyModel, Models, model_of
from sfumato.queries import History, Query
from sfumato.questions import Question, sql_form
from sfumato.timelines import Timeline, moment
from sfumato.v1 import budget_service_pb2, scope_pb2


def connect(target: str | None = None, token: str | None = None) -> "Mesh":
    """Return a connection; nothing is sent before the first call.

    Address and token are taken from the arguments, then from SFUMATO_TARGET and SFUMATO_TOKEN, then from the file that
    `sfumato up` writes (${XDG_CONFIG_HOME:-~/.config}/sfumato/connection.json). This machine is called without
    encryption, every other host by TLS.

    Args:
        target: host:port; for several gateways ipv4:host:port,host:port, or dns:///name:port: calls go round them.
        token: bearer token.

    Raises:
        NotConfigured: no address or no token is known.
        InvalidRequest: the address is not host:port.
    """
    return Mesh(open_session(target, token))


def open_session(target: str | None = None, token: str | None = None, *, administrator: bool = False) -> Session:
    """Return the session behind `connect`; with the administrator's token of the connection file, if asked."""
    path = connection_file(os.environ, Path.home())
    try:
        written = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        written = None
    connection = resolve(target, token, os.environ, written, administrator=administrator)
    return Session(Calls(connection, open_channel(connection)))


class Mesh:
    """One connection. Usable from several threads, and as a context manager."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def datasets(self) -> Datasets:
        """Return the datasets that can be asked about, and what may still be spent on each."""
        caller = self._session.caller()
        budgets = [Budget.of(each) for each in self._session.budgets()]
        lines = []
        for each in self._session.datasets():
            left = spendable(budgets, short(each.population), short(each.name), short(caller.user.name))
            basic = left is not None and not left.rho_picos and left.epsilon_picos is not None
            lines.append(
                DatasetLine(
                    short(each.name),
                    clean(each.description or each.display_name),
                    unit_text(each.privacy_unit, None),
                    short(each.population),
                    each.version,
                    left.rho if left is not None and not basic else None,
                    left.epsilon() if left is not None and basic else None,
                )
            )
        return Datasets(lines)

    def dataset(self, name: str) -> Dataset:
        """Return a dataset: its view, and where a question begins.

        Args:
            name: its id.

        Raises:
            AccessDenied: not allowed, or not there.
        """
        response = self._session.dataset(name)
        budgets = [Budget.of(each) for each in self._session.budgets(dataset=name)]
        return Dataset(self._session, response.dataset, response.population, budgets)

    @overload
    def sql(
        self,
        statement: str,
        *,
        rho: None = None,
        epsilon: None = None,
        delta: None = None,
        engine: str = "",
        parameters: Mapping[str, object] | None = None,
        **named: object,
    ) -> Question: ...
    @overload
    def sql(
        self,
        statement: str,
        *,
        rho: Amount,
        epsilon: None = None,
        delta: Amount | None = None,
        engine: str = "",
        parameters: Mapping[str, object] | None = None,
        **named: object,
    ) -> Answer: ...
    @overload
    def sql(
        self,
        statement: str,
        *,
        rho: None = None,
        epsilon: Amount,
        delta: Amount | None = None,
        engine: str = "",
        parameters: Mapping[str, object] | None = None,
        **named: object,
    ) -> Answer: ...
    def sql(
        self,
        statement: str,
        *,
        rho: Amount | None = None,
        epsilon: Amount | None = None,
        delta: Amount | None = None,
        engine: str = "",
        parameters: Mapping[str, object] | None = None,
        **named: object,
    ) -> Question | Answer:
        """Ask in SQL: with rho or epsilon it is paid and answered at once, without it is a question.

        Args:
            statement: one SELECT with aggregates; its table is named by dataset id. Parameters are written `:name`.
            rho: ρ to spend.
            epsilon: or ε, pure if no delta is given.
            delta: δ beside either.
            engine: who is to answer; "native" if unset.
            parameters: values of the parameters.
            **named: the same, by name.
        """
        question = self.question(statement, engine=engine, parameters={**(parameters or {}), **named})
        if rho is None and epsilon is None and delta is None:
            return question
        return question.run(rho=rho, epsilon=epsilon, delta=delta)

    def question(
        self,
        statement: str,
        *,
        dataset: str = "",
        engine: str = "",
        parameters: Mapping[str, object] | None = None,
    ) -> Question:
        """Return a question in SQL.

        Args:
            statement: one SELECT with aggregates. Parameters are written `:name`.
            dataset: what its only table means; by dataset id if unset.
            engine: who is to answer; "native" if unset.
            parameters: values of the parameters.
        """
        full = plans.resource("datasets", dataset)
        return Question(self._session, sql_form(statement, parameters or {}, engine, dataset=full))

    def budget(self, dataset: str | Dataset | None = None, *, delta: Amount = REPORT_DELTA) -> Budgets:
        """Return what is left where.

        Args:
            dataset: only scopes that a question to it would pay from.
            delta: δ at which ε is told.
        """
        name = dataset.name if isinstance(dataset, Dataset) else dataset or ""
        units = attos(delta)
        found = self._session.budgets(dataset=name, delta_attos=units)
        return Budgets([Budget.of(each) for each in found], units / ATTO or REPORT_DELTA)

    def budget_timeline(
        self,
        population: str,
        *,
        dataset: str = "",
        project: str = "",
        analyst: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        step: timedelta | None = None,
        delta: Amount = REPORT_DELTA,
    ) -> Timeline:
        """Return how one scope was spent over time.

        Analysts see their own scopes and those of their projects; custodians and auditors all of their populations.

        Args:
            population: whose budget.
            dataset: only the part for one dataset.
            project: only the part of a project.
            analyst: only the part of a user; None: the caller's own, unless a project is named; "": of nobody alone.
            start: of the timeline, with its time zone; None: the first entry of the ledger.
            end: of the timeline, with its time zone; None: now.
            step: distance of points, at least a second; None: about 100 points.
            delta: δ at which ε is told.

        Raises:
            AccessDenied: not allowed, or not there.
            InvalidRequest: times that make no timeline, or more than 1000 points.
        """
        if analyst is None:
            analyst = "" if project else short(self._session.caller().user.name)
        scope = scope_pb2.Scope(
            population=required("populations", population),
            dataset=plans.resource("datasets", dataset),
            project=plans.resource("projects", project),
            analyst=plans.resource("users", analyst),
        )
        units = attos(delta)
        request = budget_service_pb2.GetBudgetTimelineRequest(scope=scope, delta_attos=units)
        for field, instant in (("start_time", start), ("end_time", end)):
            if instant is not None:
                getattr(request, field).FromDatetime(moment(instant, field))
        if step is not None:
            request.step.FromTimedelta(step)
        return Timeline(scope, self._session.timeline(request), units / ATTO or REPORT_DELTA)

    def delegate(
        self,
        user: str,
        *,
        rho: Amount | None = None,
        epsilon: Amount | None = None,
        delta: Amount | None = None,
        population: str = "",
        request_id: str | None = None,
    ) -> Budget:
        """Lend part of one's own budget to another user, who must be able to query the datasets by their own roles.

        It counts as used until it is taken back; what was lent to the same user before is raised by it.

        Args:
            user: their id.
            rho: ρ to lend, for life.
            epsilon: or ε, where ε is counted.
            delta: δ beside either.
            population: of which; the only one where there is a single one.
            request_id: UUID of this act: again with it never lends twice.

        Returns:
            The caller's budget afterwards.

        Raises:
            PreconditionFailed: more than is left, or it cannot be lent to them.
            InvalidRequest: several budgets could be meant.
        """
        return lending.lend(self._session, user, loss(rho, epsilon, delta).to_limit(), population, request_id)

    def reclaim(self, user: str, *, population: str = "", request_id: str | None = None) -> Charge:
        """Take back what a user has not spent of what was lent to them.

        Args:
            user: their id.
            population: of which; needed where something was lent in several.
            request_id: UUID of this act.

        Returns:
            What came back. What is spent, lent further, or paid for a query that runs stays.

        Raises:
            InvalidRequest: nothing was lent to them, or it is in several populations.
        """
        return lending.take_back(self._session, user, population, request_id)

    def history(self, dataset: str = "", *, labels: Mapping[str, str] | None = None, limit: int = 100) -> History:
        """Return what was asked, newest first.

        Args:
            dataset: only questions to it.
            labels: only queries with all of these.
            limit: at most so many.
        """
        most = plans.whole(limit, "limit", 1, 1_000_000)
        return History([Query(self._session, each) for each in self._session.queries(dataset, labels or {}, most)])

    def query(self, name: str) -> Query:
        """Return a query by its name or id: what became of it, and its answer.

        Raises:
            AccessDenied: not allowed, or not there.
        """
        return Query(self._session, self._session.fetch_query(name))

    def models(self, dataset: str = "", *, limit: int = 100) -> Models:
        """List the models that one has fitted, newest first.

        Args:
            dataset: only models of it.
            limit: at most so many.
        """
        most = plans.whole(limit, "limit", 1, 1_000_000)
        return Models([model_of(self._session, each) for each in self._session.models(dataset, most)])

    def model(self, name: str, *, timeout: float | None = None) -> AnyModel:
        """Return a model by its name or id; one that is still being fitted is waited for.

        Args:
            name: models/{model}, or its id.
            timeout: seconds to wait; until the mesh gives up, if unset.

        Raises:
            AccessDenied: not allowed, or not there.
            QueryFailed: its fit was paid and gave none.
            QueryCancelled: its fit was cancelled.
            Unavailable: the mesh does not answer in time.
        """
        try:
            return model_of(self._session, self._session.fetch_model(name))
        except AccessDenied as denied:  # so is a model that is not there yet
            try:
                job = self.job(name)
            except AccessDenied:
                raise denied from None
        return job.result(timeout)

    def job(self, name: str) -> ModelJob[AnyModel]:
        """Return the fit of a model, running or ended, by its name or id.

        Raises:
            AccessDenied: not allowed, or not there.
        """
        return ModelJob(self._session, require_fit(self._session.operation(name)), model_of)

    def close(self) -> None:
        """End the connection; doing it twice changes nothing."""
        self._session.close()

    def __enter__(self) -> "Mesh":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Mesh({self._session.target!r})"
