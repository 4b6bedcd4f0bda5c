"""Grants that are lent from other grants: what is lent counts as used where it comes from."""

from typing import Final

from sfumato.verification.books import Books, Grant
from sfumato.verification.defects import Broken
from sfumato.verification.losses import NOTHING, ZCDP, Loss, fits, limit_words, words
from sfumato.verification.scopes import POPULATION, Scope

_DEPTH_MAX: Final = 64


def parent_of(books: Books, name: str, child: Scope) -> Scope | None:
    """Return the scope whose grant has a name; None: the name is empty.

    Raises:
        Broken: "delegation": there is no such grant, or it is lent from the child.
    """
    if not name:
        return None
    parent = next((scope for scope in books.grants if scope.grant_name(books.population) == name), None)
    if parent is None:
        if books.partial:
            return None
        raise Broken("delegation", f"it is lent from {name}, which does not exist")
    above: Scope | None = parent
    for _ in range(_DEPTH_MAX):
        if above is None:
            return parent
        if above == child:
            break
        above = books.grants[above].parent
    raise Broken("delegation", "a grant is lent from itself")


def check_lending(books: Books, scope: Scope, grant: Grant, user: str) -> None:
    """Check a grant that is lent: what it is raised by was left at its lender; it is lowered to what is used at least.

    A grant that a split carried into this chain is another's act: it was checked where it was lent.

    Raises:
        Broken: "delegation" or "frozen".
    """
    if grant.parent is None:
        return
    before = books.grants.get(scope)
    lent_before = before is not None and before.parent == grant.parent
    if before is None and books.predecessors and user != grant.parent.analyst:
        return
    if before is not None and not lent_before:
        raise Broken("delegation", f"{scope.words(books.population)} has a grant of its own, and is lent another")
    if before is not None and before.limit.kind != grant.limit.kind:
        raise Broken("delegation", "what is lent changes between ρ and ε")
    if grant.limit.kind != ("rho" if books.accounting == ZCDP else "epsilon"):
        raise Broken("delegation", f"{limit_words(grant.limit)} cannot be lent in a population of {books.accounting}")
    present = NOTHING if before is None else before.limit.as_loss()
    if _above(grant.limit.as_loss(), present):
        _check_raised(books, scope, grant, grant.parent, present, user)
    _check_lowered(books, scope, grant, present)


def _check_raised(books: Books, scope: Scope, grant: Grant, lender: Scope, present: Loss, user: str) -> None:
    if not lender.analyst or user != lender.analyst or scope != lender._replace(analyst=scope.analyst):
        raise Broken("delegation", f"{user or 'the mesh'} lends what is not theirs, or on other datasets or projects")
    frozen = books.stopping(lender) or (POPULATION if POPULATION in books.frozen else None)
    if frozen is not None:
        raise Broken("frozen", f"it is lent while {frozen.words(books.population)} is frozen")
    if sum(each.analyst == lender.analyst for each in books.grants) > 1:
        raise Broken("delegation", f"{lender.analyst} has several grants, which bind each other, and lends of one")
    if any(each.analyst == scope.analyst and each != scope for each in books.grants):
        raise Broken("delegation", f"{scope.analyst} has another grant, which a loan would bind")
    limit = grant.limit.as_loss()
    lent = books.lent.get(lender, NOTHING)
    total = books.spent_in(lender).plus(
        Loss(
            lent.rho + limit.rho - present.rho,
            None if lent.rho or limit.rho else (lent.epsilon or 0) + (limit.epsilon or 0) - (present.epsilon or 0),
            lent.delta + limit.delta - present.delta,
        )
    )
    if not fits(books.accounting, books.grants[lender].limit, total):
        name, held = lender.words(books.population), limit_words(books.grants[lender].limit)
        raise Broken("delegation", f"with it, {name} comes to {words(total)} under a limit of {held}")


def _check_lowered(books: Books, scope: Scope, grant: Grant, present: Loss) -> None:
    """What comes back to the lender is not spent, and not lent further."""
    used = books.spent_in(scope).plus(books.lent.get(scope, NOTHING))
    limit, floor = grant.limit.as_loss(), Loss(used.rho, used.epsilon or 0, used.delta)
    lower = (
        limit.rho < min(present.rho, floor.rho)
        or (limit.epsilon or 0) < min(present.epsilon or 0, floor.epsilon or 0)
        or limit.delta < min(present.delta, floor.delta)
    )
    if lower:
        raise Broken("delegation", f"{scope.words(books.population)} is lowered below what is used of it")


def _above(one: Loss, other: Loss) -> bool:
    return one.rho > other.rho or (one.epsilon or 0) > (other.epsilon or 0) or one.delta > other.delta
