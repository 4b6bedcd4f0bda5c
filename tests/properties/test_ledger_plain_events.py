"""What is found in a text between marks is what reading it as JSON finds, or it is left to that."""

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato_accountant.ledger.events import Committed, LedgerBroken, Reserved, read_event
from sfumato_accountant.ledger.plain_events import COMMITTED, RESERVED, NotPlain, plain_answer, plain_payment
from tests.properties.chain_maker import ChainMaker

MAKER = ChainMaker(random.Random(3))
MAKER.grow(60)
TEXTS = [record.payload for entry in MAKER.entries for record in entry.records]
PAYMENTS = [text for text in TEXTS if text.startswith(RESERVED)]
ANSWERS = [text for text in TEXTS if text.startswith(COMMITTED)]
PIECES = [
    '"', "\\", "\\\"", ",", "{", "}", "[", "]", "null", "0", "x", '"x":"y",', '","project":"', '","query":"queries/',
    '},"salt":"', ',"claim_digest":"', '","data_versions":', ',"give_up_time":"', '","scopes":', '","release_digest":"',
    '{"rho_picos":"5"}', '{"charge":null,', "queries/",
]  # fmt: skip


def check(text: str) -> bool:
    """Compare both readings of a text; return whether it was plain."""
    try:
        found: Any = plain_payment(text) if text.startswith(RESERVED) else plain_answer(text)
    except NotPlain:
        return False
    try:
        fact = read_event(text).fact
    except LedgerBroken:
        # plainly read, but not readable: no accountant appends that, and it is refused when it is asked for
        return True
    if isinstance(fact, Reserved):
        query_id, versions, project, charge, scopes = found
        assert (query_id, versions, project, charge) == (fact.query_id, fact.versions, fact.project, fact.charge)
        assert tuple((scope, charge) for scope in scopes) == fact.scopes
    else:
        assert isinstance(fact, Committed)
        assert found == (fact.query_id, fact.versions)
    return True


def test_what_is_appended_is_plain() -> None:
    odd = [text for text in PAYMENTS + ANSWERS if not check(text)]
    assert all(_is_odd(text) for text in odd)
    assert len(odd) < len(PAYMENTS) / 2


def _is_odd(text: str) -> bool:
    """Whether a payment has no scopes, or scopes that pay another charge than its own."""
    reserved = json.loads(text)["reserved"]
    scopes = reserved.get("scopes")
    return not scopes or any(each["charge"] != reserved["charge"] for each in scopes)


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(PAYMENTS + ANSWERS), st.integers(0, 10**6), st.sampled_from(PIECES), st.integers(0, 40))
def test_a_changed_text_is_read_alike_or_left_alone(text: str, place: int, piece: str, cut: int) -> None:
    place = len(RESERVED) + place % (len(text) - len(RESERVED))
    changed = text[:place] + piece + text[place + cut :]
    if changed.startswith((RESERVED, COMMITTED)):
        check(changed)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PAYMENTS), st.text(max_size=20), st.text(max_size=20))
def test_names_in_any_writing_are_read_alike_or_left_alone(text: str, project: str, user: str) -> None:
    fields = json.loads(text)
    fields["reserved"]["project"] = project
    fields["user"] = user
    check(json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    check(json.dumps(fields, sort_keys=True, separators=(",", ":")))
