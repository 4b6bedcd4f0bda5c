"""Every payment decided again: all scopes that had to pay did, in full, and each was within its limits at that time."""

from collections.abc import Iterable

from sfumato.verification.books import Books, PaidQuery
from sfumato.verification.defects import Broken
from sfumato.verification.losses import Loss, fits, limit_words, takes_charge, words
from sfumato.verification.scopes import POPULATION, Payer, Scope


def check_charge(books: Books, query: PaidQuery) -> None:
    """Check that a price is one of the population's accounting, and that each scope pays all of it.

    Raises:
        Broken: "charge".
    """
    if not takes_charge(books.accounting, query.charge):
        raise Broken("charge", f"{words(query.charge)} is no price in a population of {books.accounting}")
    for scope, loss in query.scopes:
        if loss != query.charge:
            name = scope.words(books.population)
            raise Broken("charge", f"{name} pays {words(loss)} of a price of {words(query.charge)}")


def check_scopes(books: Books, payer: Payer, paying: Iterable[Scope], paid: frozenset[Scope] = frozenset()) -> None:
    """Check that those scopes pay which have a grant that the query counts against, and no other.

    Args:
        books: the chain so far.
        payer: of the query.
        paying: who pays.
        paid: who has paid for the release before, and does not pay again.

    Raises:
        Broken: "scope".
    """
    matching = books.matching(payer)
    if not matching or matching[0] != POPULATION:
        raise Broken("scope", "the population has no limit")
    if not any(scope.analyst or scope.project for scope in matching):
        raise Broken("scope", f"no grant names {payer.analyst or 'the analyst'} or a project that pays")
    expected = {scope for scope in matching if scope not in paid}
    actual = set(paying)
    for scope in sorted(expected - actual):
        raise Broken("scope", f"{scope.words(books.population)} does not pay, and has a grant that matches")
    for scope in sorted(actual - expected):
        raise Broken("scope", f"{scope.words(books.population)} pays, and had no grant or had paid before")


def check_not_frozen(books: Books, payer: Payer) -> None:
    """Check that nothing that the query counts against is frozen; raises Broken "frozen"."""
    scope = books.frozen_scope(payer)
    if scope is not None:
        raise Broken("frozen", f"it is paid while {scope.words(books.population)} is frozen")


def check_limits(books: Books, paying: Iterable[Scope], charge: Loss, at: int) -> None:
    """Check that a charge fits in each scope, beside what it has paid and lent, for life,
    and in the limits and windows of its lenders.

    Raises:
        Broken: "limit" or "window".
    """
    for scope in paying:
        grant = books.grants[scope]
        total = books.spent_in(scope).plus(charge)
        lent = books.lent.get(scope)
        if lent is not None:
            total = total.plus(lent)
        if not fits(books.accounting, grant.limit, total):
            name = scope.words(books.population)
            raise Broken("limit", f"{name} comes to {words(total)} under a limit of {limit_words(grant.limit)}")
        for holder in books.lineage(scope)[1:]:  # what was lent fitted; a lender's limit may have been lowered since
            total = books.spent_with_loans(holder).plus(charge)
            if not fits(books.accounting, books.grants[holder].limit, total):
                name, limit = holder.words(books.population), limit_words(books.grants[holder].limit)
                raise Broken("limit", f"{name} comes with its loans to {words(total)} under a limit of {limit}")
        for holder in books.lineage(scope):
            window = books.grants[holder].window
            if window is None:
                continue
            total = books.spent_in_window(holder, window, at).plus(charge)
            if not fits(books.accounting, window.limit, total):
                name, limit = holder.words(books.population), limit_words(window.limit)
                raise Broken("window", f"{name} comes to {words(total)} in its window, under a limit of {limit}")
