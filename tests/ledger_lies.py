"""What an accountant could append that holds the key and does not keep the rules."""

from collections.abc import Callable
from typing import Final

from sfumato.v1 import ledger_pb2
from sfumato.v1.charge_pb2 import Charge
from sfumato.v1.grant_pb2 import BudgetWindow
from tests.ledger_forge import ADA, BOB, DATASET, Forge, key_of, public, rho

_EVE: Final = "users/eve"


def _over_limit(forge: Forge) -> None:
    forge.reserve(60)
    forge.reserve(41)


def _over_population(forge: Forge) -> None:
    forge.grant(rho(50))
    forge.reserve(51)


def _scope_left_out(forge: Forge) -> None:
    forge.reserve(10, scopes=[forge.scope()])


def _dataset_left_out(forge: Forge) -> None:
    forge.grant(rho(5), dataset="datasets/penguins")
    forge.reserve(10)


def _project_left_out(forge: Forge) -> None:
    forge.grant(rho(5), project="projects/ice")
    forge.reserve(10, project="projects/ice")


def _less_than_the_price(forge: Forge) -> None:
    _, event = forge.reserved(10)
    event.reserved.scopes[1].charge.rho_picos = 9
    forge.append(event)


def _nobody_granted(forge: Forge) -> None:
    forge.reserve(10, user=BOB, scopes=[forge.scope()])


def _frozen(forge: Forge) -> None:
    forge.freeze(analyst=ADA)
    forge.reserve(10)


def _frozen_population(forge: Forge) -> None:
    forge.freeze()
    forge.reserve(10)


def _windowed(forge: Forge) -> None:
    window = BudgetWindow(limit=rho(30))
    window.length.seconds = 3600
    forge.grant(rho(100), window=window, analyst=ADA)
    forge.reserve(30)
    forge.pass_time(hours=1)
    forge.reserve(30)
    forge.pass_time(minutes=59)
    forge.reserve(1)


def _window_set_later(forge: Forge) -> None:
    forge.reserve(30)
    window = BudgetWindow(limit=rho(30))
    window.length.seconds = 3600
    forge.grant(rho(100), window=window, analyst=ADA)
    forge.reserve(1)


def _free(forge: Forge) -> None:
    forge.reserve(0)


def _basic_charge(forge: Forge) -> None:
    forge.reserve(charge=Charge(epsilon_picos=5))


def _twice(forge: Forge) -> None:
    forge.reserve(query=forge.reserve())


def _two_terminals(forge: Forge) -> None:
    forge.commit(forge.answer())


def _terminal_of_nothing(forge: Forge) -> None:
    forge.commit("0" * 36)


def _other_data(forge: Forge) -> None:
    forge.commit(forge.reserve(), version=2)


def _given_up_early(forge: Forge) -> None:
    forge.charge(forge.reserve())


def _cancelled_by_another(forge: Forge) -> None:
    forge.charge(forge.reserve(), cancelled_by=BOB)


def _shared_open(forge: Forge) -> None:
    forge.share(forge.reserve())


def _shared_other_release(forge: Forge) -> None:
    forge.share(forge.answer(), release_digest=b"x" * 32)


def _shared_unpaid(forge: Forge) -> None:
    forge.grant(rho(50), analyst=BOB)
    forge.share(forge.answer(), user=BOB)


def _shared_for_less(forge: Forge) -> None:
    forge.grant(rho(50), analyst=BOB)
    forge.share(forge.answer(), picos=9, user=BOB, scopes=[forge.scope(analyst=BOB)])


def _shared_over_limit(forge: Forge) -> None:
    forge.grant(rho(9), analyst=BOB)
    forge.share(forge.answer(), user=BOB, scopes=[forge.scope(analyst=BOB)])


def _shared_by_the_population(forge: Forge) -> None:
    forge.share(forge.answer(), scopes=[forge.scope()])


def _shared_withheld(forge: Forge) -> None:
    query = forge.answer()
    forge.withhold(query)
    forge.share(query)


def _withheld_open(forge: Forge) -> None:
    forge.withhold(forge.reserve())


def _closed(forge: Forge) -> None:
    forge.close("populations/birds")
    forge.reserve()


def _contained(forge: Forge) -> None:
    forge.reopen(1, forge.entries[1].entry_hash, 1, [forge.scope()])


def _paid_in_lost_entries(forge: Forge) -> None:
    forge.reopen(99, b"l" * 32, 1, [forge.scope()], queries=["lost"])
    forge.reserve(query="lost")


def _answered_after_a_loss(forge: Forge) -> None:
    query = forge.reserve()
    forge.reopen(99, b"l" * 32, 1, [forge.scope()])
    forge.commit(query)


def _shared_twice(forge: Forge) -> None:
    release = forge.answer()
    forge.share(release, query=f"queries/{release}")


def _genesis(forge: Forge) -> None:
    forge.append(ledger_pb2.LedgerEvent(genesis=ledger_pb2.Genesis(public_key=public(key_of(5)))))


def _key_again(forge: Forge) -> None:
    forge.rotate(key_of(2))
    forge.rotate(key_of(1))


def _lent_too_much(forge: Forge) -> None:
    forge.reserve(60)
    forge.grant(rho(41), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)


def _lent_and_spent(forge: Forge) -> None:
    forge.grant(rho(41), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)
    forge.reserve(60)


def _lent_by_another(forge: Forge) -> None:
    forge.grant(rho(1), analyst=BOB, parent=forge.scope(analyst=ADA), user=BOB)


def _taken_back_spent(forge: Forge) -> None:
    forge.grant(rho(40), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)
    forge.reserve(30, user=BOB)
    forge.grant(rho(29), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)


def _lender_frozen(forge: Forge) -> None:
    forge.grant(rho(40), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)
    forge.freeze(analyst=ADA)
    forge.reserve(30, user=BOB)


def _lender_frozen_as_a_whole(forge: Forge) -> None:
    forge.grant(rho(50), dataset=DATASET, analyst=_EVE)
    lender = forge.scope(dataset=DATASET, analyst=_EVE)
    forge.grant(rho(40), dataset=DATASET, analyst=BOB, parent=lender, user=_EVE)
    forge.freeze(analyst=_EVE)
    forge.reserve(30, user=BOB, scopes=[forge.scope(), forge.scope(dataset=DATASET, analyst=BOB)])


def _lent_of_several(forge: Forge) -> None:
    forge.grant(rho(50), dataset=DATASET, analyst=ADA)
    forge.grant(rho(40), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)


def _lent_beside_another(forge: Forge) -> None:
    forge.grant(rho(50), dataset=DATASET, analyst=BOB)
    forge.grant(rho(40), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)


def _lent_on_other_parts(forge: Forge) -> None:
    forge.grant(rho(40), dataset=DATASET, analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)


def _lenders_limit_lowered(forge: Forge) -> None:
    forge.grant(rho(40), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)
    forge.reserve(5)
    forge.grant(rho(20), analyst=ADA)
    forge.reserve(15, user=BOB)
    forge.reserve(1, user=BOB)


def _lenders_window(forge: Forge) -> None:
    window = BudgetWindow(limit=rho(30))
    window.length.seconds = 3600
    forge.grant(rho(100), window=window, analyst=ADA)
    forge.grant(rho(40), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)
    forge.reserve(20, user=BOB)
    forge.reserve(11)


LIES: Final[list[tuple[Callable[[Forge], None], str]]] = [
    (_over_limit, "limit"),
    (_over_population, "limit"),
    (_scope_left_out, "scope"),
    (_dataset_left_out, "scope"),
    (_project_left_out, "scope"),
    (_less_than_the_price, "charge"),
    (_nobody_granted, "scope"),
    (_frozen, "frozen"),
    (_frozen_population, "frozen"),
    (_windowed, "window"),
    (_window_set_later, "window"),
    (_free, "charge"),
    (_basic_charge, "charge"),
    (_twice, "query"),
    (_two_terminals, "terminal"),
    (_terminal_of_nothing, "terminal"),
    (_other_data, "terminal"),
    (_given_up_early, "terminal"),
    (_cancelled_by_another, "terminal"),
    (_shared_open, "shared"),
    (_shared_other_release, "shared"),
    (_shared_unpaid, "scope"),
    (_shared_for_less, "shared"),
    (_shared_over_limit, "limit"),
    (_shared_by_the_population, "shared"),
    (_shared_withheld, "withheld"),
    (_withheld_open, "withheld"),
    (_closed, "closed"),
    (_contained, "reopened"),
    (_paid_in_lost_entries, "query"),
    (_answered_after_a_loss, "terminal"),
    (_shared_twice, "query"),
    (_genesis, "genesis"),
    (_key_again, "key"),
    (_lent_too_much, "delegation"),
    (_lent_and_spent, "limit"),
    (_lent_by_another, "delegation"),
    (_taken_back_spent, "delegation"),
    (_lender_frozen, "frozen"),
    (_lender_frozen_as_a_whole, "frozen"),
    (_lenders_limit_lowered, "limit"),
    (_lent_of_several, "delegation"),
    (_lent_beside_another, "delegation"),
    (_lent_on_other_parts, "delegation"),
    (_lenders_window, "window"),
]
"""What an accountant that lies appends last, to a chain of `funded`, and the rule that it breaks."""
