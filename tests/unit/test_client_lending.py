"""Lending in the SDK and the shell, with a fake session: which scope is meant, what is sent, what is shown."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner

import sfumato as sf
from sfumato._core.numbers import money
from sfumato.cli import context
from sfumato.cli.app import app
from sfumato.conversion import largest_rho_picos
from sfumato.v1 import budget_service_pb2, charge_pb2, grant_pb2, identity_service_pb2, scope_pb2, user_pb2

PALMER, ARCTIC = "populations/palmer", "populations/arctic"


def budget(population: str, analyst: str, *, parent: str = "", **fields: Any) -> budget_service_pb2.Budget:
    scope = scope_pb2.Scope(population=population, analyst=analyst)
    name = f"{population}/grants/{f'analyst-{analyst[6:]}' if analyst else 'population'}"
    charges: dict[str, int] = {"limit": 10**11, "remaining": 4 * 10**10, "spent": 10**10} | fields.pop("charges", {})
    fields |= {key: charge_pb2.Charge(rho_picos=value) for key, value in charges.items()}
    grant = grant_pb2.Grant(name=name, scope=scope, parent=parent)
    return budget_service_pb2.Budget(scope=scope, grant=grant, **fields)


class Session:
    """Two populations, in one of which something was lent."""

    target = "fake:1"

    def __init__(self) -> None:
        self.known = [
            budget(PALMER, ""),
            budget(
                PALMER,
                "users/ada",
                charges={"delegated": 5 * 10**10, "window_spent": 2 * 10**10},
                window_end_time=Timestamp(seconds=86400),
            ),
            budget(PALMER, "users/bob", parent=f"{PALMER}/grants/analyst-ada"),
        ]
        self.sent: list[Any] = []

    def caller(self) -> Any:
        return identity_service_pb2.GetCallerResponse(user=user_pb2.User(name="users/ada"))

    def budgets(self, **asked: Any) -> Iterator[Any]:
        yield from self.known

    def delegate(self, request: Any) -> Any:
        self.sent.append(request)
        return budget_service_pb2.DelegateBudgetResponse(budget=self.known[1])

    def reclaim(self, request: Any) -> Any:
        self.sent.append(request)
        return budget_service_pb2.ReclaimBudgetResponse(reclaimed=charge_pb2.Charge(rho_picos=3 * 10**10))

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    fake = Session()

    @contextmanager
    def opened() -> Iterator[sf.Mesh]:
        yield sf.Mesh(fake)  # type: ignore[arg-type]

    monkeypatch.setattr(context, "mesh", opened)
    return fake


def mesh(session: Session) -> sf.Mesh:
    return sf.Mesh(session)  # type: ignore[arg-type]


def test_the_caller_s_only_budget_is_lent_from(session: Session) -> None:
    left = mesh(session).delegate("bob", rho=0.05)
    (request,) = session.sent
    assert (request.scope.population, request.scope.analyst, request.user) == (PALMER, "users/ada", "users/bob")
    assert request.limit.rho.rho_picos == 5 * 10**10
    assert uuid.UUID(request.request_id)
    assert (left.delegated.rho, left.remaining.rho) == (0.05, 0.04)


def test_of_several_budgets_one_must_be_named(session: Session) -> None:
    session.known.append(budget(ARCTIC, "users/ada"))
    with pytest.raises(sf.InvalidRequest, match="several budgets") as caught:
        mesh(session).delegate("bob", rho=0.05)
    assert caught.value.hint == 'population="arctic", or --population arctic; there are arctic, palmer'
    mesh(session).delegate("users/bob", epsilon=1, delta=1e-6, population="arctic", request_id="r")
    (request,) = session.sent
    assert (request.scope.population, request.request_id) == (ARCTIC, "r")
    assert (request.limit.epsilon.epsilon_picos, request.limit.epsilon.delta_attos) == (10**12, 10**12)


@pytest.mark.parametrize("amount", [{}, {"rho": 1, "epsilon": 1}, {"rho": 0}, {"rho": float("nan")}])
def test_no_amount(session: Session, amount: dict[str, Any]) -> None:
    with pytest.raises(sf.InvalidRequest):
        mesh(session).delegate("bob", **amount)
    assert not session.sent


def test_nobody_without_a_budget_of_their_own_lends(session: Session) -> None:
    session.known = [each for each in session.known if each.scope.analyst != "users/ada"]
    with pytest.raises(sf.InvalidRequest, match="no budget of your own"):
        mesh(session).delegate("bob", rho=0.05)


def test_what_comes_back(session: Session) -> None:
    assert mesh(session).reclaim("bob").rho == 0.03
    assert session.sent[0].grant == f"{PALMER}/grants/analyst-bob"
    with pytest.raises(sf.InvalidRequest, match="nothing is lent to eve now"):
        mesh(session).reclaim("eve")
    with pytest.raises(sf.InvalidRequest, match="nothing is lent to bob now"):
        mesh(session).reclaim("bob", population="arctic")


def test_of_several_budgets_in_one_population_none_can_be_named(session: Session) -> None:
    session.known.append(session.known[1])
    with pytest.raises(sf.InvalidRequest) as caught:
        mesh(session).delegate("bob", rho=0.05, population="palmer")
    assert "a custodian" in caught.value.hint


def test_nothing_is_lent_any_more(session: Session) -> None:
    """Only the act that took it back is answered again."""
    session.known[2] = budget(PALMER, "users/bob", parent=f"{PALMER}/grants/analyst-ada", charges={"limit": 0})
    with pytest.raises(sf.InvalidRequest, match="nothing is lent to bob now"):
        mesh(session).reclaim("bob")
    assert mesh(session).reclaim("bob", request_id="r").rho == 0.03


APPROXIMATE = charge_pb2.EpsilonDelta(epsilon_picos=10**12, delta_attos=10**12)


@pytest.mark.parametrize(
    ("limit", "rho_picos"),
    [
        (charge_pb2.LossLimit(rho=charge_pb2.RhoDelta(rho_picos=5 * 10**10)), 5 * 10**10),
        (charge_pb2.LossLimit(epsilon=APPROXIMATE), largest_rho_picos(10**12, 10**12)),
        (
            charge_pb2.LossLimit(epsilon=APPROXIMATE, threshold_delta_attos=5 * 10**11),
            largest_rho_picos(10**12, 5 * 10**11),
        ),
    ],
)
def test_a_window_says_its_limit_and_what_is_left_of_it(
    session: Session, limit: charge_pb2.LossLimit, rho_picos: int
) -> None:
    charges = {"delegated": 5 * 10**10, "window_spent": 10**10}
    ada = budget(PALMER, "users/ada", charges=charges, window_end_time=Timestamp(seconds=86400))
    ada.grant.window.limit.CopyFrom(limit)
    session.known[1] = ada
    found = mesh(session).budget()
    whole, left = money(rho_picos / 10**12), money((rho_picos - 10**10) / 10**12)
    said = f"ρ 0.01 of {whole} in the window until 1970-01-02 00:00: {left} left, 0.04 left for life"
    assert said in repr(found)
    document = json.loads(CliRunner().invoke(app, ["budget", "--json"]).stdout)["budgets"][1]
    assert document["window"]["limit"]["rho_picos"] == str(rho_picos)
    assert document["window"]["remaining"]["rho_picos"] == str(rho_picos - 10**10)
    assert document["remaining_for_life"]["rho"] == 0.04


def test_a_window_where_epsilon_is_counted(session: Session) -> None:
    pure = {
        name: charge_pb2.Charge(epsilon_picos=value * 10**11)
        for name, value in (("limit", 10), ("spent", 3), ("remaining", 1), ("window_spent", 1))
    }
    ada = budget(PALMER, "users/ada", window_end_time=Timestamp(seconds=86400))
    for name, charge in pure.items():
        getattr(ada, name).CopyFrom(charge)
    ada.grant.window.limit.epsilon.epsilon_picos = 2 * 10**11
    session.known = [ada]
    text = repr(mesh(session).budget())
    assert "ε 0.10 of ε 0.20 in the window until 1970-01-02 00:00: ε 0.10 left, ε 0.70 left for life" in text


def test_budgets_show_windows_and_loans(session: Session) -> None:
    found = mesh(session).budget()
    ada, bob = found[1], found[2]
    assert ada.window is not None
    assert (ada.window.spent.rho, ada.window.end) == (0.02, "1970-01-02T00:00:00Z")
    assert (bob.lender, bob.window, bob.delegated.is_zero) == ("ada", None, True)
    text = repr(found)
    assert "ρ 0.05 is lent, ρ 0.02 in the window until 1970-01-02 00:00" in text
    assert "lent by ada" in text
    session.known = session.known[:1]
    assert "lent" not in repr(mesh(session).budget())


def test_the_commands(session: Session) -> None:
    said = CliRunner().invoke(app, ["delegate", "bob", "--rho", "0.05"])
    assert (said.exit_code, said.stdout) == (0, "lent to bob: ρ 0.05 is lent now, ρ 0.04 is left\n")
    said = CliRunner().invoke(app, ["reclaim", "bob", "--json"])
    assert json.loads(said.stdout)["reclaimed"]["rho_picos"] == str(3 * 10**10)
    said = CliRunner().invoke(app, ["budget", "--json"])
    shown = json.loads(said.stdout)["budgets"]
    assert shown[1]["window"]["end_time"] == "1970-01-02T00:00:00Z"
    assert shown[1]["delegated"]["rho"] == 0.05
    assert shown[2]["lender"] == "ada"
    assert CliRunner().invoke(app, ["reclaim", "eve"]).exit_code == 2
