"""What people read where ε alone is counted: no ρ, neither in prices nor in budgets."""

from sfumato._core.statuses import Refusal, to_exception
from sfumato.admin.changes import _budget_lines
from sfumato.budgets import Budget, Budgets, left_of, spendable
from sfumato.charges import Charge
from sfumato.datasets import DatasetLine, Datasets
from sfumato.v1 import budget_admin_service_pb2, budget_service_pb2, charge_pb2, grant_pb2, scope_pb2

PICO = 10**12


def budget(analyst: str = "", spent: int = 0, limit: int = PICO, delta: int = 0) -> budget_service_pb2.Budget:
    granted = charge_pb2.LossLimit(epsilon=charge_pb2.EpsilonDelta(epsilon_picos=limit, delta_attos=delta))
    return budget_service_pb2.Budget(
        scope=scope_pb2.Scope(population="populations/p", analyst=analyst),
        grant=grant_pb2.Grant(limit=granted),
        limit=charge_pb2.Charge(epsilon_picos=limit, delta_attos=delta),
        spent=charge_pb2.Charge(epsilon_picos=spent),
        remaining=charge_pb2.Charge(epsilon_picos=max(0, limit - spent), delta_attos=delta),
        spent_epsilon_picos=spent,
    )


def test_charges_are_told_in_epsilon() -> None:
    assert str(Charge(0, PICO // 2, 0)) == Charge(0, PICO // 2, 0).described() == "ε 0.50"
    approximate = Charge(0, PICO // 2, 10**12)
    assert approximate.described() == "ε 0.50 + δ 1e-6"
    assert approximate.epsilon() == 0.5
    assert Charge(0, 0, 0).described() == "nothing"


def test_budgets_are_told_in_epsilon() -> None:
    items = [Budget.of(budget(spent=PICO // 4)), Budget.of(budget("users/ada", spent=PICO // 4, limit=PICO // 2))]
    shown = repr(Budgets(items))
    assert "ρ" not in shown
    assert "ε 0.75" in shown
    assert "ε 0.25" in shown
    assert left_of(items[1]) == "ε 0.25 of ε 0.50 left"
    left = spendable(items, "p", "d", "ada")
    assert left is not None
    assert (left.rho_picos, left.epsilon_picos) == (0, PICO // 4)


def test_rho_stays_where_rho_is_counted() -> None:
    counted = budget_service_pb2.Budget(
        scope=scope_pb2.Scope(population="populations/q"),
        limit=charge_pb2.Charge(rho_picos=PICO),
        spent=charge_pb2.Charge(rho_picos=PICO // 2),
        remaining=charge_pb2.Charge(rho_picos=PICO // 2),
    )
    assert "spent ρ" in repr(Budgets([Budget.of(counted), Budget.of(budget())]))


def test_datasets_tell_what_may_be_spent() -> None:
    lines = [
        DatasetLine("a", "", "row", "p", 1, None, 0.25),
        DatasetLine("b", "", "row", "q", 1, 0.5),
        DatasetLine("c", "", "row", "r", 1, None),
    ]
    assert [each.spendable for each in lines] == ["ε 0.25", "ρ 0.50", "none granted"]
    assert "ε 0.25" in repr(Datasets(lines))


def test_a_grant_says_what_it_does_in_epsilon() -> None:
    told = budget_admin_service_pb2.GrantBudgetResponse(after=budget(spent=PICO // 4, limit=PICO // 2))
    assert list(_budget_lines(told, False)) == [
        "limit ε 0.50, where there was none",
        "ε 0.25 is spent, ε 0.25 is left to spend",
    ]
    below = budget_admin_service_pb2.GrantBudgetResponse(after=budget(spent=PICO, limit=PICO // 2))
    assert list(_budget_lines(below, False))[-1] == "the limit is below what is spent: nothing more can be spent"


def test_a_refusal_is_told_in_epsilon() -> None:
    metadata = {
        "scope": "users/ada on populations/p",
        "requested_epsilon_picos": str(PICO // 2),
        "remaining_epsilon_picos": str(PICO // 4),
        "hint": "spend at most ε 0.25, or ask a custodian to raise the grant",
    }
    message = str(to_exception(Refusal(8, "", "BUDGET_EXHAUSTED", metadata)))
    assert "ρ" not in message
    assert "costs ε 0.5 and users/ada on populations/p has ε 0.25 left" in message
