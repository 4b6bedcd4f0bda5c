"""`sfumato report`: what exports say, ε by each accountant against published numbers, receipts, guards, bad files."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from sfumato.cli.app import app
from sfumato.conversion import epsilon_from_rho
from sfumato.errors import InvalidRequest
from sfumato.reporting import convolution, distribution, renyi
from sfumato.reporting.receipts import Gaussian, Known, known_of
from sfumato.reporting.report import reported
from sfumato.reporting.spending import ScopeSpending, Spending, read_spending
from sfumato.v1 import charge_pb2, quote_pb2, receipt_pb2
from sfumato.verification.losses import Loss
from sfumato.verification.opening import opened
from sfumato.verification.scopes import POPULATION as WHOLE
from sfumato.verification.scopes import Scope
from tests.contract.accounting_suite import exact_gaussian_delta, exact_response_delta
from tests.unit.ledger_exports import POPULATION, charge, genesis, paid, reserved, write_export, write_receipt

PICO, ATTO, MICRO = 10**12, 10**18, 10**12
ADA = Scope(analyst="users/ada")
COUNT = quote_pb2.Mechanism.KIND_DISCRETE_GAUSSIAN


def spent(*charges: tuple[Loss, int]) -> ScopeSpending:
    spending = ScopeSpending()
    for loss, count in charges:
        for _ in range(count):
            spending.take(loss, None)
    return spending


def by_distribution(spending: ScopeSpending, delta: int = MICRO) -> float:
    """As the command does, but in this process."""
    (found,) = convolution.epsilons(distribution.question_of(spending, [delta]))
    return math.inf if found is None else found


def gaussian(sigma: float, *, entries: int = 1, move: int = 1, l2: float = 0.0) -> quote_pb2.Mechanism:
    return quote_pb2.Mechanism(
        kind=COUNT,
        scale=sigma,
        step=1,
        sensitivity_l0=entries,
        sensitivity_l1=entries * move,
        sensitivity_l2=l2 or math.sqrt(entries) * move,
        sensitivity_linf=move,
    )


def measure(rho: int, *mechanisms: quote_pb2.Mechanism, alias: str = "n") -> quote_pb2.MeasureAccuracy:
    return quote_pb2.MeasureAccuracy(alias=alias, charge=charge_pb2.Charge(rho_picos=rho), mechanisms=mechanisms)


def statement(query: str, rho: int, *measures: quote_pb2.MeasureAccuracy) -> receipt_pb2.ReceiptStatement:
    price = charge_pb2.Charge(rho_picos=rho)
    return receipt_pb2.ReceiptStatement(
        query=f"queries/{query}", population=POPULATION, charge=price, measures=measures
    )


# What an export says.


def test_every_kind_of_charge_is_taken_up(tmp_path: Path) -> None:
    one, two, three = charge(rho=5), charge(rho=7, epsilon=9), charge(rho=1, delta=3)
    carried = [{"scope": {"population": POPULATION, "analyst": "users/ada"}, "charge": charge(rho=11)}]
    shared = {"query": "queries/b", "release_query": "queries/a", "scopes": paid(one, "bob")[1:], "charge": one}
    path = write_export(
        tmp_path / "p.jsonl",
        [
            genesis(spent=carried),
            {"granted": {"grant": {}, "justification": "agreed with all"}},
            reserved("a", one, "ada"),
            {"committed": {"query": "queries/a"}},
            {"shared": shared},
            reserved("c", two, "ada"),
            {"charged": {"query": "queries/c"}},
            {"reopened": {"charged": paid(three)}},
        ],
    )
    with opened(path) as export:
        found = read_spending(export, {})
    assert (found.population, found.accounting, found.entries) == (POPULATION, "ACCOUNTING_ZCDP", 8)
    assert found.scopes[WHOLE].total == Loss(13, None, 3)
    assert found.scopes[ADA].total == Loss(23, None, 0)
    assert found.scopes[Scope(analyst="users/bob")].total == Loss(5, None, 0)
    assert found.scopes[WHOLE].losses == {Loss(5, None, 0): 1, Loss(7, 9, 0): 1, Loss(1, None, 3): 1}
    assert found.scopes[WHOLE].count == 3


def test_a_hidden_event_is_refused(tmp_path: Path) -> None:
    path = write_export(tmp_path / "p.jsonl", [genesis(), reserved("a", charge(rho=5))], hidden=frozenset({1}))
    with opened(path) as export, pytest.raises(InvalidRequest, match="position 1 hides"):
        read_spending(export, {})


# ε by each accountant.


@pytest.mark.parametrize(
    ("rho", "delta", "default_orders"),
    [
        (0.5, 1e-6, 5.2215396312),
        (0.5, 1e-5, 4.7285070672),
        (0.005, 1e-6, 0.4299515191),
        (0.125, 1e-5, 2.1657156590),
        (0.05, 1e-6, 1.4716562679),
    ],
)
def test_orders_give_what_is_published(rho: float, delta: float, default_orders: float) -> None:
    spending = spent((Loss(round(rho * PICO), None, 0), 1))
    assert renyi.epsilons(spending, [round(delta * ATTO)])[0] == pytest.approx(default_orders, rel=1e-9)


@pytest.mark.parametrize(
    ("epsilon", "count", "published"), [(0.1, 100, 4.7745675884), (0.01, 1000, 1.3654467089), (0.5, 20, 9.9867978697)]
)
def test_pure_answers_compose_as_published(epsilon: float, count: int, published: float) -> None:
    """The column "PLD worst"; never below the exact curve of randomised response."""
    rho = round(epsilon * math.tanh(epsilon / 2) * PICO) + 1
    spending = spent((Loss(rho, round(epsilon * PICO), 0), count))
    found = by_distribution(spending)
    assert found == pytest.approx(published, rel=1e-9)
    assert exact_response_delta(epsilon, 0, count, found) <= 1e-6 * (1 + 1e-6)
    by_orders = renyi.epsilons(spending, [MICRO])[0]
    assert by_orders >= found * (1 - 1e-9)
    assert by_orders <= epsilon_from_rho(spending.total.rho / PICO, 1e-6) * (1 + 1e-3)


@pytest.mark.parametrize(
    ("sigma", "count", "delta", "exact"),
    [(10.0, 100, 1e-6, 4.8865541175), (10.0, 1, 1e-6, 0.3968573776), (100.0, 1000, 1e-6, 1.3675714751)],
)
def test_draws_that_receipts_tell_compose_as_exact_noise(sigma: float, count: int, delta: float, exact: float) -> None:
    """Discrete noise of a wide scale is as the continuous, whose exact curve is published."""
    spending = ScopeSpending()
    rho = round(PICO / (2 * sigma**2))
    for _ in range(count):
        spending.take(Loss(rho, None, 0), Known(Loss(rho, None, 0), (Gaussian(sigma, 1),), Loss(0, 0, 0)))
    assert spending.total == Loss(count * rho, None, 0)
    assert by_distribution(spending, round(delta * ATTO)) == pytest.approx(exact, rel=2e-4)


@pytest.mark.parametrize("rho", [1e-6, 0.001, 0.02, 0.5, 4.0, 40.0])
def test_what_is_known_by_rho_alone_enters_as_the_tight_conversion(rho: float) -> None:
    """Never below the exact curve of Gaussian noise, nor above the conversion by more than the grid."""
    found = convolution.of_rho(rho, 1e-4)
    for epsilon in (-1.0, 0.0, 0.01, 0.5, 2.0, 5.0, 30.0):
        if epsilon >= 0:
            assert exact_gaussian_delta(rho, epsilon) <= found.get_delta_for_epsilon(epsilon) * (1 + 1e-6) + 1e-13
    converted = epsilon_from_rho(rho, 1e-6)
    assert found.get_epsilon_for_delta(1e-6) >= converted * (1 - 1e-6)
    assert found.get_epsilon_for_delta(1e-6) <= converted * (1 + 1e-3) + 2e-4


def test_mixed_charges_are_within_the_bounds_of_their_parts() -> None:
    pure, gauss = Loss(4996 * 10**6, 10**11, 0), Loss(5 * 10**9, None, 0)
    mixed = spent((pure, 100), (gauss, 50))
    found = by_distribution(mixed)
    assert by_distribution(spent((pure, 100))) < found < epsilon_from_rho(mixed.total.rho / PICO, 1e-6)
    # Gaussian noise does cost its ρ: the exact composition of responses with it is a bound from below.
    known = ScopeSpending()
    for _ in range(100):
        known.take(pure, None)
    for _ in range(50):
        known.take(gauss, Known(gauss, (Gaussian(10.0, 1),), Loss(0, 0, 0)))
    assert by_distribution(known) < found


def test_a_delta_that_was_spent_is_set_aside() -> None:
    approximate = Loss(462_117_157_261, PICO, MICRO // 2)
    spending = spent((approximate, 1))
    assert renyi.epsilons(spending, [MICRO // 2, MICRO])[0] == math.inf
    assert by_distribution(spending, MICRO // 2) == math.inf
    assert by_distribution(spending) == pytest.approx(1, abs=2e-4)


def test_the_least_bound_is_told_with_all_of_them() -> None:
    spending = Spending(POPULATION, scopes={WHOLE: spent((Loss(122_459_331_203, PICO // 2, 0), 20))})
    (scope,) = reported(spending, [MICRO], seconds=100).scopes
    (bound,) = scope.bounds
    assert bound.sums == 10
    assert bound.rho == pytest.approx(13.3, abs=0.2)
    assert bound.distribution == pytest.approx(9.9867978697, rel=1e-9)
    assert bound.least == min(bound.distribution or 0, bound.renyi or 0)


def test_a_basic_population_is_told_without_rho() -> None:
    scopes = {WHOLE: spent((Loss(0, PICO // 10, 0), 100))}
    report = reported(Spending(POPULATION, "ACCOUNTING_BASIC", scopes=scopes), [MICRO], seconds=100)
    bound = report.scopes[0].bounds[0]
    assert (bound.sums, bound.rho) == (10, None)
    assert bound.distribution == pytest.approx(4.7745675884, rel=1e-9)
    assert bound.renyi is not None
    assert 4.8 < bound.renyi < 10
    assert "Σρ" not in str(report).split("sums:")[0]


# Guards.


def test_a_grid_beyond_the_guard_is_refused_in_words() -> None:
    outcome = distribution.epsilons(spent((Loss(90 * PICO, 90 * PICO, 0), 10)), [MICRO], seconds=100)
    assert outcome.epsilons == []
    assert "points" in outcome.refused


def test_a_computation_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleeps(*args: Any, timeout: float, **kwargs: Any) -> Any:
        raise subprocess.TimeoutExpired(args[0], timeout)

    monkeypatch.setattr(subprocess, "run", sleeps)
    outcome = distribution.epsilons(spent((Loss(5 * 10**9, 10**11, 0), 3)), [MICRO], seconds=0.5)
    assert outcome.refused == "it took more than 0.5 s"


def test_a_computation_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    outcome = distribution.epsilons(spent((Loss(5 * 10**9, 10**11, 0), 3)), [MICRO], seconds=100)
    assert outcome.epsilons == []
    assert "without an answer" in outcome.refused


@pytest.mark.parametrize("draw", [Gaussian(0.29, 1), Gaussian(50_000.0, 1)])
def test_draws_beyond_the_guard_enter_by_their_rho(draw: Gaussian) -> None:
    spending = ScopeSpending()
    rho = Loss(math.ceil(PICO / (2 * draw.ratio**2)), None, 0)
    spending.take(rho, Known(rho, (draw,), Loss(0, 0, 0)))
    parts = distribution.parts_of(spending)
    assert (parts.gaussians, parts.left_out) == ({}, 1)
    assert parts.rho == pytest.approx(1 / (2 * draw.ratio**2))


def test_a_draw_at_the_guard_is_computed() -> None:
    spending = ScopeSpending()
    spending.take(Loss(6 * PICO, None, 0), Known(Loss(6 * PICO, None, 0), (Gaussian(0.3, 1),), Loss(0, 0, 0)))
    assert distribution.parts_of(spending).left_out == 0
    assert 3 < by_distribution(spending) < epsilon_from_rho(PICO * 6 / PICO, 1e-6)


# Receipts.


def test_draws_of_a_statement_are_told() -> None:
    told = known_of(
        statement("a", 15 * 10**9, measure(5 * 10**9, gaussian(10)), measure(10**10, gaussian(10, entries=2)))
    )
    assert told.gaussians == (Gaussian(10, 1),) * 3
    assert told.rest == Loss(0, 0, 0)


def test_a_draw_that_measures_share_is_taken_once() -> None:
    """A mean reads the count that another measure has paid."""
    count, total = gaussian(10), gaussian(700, move=70)
    told = known_of(statement("a", 10**10, measure(5 * 10**9, count), measure(5 * 10**9, total, count, alias="m")))
    assert sorted(told.gaussians) == [Gaussian(10, 1), Gaussian(700, 70)]
    assert told.rest == Loss(0, 0, 0)


def test_what_is_no_gaussian_stays_known_by_its_loss() -> None:
    choice = quote_pb2.Mechanism(kind=quote_pb2.Mechanism.KIND_NOISY_MAX, scale=5, sensitivity_linf=1)
    told = known_of(statement("a", 25 * 10**9, measure(5 * 10**9, gaussian(10)), measure(20 * 10**9, choice)))
    assert told.gaussians == (Gaussian(10, 1),)
    assert told.rest.epsilon is None
    assert 20 * 10**9 <= told.rest.rho <= 20 * 10**9 + 1


@pytest.mark.parametrize(
    "odd",
    [
        gaussian(10, entries=4, move=2, l2=2.0),  # several bins of one unit: no product of equal moves
        gaussian(9),  # costs more than was charged
        gaussian(0),
        gaussian(math.inf),
        gaussian(10, move=0, l2=1.0),
    ],
)
def test_draws_that_cannot_be_told_apart_stay_known_by_their_loss(odd: quote_pb2.Mechanism) -> None:
    told = known_of(statement("a", 5 * 10**9, measure(5 * 10**9, odd)))
    assert told == Known(Loss(5 * 10**9, None, 0), (), Loss(5 * 10**9, None, 0))


def export_and_receipts(folder: Path) -> tuple[Path, Path]:
    rho = 5 * 10**9
    path = write_export(
        folder / "p.jsonl", [genesis(), *(reserved(f"q{number}", charge(rho=rho), "ada") for number in range(100))]
    )
    receipts = folder / "receipts"
    receipts.mkdir()
    for number in range(100):
        signed = statement(f"q{number}", rho, measure(rho, gaussian(10)))
        write_receipt(receipts / f"{number}.json", signed)
    return path, receipts


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["report", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_a_report_on_the_command_line(tmp_path: Path) -> None:
    path, receipts = export_and_receipts(tmp_path)
    status, out, _ = run(path, "--json", "--delta", "1e-6", "--delta", "1e-5")
    assert status == 0
    document = json.loads(out)
    assert [scope["scope"]["analyst"] for scope in document["scopes"]] == ["", "users/ada"]
    first, second = document["scopes"][0]["epsilons"]
    assert first["rho"] == pytest.approx(5.2215344445, rel=1e-9)
    assert second["rho"] == pytest.approx(4.7283869849, rel=1e-9)
    assert first["renyi"] == pytest.approx(5.2215396312, rel=1e-9)
    assert (first["sums"], first["distribution"]) == (None, None)
    assert document["scopes"][0]["notes"] == ["no distribution: nothing but ρ is known"]
    status, out, _ = run(path, "--receipts", receipts, "--json")
    exact = json.loads(out)["scopes"][0]["epsilons"][0]
    assert exact["distribution"] == pytest.approx(4.8865541175, rel=1e-4)
    assert exact["least"] == exact["distribution"]
    assert json.loads(out)["charges_told_by_receipts"] == 200
    status, out, _ = run(path)
    assert status == 0
    assert "5.2215" in out
    assert "users/ada on populations/p" in out


def test_receipts_that_are_not_the_ledgers_are_refused(tmp_path: Path) -> None:
    path, receipts = export_and_receipts(tmp_path)
    forged = statement("q1", 5 * 10**9, measure(5 * 10**9, gaussian(10)))
    write_receipt(receipts / "1.json", forged, Ed25519PrivateKey.generate())
    status, _, err = run(path, "--receipts", receipts)
    assert status == 2
    assert "1.json" in err
    write_receipt(receipts / "1.json", statement("q1", 4 * 10**9, measure(4 * 10**9, gaussian(12))))
    status, _, err = run(path, "--receipts", receipts)
    assert status == 2
    assert "another price" in err
    (receipts / "1.json").write_text("{}[")
    status, _, err = run(path, "--receipts", receipts)
    assert (status, "1.json holds no receipt" in err) == (2, True)
    assert run(path, "--receipts", tmp_path / "nowhere")[0] == 2


def test_a_changed_export_is_found(tmp_path: Path) -> None:
    path = write_export(tmp_path / "p.jsonl", [genesis(), reserved("a", charge(rho=5))])
    path.write_text(path.read_text().replace('\\"rho_picos\\":\\"5\\"', '\\"rho_picos\\":\\"4\\"'))
    status, _, err = run(path)
    assert status == 1
    assert "position 1" in err


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    path = write_export(tmp_path / "p.jsonl", [genesis()])
    assert run(path, "--delta", "0")[0] == 2
    assert run(path, "--delta", "nan")[0] == 2
    assert run(tmp_path / "none.jsonl")[0] == 2
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    status, _, err = run(cut)
    assert (status, "cut short" in err) == (2, True)
    status, out, _ = run(path, "--json")
    assert (status, json.loads(out)["scopes"]) == (0, [])
