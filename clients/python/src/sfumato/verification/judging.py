"""Each kind of event: what it must say, what it may not contradict, and how it changes the books."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sfumato.verification.admission import check_charge, check_limits, check_not_frozen, check_scopes
from sfumato.verification.books import CHARGED, COMMITTED, OPEN, SHARED, Books, Grant, PaidQuery, Window
from sfumato.verification.defects import Broken, UnknownKind
from sfumato.verification.events import Event, duration_of, flag_of, micros_of, query_of, versions_of
from sfumato.verification.exports import Fields, Malformed, bytes_of, integer_of, population_of, text_of, time_of
from sfumato.verification.lending import check_lending, parent_of
from sfumato.verification.losses import BASIC, ZCDP, loss_fields, read_limit, read_loss, takes_limit
from sfumato.verification.scopes import POPULATION, Payer, read_scope, read_scope_losses

_ATTEMPT_MAX: Final = 64


class Moment(NamedTuple):
    """Where an event stands."""

    sequence: int
    time: str
    at: int
    """`time` in microseconds since 1970."""


def take(books: Books, event: Event, moment: Moment) -> None:
    """Judge an event, and take it up.

    Raises:
        Broken: names the rule.
        Malformed: a field is missing or is not what it should be.
        UnknownKind: it is of an accounting that this version does not know.
    """
    if (event.kind == "genesis") != (not books.keys.spans):
        raise Broken("genesis", "a chain begins with genesis, once")
    _JUDGES[event.kind](books, event.body, event.user, moment)


def _genesis(books: Books, body: Fields, _: str, moment: Moment) -> None:
    accounting = body.get("accounting", ZCDP)
    if accounting not in (ZCDP, BASIC):
        raise UnknownKind(f"an accounting {accounting!r}")
    books.accounting = accounting
    books.names_projects = "accounting" in body  # both fields came with one version
    books.keys.begin(bytes_of(body, "public_key", 32), 0, moment.time)
    books.predecessors = tuple(_position(each) for each in body.get("predecessors", []))
    books.carried = read_scope_losses(body.get("spent", []), books.population)
    if books.carried and not books.predecessors:
        raise Broken("genesis", "it brings along a spend, and names no chain that it is from")
    books.pay(books.carried, moment.at)


def _reserved(books: Books, body: Fields, user: str, moment: Moment) -> None:
    _require_open(books)
    query_id = query_of(body)
    query = PaidQuery(
        OPEN,
        user,
        _digest(body, "claim_digest"),
        versions_of(body),
        read_loss(body.get("charge")),
        read_scope_losses(body.get("scopes", []), books.population),
        moment.sequence,
        time_of(body, "give_up_time"),
    )
    payer = _payer(books, query, body)
    paying = [scope for scope, _ in query.scopes]
    check_charge(books, query)
    if not books.partial:
        check_scopes(books, payer, paying)
        check_not_frozen(books, payer)
        check_limits(books, paying, query.charge, moment.at)
    books.new_query(query_id, query)
    books.pay(query.scopes, moment.at)


def _committed(books: Books, body: Fields, _: str, __: Moment) -> None:
    query_id, versions = query_of(body), versions_of(body)
    attempt, digest = _attempt(body), _digest(body, "release_digest")
    query = books.end(query_id)
    if query is None:
        return
    if query.versions != versions:
        raise Broken("terminal", f"queries/{query_id} is answered from other data than was reserved")
    if query.sequence < books.reopened_sequence:
        raise Broken("terminal", f"queries/{query_id} may have been answered in entries that were lost")
    books.queries[query_id] = query._replace(state=COMMITTED, attempt=attempt, release_digest=digest)


def _charged(books: Books, body: Fields, user: str, moment: Moment) -> None:
    query_id, cancelled = query_of(body), flag_of(body, "cancelled")
    query = books.end(query_id)
    if query is None:
        return
    if cancelled and user != query.analyst:
        raise Broken("terminal", f"queries/{query_id} is cancelled by another than its analyst")
    if not cancelled and moment.at < micros_of(query.give_up_time):
        raise Broken("terminal", f"queries/{query_id} is given up before its time")
    books.queries[query_id] = query._replace(state=CHARGED)


def _shared(books: Books, body: Fields, user: str, moment: Moment) -> None:
    _require_open(books)
    query_id, release = query_of(body), query_of(body, "release_query")
    source = books.queries.get(release)
    if not books.names_projects and source is not None:  # nor do such chains repeat the price
        body = {"charge": _charge_fields(source), **body}
    query = PaidQuery(
        SHARED,
        user,
        _digest(body, "claim_digest"),
        versions_of(body),
        read_loss(body.get("charge")),
        read_scope_losses(body.get("scopes", []), books.population),
        moment.sequence,
        moment.time,
        _attempt(body),
        _digest(body, "release_digest"),
    )
    flag_of(body, "derived")
    check_charge(books, query)
    paying = [scope for scope, _ in query.scopes]
    if POPULATION in paying:
        raise Broken("shared", "the population pays for a release a second time")
    unfinished = source is None or source.state == OPEN
    if not (unfinished and books.partial):  # its payment or terminal may be one of the hidden events
        _check_release(books, query, release, source)
    if not books.partial:
        payer = _payer(books, query, body)
        check_scopes(books, payer, paying, books.payers_of(release))
        if paying:
            check_not_frozen(books, payer)
        check_limits(books, paying, query.charge, moment.at)
    books.new_query(query_id, query)
    books.pay(query.scopes, moment.at)
    if paying and source is not None:
        books.payers[release] = books.payers.get(release, frozenset()).union(paying)


def _payer(books: Books, query: PaidQuery, body: Fields) -> Payer:
    project = body.get("project", "")
    if not books.names_projects:
        project = next((scope.project for scope, _ in query.scopes if scope.project), project)
    return Payer(tuple([dataset for dataset, _ in query.versions]), project, query.analyst)


def _charge_fields(query: PaidQuery) -> Fields:
    return {name: value for name, value in loss_fields(query.charge).items() if value not in (None, "0")}


def _check_release(books: Books, query: PaidQuery, release: str, source: PaidQuery | None) -> None:
    if source is None or source.state != COMMITTED:
        state = "was never paid" if source is None else f"is {source.state}"
        raise Broken("shared", f"it is answered by the release of queries/{release}, which {state}")
    if release in books.withheld:
        raise Broken("withheld", f"it is answered by the release of queries/{release}, which is withheld")
    told = (query.attempt, query.release_digest, query.versions, query.charge)
    if told != (source.attempt, source.release_digest, source.versions, source.charge):
        raise Broken("shared", f"it names another release, data or price than queries/{release} has")


def _granted(books: Books, body: Fields, user: str, _: Moment) -> None:
    _require_open(books)
    fields = body.get("grant")
    if not isinstance(fields, dict):
        raise Malformed("grant is missing")
    scope = read_scope(fields.get("scope"), books.population)
    parent = parent_of(books, fields.get("parent", ""), scope)
    grant = Grant(read_limit(fields.get("limit")), _window(fields.get("window")), parent)
    limits = [grant.limit] + ([] if grant.window is None else [grant.window.limit])
    if not all(takes_limit(books.accounting, each) for each in limits):
        raise Broken("grant", f"a limit of this form means nothing in a population of {books.accounting}")
    if not books.partial:
        check_lending(books, scope, grant, user)
    books.set_grant(scope, grant)


def _window(fields: Any) -> Window | None:
    if fields is None:
        return None
    if not isinstance(fields, dict) or not fields.keys() <= {"length", "anchor_time", "limit"}:
        raise Malformed("a window is not as the contract says")
    length = duration_of(fields.get("length"))
    if length < 1:
        raise Malformed("a window has no length")
    anchor = micros_of(time_of(fields, "anchor_time")) if "anchor_time" in fields else 0
    return Window(length, anchor, read_limit(fields.get("limit")))


def _frozen(books: Books, body: Fields, _: str, __: Moment) -> None:
    scope = read_scope(body.get("scope"), books.population)
    if flag_of(body, "frozen"):
        books.frozen.add(scope)
    else:
        books.frozen.discard(scope)


def _withheld(books: Books, body: Fields, _: str, __: Moment) -> None:
    query_id, withheld = query_of(body), flag_of(body, "withheld")
    query = books.queries.get(query_id)
    unfinished = query is None or query.state == OPEN
    if (query is None or query.state != COMMITTED) and not (unfinished and books.partial):
        raise Broken("withheld", f"queries/{query_id} has drawn no release")
    if withheld:
        books.withheld.add(query_id)
    else:
        books.withheld.discard(query_id)


def _key_rotated(books: Books, body: Fields, _: str, moment: Moment) -> None:
    books.keys.begin(bytes_of(body, "public_key", 32), moment.sequence + 1, moment.time)


def _reopened(books: Books, body: Fields, _: str, moment: Moment) -> None:
    population, sequence, lost = _position(body.get("lost_head"))
    if population not in ("", books.population):
        raise Broken("reopened", f"the head that was lost is of {population}")
    if books.contains(sequence, lost):
        raise Broken("reopened", f"the chain contains the head that it gives up, at position {sequence}")
    queries = body.get("queries", [])
    if not isinstance(queries, list):
        raise Malformed("queries are no list")
    books.lost.update(query_of({"query": each}) for each in queries)
    books.reopened_sequence = moment.sequence
    books.pay(read_scope_losses(body.get("charged", []), books.population), moment.at)


def _closed(books: Books, body: Fields, _: str, __: Moment) -> None:
    _require_open(books)
    successors = body.get("successors")
    if not isinstance(successors, list) or not successors:
        raise Malformed("successors are missing")
    books.closed_by = tuple(population_of({"successor": each}, "successor") for each in successors)


_JUDGES: Final[Mapping[str, Callable[[Books, Fields, str, Moment], None]]] = {
    "genesis": _genesis,
    "reserved": _reserved,
    "committed": _committed,
    "charged": _charged,
    "shared": _shared,
    "granted": _granted,
    "frozen": _frozen,
    "withheld": _withheld,
    "key_rotated": _key_rotated,
    "reopened": _reopened,
    "closed": _closed,
}


def _require_open(books: Books) -> None:
    if books.closed_by:
        raise Broken("closed", f"the chain was closed in favour of {', '.join(books.closed_by)}")


def _position(head: Any) -> tuple[str, int, bytes]:
    if not isinstance(head, dict):
        raise Malformed("a head is missing")
    population = population_of(head, "population") if "population" in head else ""
    return population, integer_of(head, "sequence"), bytes_of(head, "entry_hash", 32)


def _digest(body: Fields, name: str) -> str:
    bytes_of(body, name, 32)
    return text_of(body, name)


def _attempt(body: Fields) -> str:
    attempt = text_of(body, "attempt")
    if len(attempt) > _ATTEMPT_MAX:
        raise Malformed("attempt is no UUID")
    return attempt
