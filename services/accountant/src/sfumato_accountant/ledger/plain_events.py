"""What a fold needs of the two kinds of event that make up nearly all of a chain, found without parsing JSON.

Keys of RFC 8785 JSON are sorted, and a text without a backslash has no quotation mark inside a string: so the fields
lie between fixed marks. Whatever does not look exactly so is not plain, and is read by `events.read_event`. Fields
that a fold does not need are looked at when a query is asked for; all of them were read before they were appended.
"""

from functools import lru_cache
from typing import Any, Final, TypeAlias

import orjson

from sfumato_accountant.accounting.loss import Loss
from sfumato_accountant.accounting.scopes import ScopeKey
from sfumato_accountant.ledger.events import Versions, loss_of, scope_of, versions_of

RESERVED: Final = '{"reserved":{"charge":'
COMMITTED: Final = '{"committed":{"attempt":"'

_ITS_CHARGE: Final = "null"
_CLAIM: Final = ',"claim_digest":"'
_VERSIONS: Final = '","data_versions":'
_GIVE_UP: Final = ',"give_up_time":"'
_PROJECT: Final = '","project":"'
_QUERY: Final = '","query":"queries/'
_SCOPES: Final = '","scopes":'
_SALT: Final = '},"salt":"'
_ANSWERED: Final = ',"query":"queries/'
_RELEASE: Final = '","release_digest":"'
_UUID: Final = 36
_DIGEST: Final = 44
"""Base64 of 32 bytes."""
_CHARGED: Final = len(RESERVED)
_CLAIMED: Final = len(_CLAIM) + _DIGEST
_VERSIONED: Final = len(_VERSIONS)
_TIMED: Final = len(_GIVE_UP)
_IN_PROJECT: Final = len(_PROJECT)
_NAMED: Final = len(_QUERY)
_SCOPED: Final = len(_SCOPES)
_ATTEMPTED: Final = len(COMMITTED) + _UUID
_ANSWER_NAMED: Final = len(_ANSWERED)


class NotPlain(Exception):  # noqa: N818
    """The text must be read as JSON."""


PlainPayment: TypeAlias = tuple[str, Versions, str, Loss, tuple[ScopeKey, ...]]
"""Query id, versions, project, price, and the scopes that pay it, each in full."""


def plain_payment(text: str) -> PlainPayment:
    """Return what a text that begins with RESERVED says. Raises NotPlain."""
    try:
        claim = text.index("}", _CHARGED) + 1
        versions = claim + _CLAIMED
        give_up = text.index("]", versions) + 1
        project = text.index('"', give_up + _TIMED)
        query = project if text.startswith(_QUERY, project) else _behind_project(text, project)
        named = query + _NAMED
        scopes = named + _UUID
        salt = text.index("]", scopes) + 1
        charge = text[_CHARGED:claim]
        query_id = text[named:scopes]
        if not (
            text.startswith(_CLAIM, claim)
            and text.startswith(_VERSIONS, versions)
            and text.startswith(_GIVE_UP, give_up)
            and text.startswith(_SCOPES, scopes)
            and text.startswith(_SALT, salt)
            and "\\" not in text
            and '"' not in query_id
        ):
            raise NotPlain
        return (
            query_id,
            _versions(text[versions + _VERSIONED : give_up]),
            "" if query == project else text[project + _IN_PROJECT : query],
            _loss(charge),
            _scopes(text[scopes + _SCOPED : salt].replace(charge, _ITS_CHARGE)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotPlain from error


def plain_answer(text: str) -> tuple[str, Versions]:
    """Return the query and the versions of a text that begins with COMMITTED. Raises NotPlain."""
    try:
        query = text.index("]", _ATTEMPTED) + 1
        named = query + _ANSWER_NAMED
        release = named + _UUID
        query_id = text[named:release]
        if not (
            text.startswith(_VERSIONS, _ATTEMPTED)
            and text.startswith(_ANSWERED, query)
            and text.startswith(_RELEASE, release)
            and "\\" not in text
            and '"' not in query_id
        ):
            raise NotPlain
        return query_id, _versions(text[_ATTEMPTED + _VERSIONED : query])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotPlain from error


def _behind_project(text: str, project: int) -> int:
    """Return where the query is named behind a project. Raises NotPlain for anything else there."""
    end = text.index('"', project + _IN_PROJECT)
    if not (text.startswith(_PROJECT, project) and text.startswith(_QUERY, end)):
        raise NotPlain
    return end


@lru_cache(4096)
def _versions(text: str) -> Versions:
    return versions_of(_list(text))


@lru_cache(4096)
def _loss(text: str) -> Loss:
    return loss_of(orjson.loads(text))


@lru_cache(4096)
def _scopes(text: str) -> tuple[ScopeKey, ...]:
    """Return the scopes of lines whose charge, that of the query, was left out."""
    lines = _list(text)
    if any(line["charge"] is not None for line in lines):
        raise NotPlain
    return tuple(scope_of(line["scope"]) for line in lines)


def _list(text: str) -> Any:
    value = orjson.loads(text)
    if not isinstance(value, list):
        raise NotPlain
    return value
