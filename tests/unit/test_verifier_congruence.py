"""Two verifiers, written apart: the accountant's own and the client's. On every chain they come to one verdict."""

from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.v1 import ledger_pb2
from sfumato.v1.grant_pb2 import BudgetWindow
from sfumato.v1.scope_pb2 import Scope
from sfumato.verification.defects import Defect
from sfumato_accountant.ledger.fold import ClaimFacts
from sfumato_accountant.ledger.verification import Defective, Verification, claims_of
from sfumato_accountant.stores.ports import StoredEntry, StoredRecord
from tests.ledger_forge import ADA, BOB, Forge, eventful, funded, key_of, rho
from tests.ledger_lies import LIES
from tests.unit.test_verifier import verified


def stored(entries: Sequence[ledger_pb2.LedgerEntry]) -> list[StoredEntry]:
    return [
        StoredEntry.of(
            population=entry.population,
            sequence=entry.sequence,
            at=entry.time.ToJsonString(),
            previous_hash=entry.previous_hash,
            entry_hash=entry.entry_hash,
            records=tuple(StoredRecord(each.digest, each.payload) for each in entry.records),
            key_id=entry.signature.key_id,
            signature=entry.signature.ed25519,
        )
        for entry in entries
    ]


def projects_of(forge: Forge) -> Mapping[str, str]:
    """Return the project that pays, by query: a claim would say it."""
    found = {}
    for entry in forge.entries:
        for record in entry.records:
            event = ledger_pb2.LedgerEvent()
            from google.protobuf.json_format import Parse

            Parse(record.payload, event, ignore_unknown_fields=True)
            for fact in (event.reserved, event.shared):
                found[fact.query.removeprefix("queries/")] = fact.project
    return found


def by_the_accountant(forge: Forge) -> tuple[int, str] | Mapping[Scope, int]:
    entries = stored(forge.entries)
    projects = projects_of(forge)
    claims = {query: ClaimFacts(b"p" * 32, projects[query], ()) for query in claims_of(entries)}
    verification = Verification(forge.population)
    try:
        verification.take(entries, claims)
    except Defective as defective:
        return defective.defect.sequence, defective.defect.rule
    return {scope: loss.rho_picos for scope, loss in verification.fold.spent.items()}  # type: ignore[misc]


def by_the_client(forge: Forge) -> tuple[int, str] | Mapping[Scope, int]:
    try:
        verdict = verified(forge.parts(), threads=1)
    except Defect as defect:
        return defect.sequence, defect.rule
    return {scope: loss.rho for scope, loss in verdict.spent.items()}  # type: ignore[misc]


def test_on_an_honest_chain() -> None:
    assert by_the_accountant(eventful()) == by_the_client(eventful())


@pytest.mark.parametrize(("lie", "rule"), LIES, ids=[lie.__name__.strip("_") for lie, _ in LIES])
def test_on_every_lie(lie: Callable[[Forge], None], rule: str) -> None:
    forge = funded()
    lie(forge)
    assert by_the_accountant(forge) == by_the_client(forge) == (len(forge.entries) - 1, rule)


@pytest.mark.parametrize("act", ["hash", "signature", "gap", "order"])
def test_on_what_is_tampered_with(act: str) -> None:
    forge = eventful()
    if act == "hash":
        forge.entries[5].entry_hash = b"x" * 32
    elif act == "signature":
        forge.seal(5, key_of(9))
    elif act == "gap":
        del forge.entries[5]
    else:
        forge.entries[5].time.seconds -= 1
        forge.seal(5)
    assert by_the_accountant(forge) == by_the_client(forge) == (5, act)


acts = st.lists(
    st.tuples(st.sampled_from(["pay", "lend", "freeze", "thaw", "wait", "limit", "window"]), st.integers(0, 60)),
    min_size=1,
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(acts)
def test_on_any_run_of_acts_be_it_admissible_or_not(acts: list[tuple[str, int]]) -> None:
    forge = funded(150, 100)
    for act, amount in acts:
        _carry_out(forge, act, amount)
    assert by_the_accountant(forge) == by_the_client(forge)


def _carry_out(forge: Forge, act: str, amount: int) -> None:
    user = BOB if amount % 3 == 0 else ADA
    if act == "pay":
        forge.reserve(amount + 1, user=user)
    elif act == "lend":
        forge.grant(rho(amount), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)
    elif act in ("freeze", "thaw"):
        forge.freeze(act == "freeze", analyst=user)
    elif act == "wait":
        forge.pass_time(minutes=amount)
    else:
        window = None
        if act == "window":
            window = BudgetWindow(limit=rho(amount))
            window.length.seconds = 3600
        forge.grant(rho(2 * amount + 40), window=window, analyst=ADA)
