"""Releases that answer again: of an equal question, or of a wider one.

A release answers its own analyst always, whoever else has paid for it too: what was paid for stays free. It answers
members of a project that has paid for it, and everybody, only where policy says so, since a hit tells that somebody
asked. It answers on the present data version alone, and neither if it is withheld nor once its time is over.

Scopes that have not paid for the release pay its full charge, which for an equal question is the question's own price.
Of a wider question they never pay more than a new release would cost. The population never pays twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import POPULATION, ScopeKey
from sfumato_accountant.catalog.sharing import Sharing
from sfumato_accountant.ledger.fold import Fold, PaidQuery, QueryState
from sfumato_accountant.ledger.price import Price

BASES_MAX: Final = 16
"""Wider questions that the executor is asked about: it compiles each of them."""
_LOOKED_AT: Final = 1_000
"""Latest questions of a family among which those are looked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A release that answers."""

    release: PaidQuery
    """Query that drew it."""
    unpaid: tuple[ScopeKey, ...]
    """Granted scopes that the question counts against and that have not paid for it: they pay now."""
    derived: bool = False
    """Whether it is of a wider question."""


@dataclass(frozen=True, slots=True)
class Bases:
    """Queries of which one may answer a narrower question: which does, and which most exactly, the executor proves."""

    query_ids: tuple[str, ...] = ()
    """Those that are free first; each part ascending in the chain."""
    free_count: int = 0
    """How many are free."""


def answer_of(fold: Fold, price: Price, at: datetime, base: str = "") -> Answer | None:
    """Return the release that answers a question at an instant; None: noise is drawn.

    Of several equal questions: the first in the chain for which nothing is to be paid, else the first.

    Args:
        fold: what the chain says.
        price: the question.
        at: the instant of the decision.
        base: UUID of the query whose release answers this narrower question, as the executor says; empty: none.
    """
    if price.fresh:
        return None
    found: Answer | None = None
    for query_id in fold.releases_of(price.plan_digest, price.versions):
        query = fold.query(query_id)
        if query is None or not _may_answer(fold, price, query, at):
            continue
        answer = Answer(query, unpaid_scopes(fold, price, query))
        if not answer.unpaid:
            return answer
        found = found or answer
    if found is not None or not base:
        return found
    wider = fold.query(base)
    return None if wider is None else _derived(fold, price, wider, at)


def base_candidates(fold: Fold, price: Price, at: datetime) -> Bases:
    """Return queries of which one may answer a question, if it is narrower.

    None for a question that may not be answered so, or whose `answer_of` exists.
    """
    if not price.family_digest or answer_of(fold, price, at) is not None:
        return Bases()
    answers = list(_wider(fold, price, at))
    free = _told([answer for answer in answers if not answer.unpaid], BASES_MAX)
    paying = _told([answer for answer in answers if answer.unpaid], BASES_MAX - len(free))
    return Bases((*free, *paying), len(free))


def unpaid_scopes(fold: Fold, price: Price, release: PaidQuery | None) -> tuple[ScopeKey, ...]:
    """Return the granted scopes that would pay: all that match, less those that have paid for a release."""
    granted = price.payer.matching(fold.grants)
    if release is None:
        return tuple(granted)
    paid = fold.payers_of(release.query_id) | {POPULATION}
    return tuple(scope for scope in granted if scope not in paid)


def _wider(fold: Fold, price: Price, at: datetime) -> Iterator[Answer]:
    for query_id in islice(reversed(fold.families_of(price.family_digest, price.versions)), _LOOKED_AT):
        query = fold.query(query_id)
        answer = None if query is None else _derived(fold, price, query, at)
        if answer is not None:
            yield answer


def _told(answers: Sequence[Answer], room: int) -> list[str]:
    """Return the queries of some answers, ascending in the chain; of too many, the dearest and the latest.

    What was charged most is the most exact as a rule, and not always: a base with many measures pays for all of them,
    and many that are dear may hold other keys. So half the room is for the latest of the rest.

    Args:
        answers: the latest first.
        room: how many may be told.
    """
    dearest = sorted(answers, key=lambda answer: _weight(answer.release.charge), reverse=True)
    if len(answers) > room:
        dearest = dearest[: (room + 1) // 2]
    names = {answer.release.query_id for answer in dearest}
    rest = [answer for answer in answers if answer.release.query_id not in names]
    told = [*dearest, *rest[: room - len(dearest)]]
    return [answer.release.query_id for answer in sorted(told, key=lambda answer: answer.release.terminal_sequence)]


def _weight(charge: Loss) -> tuple[int, int, int]:
    return charge.rho_picos, charge.epsilon_picos or 0, charge.delta_attos


def _derived(fold: Fold, price: Price, wider: PaidQuery, at: datetime) -> Answer | None:
    """Return a wider question's release, if it may answer; that it does, the executor has said."""
    related = bool(price.family_digest) and wider.claim.family_digest == price.family_digest
    present = wider.state is QueryState.COMMITTED and wider.versions == price.versions
    if not (related and present and _may_answer(fold, price, wider, at)):
        return None
    unpaid = unpaid_scopes(fold, price, wider)
    if unpaid and not _within(wider.charge, price.charge):
        return None
    return Answer(wider, unpaid, derived=True)


def _may_answer(fold: Fold, price: Price, query: PaidQuery, at: datetime) -> bool:
    if query.query_id in fold.withheld:
        return False
    end = price.retention.end_of(query.terminal_at)
    if end is not None and end <= at:
        return False
    if price.sharing is Sharing.EVERYONE:
        return True
    payer = price.payer
    projects = {payer.project} - {""} if price.sharing is Sharing.PROJECT else set()
    if query.analyst == payer.analyst or query.project in projects:
        return True
    paid = fold.payers_of(query.query_id)
    return any(scope.analyst == payer.analyst or scope.project in projects for scope in paid)


def _within(charge: Loss, limit: Loss) -> bool:
    """Return whether a loss is at most another in every part."""
    if charge.rho_picos > limit.rho_picos or charge.delta_attos > limit.delta_attos:
        return False
    if limit.epsilon_picos is None:
        return True
    return charge.epsilon_picos is not None and charge.epsilon_picos <= limit.epsilon_picos
