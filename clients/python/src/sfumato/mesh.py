"""Mesh: one connection to a mesh, and everything that an analyst does with it."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import overload

from sfumato._core import plans
from sfumato._core.amounts import ATTO, REPORT_DELTA, Amount, attos
from sfumato._core.connection import connection_file, resolve
from sfumato._core.schemas import unit_text
from sfumato._core.tables import clean
from sfumato._transport.calls import Calls
from sfumato._transport.channel import open_channel
from sfumato._transport.session import Session
from sfumato.answers import Answer
from sfumato.budgets import Budget, Budgets, spendable
from sfumato.charges import short
from sfumato.datasets import Dataset, DatasetLine, Datasets
from sfumato.queries import History, Query
from sfumato.questions import Question, sql_form


def connect(target: str | None = None, token: str | None = None) -> "Mesh":
    """Return a connection; nothing is sent before the first call.

    Address and token are taken from the arguments, then from SFUMATO_TARGET and SFUMATO_TOKEN, then from the file that
    `sfumato up` writes (${XDG_CONFIG_HOME:-~/.config}/sfumato/connection.json). This machine is called without
    encryption, every other host by TLS.

    Args:
        target: host:port.
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
            lines.append(
                DatasetLine(
                    short(each.name),
                    clean(each.description or each.display_name),
                    unit_text(each.privacy_unit, None),
                    short(each.population),
                    each.version,
                    None if left is None else left.rho,
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
