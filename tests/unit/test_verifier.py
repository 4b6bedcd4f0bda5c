"""The offline verifier: what it finds true of honest ledgers, and which rule it names of others."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from sfumato.v1.charge_pb2 import Charge, LossLimit, RhoDelta
from sfumato.v1.population_pb2 import ACCOUNTING_BASIC, ACCOUNTING_UNSPECIFIED, ACCOUNTING_ZCDP
from sfumato.verification import arrow_files, json_lines
from sfumato.verification.defects import Defect, ExportUnreadable
from sfumato.verification.json_lines import JsonLinesExport
from sfumato.verification.losses import Loss
from sfumato.verification.scopes import Scope
from sfumato.verification.verifier import Verdict, verify
from tests.ledger_forge import (
    ADA,
    BOB,
    Forge,
    Parts,
    epsilon,
    eventful,
    funded,
    key_of,
    lines,
    public,
    rho,
)
from tests.ledger_lies import LIES


def verified(parts: Parts, **options: Any) -> Verdict:
    export = JsonLinesExport(io.BytesIO(b"".join(lines(parts))), "palmer.jsonl")
    return verify(export, options.pop("trusted", {public(key_of(1))}), **options)


def defect(forge: Forge) -> tuple[int, str]:
    with pytest.raises(Defect) as caught:
        verified(forge.parts())
    return caught.value.sequence, caught.value.rule


def test_an_honest_ledger_verifies() -> None:
    forge = eventful()
    verdict = verified(forge.parts())
    assert (verdict.entries, verdict.hidden_events) == (len(forge.entries), 0)
    assert verdict.events == len(forge.entries) + 1
    assert verdict.head.entry_hash == forge.entries[-1].entry_hash
    assert [key.public_key for key in verdict.keys] == [public(key_of(1)), public(key_of(2))]
    assert verdict.spent == {
        Scope(): Loss(10 + 20 + 5 + 7 + 3 + 4, None, 0),
        Scope(analyst=ADA): Loss(10 + 20 + 5 + 3 + 4, None, 0),
        Scope(analyst=BOB): Loss(10, None, 0),
        Scope(project="projects/ice"): Loss(5, None, 0),
    }
    assert verdict.open_queries == 2


def test_both_formats_hold_the_same() -> None:
    parts = eventful().parts()
    assert [json.loads(line) for line in json_lines.lines(parts)] == [json.loads(line) for line in lines(parts)]
    stream = io.BytesIO()
    arrow_files.write(parts, stream)
    stream.seek(0)
    verdict = verify(arrow_files.ArrowExport(stream, "palmer.arrow"), {public(key_of(2))})
    assert verdict == verified(parts)


def test_any_key_of_the_chain_can_be_the_one_that_is_trusted() -> None:
    parts = eventful().parts()
    for seed in (1, 2):
        assert verified(parts, trusted={public(key_of(seed))}).key_is_trusted
    assert not verified(parts, trusted=None).key_is_trusted
    with pytest.raises(ExportUnreadable, match="not trusted") as caught:
        verified(parts, trusted={public(key_of(3))})
    assert caught.value.reason == "EXPORT_KEY_FOREIGN"


def test_a_key_that_is_only_named_does_not_make_a_ledger_trusted() -> None:
    forge = funded()
    forge.rotate(key_of(2))  # signed by the first key: the second has signed nothing yet
    with pytest.raises(ExportUnreadable) as caught:
        verified(forge.parts(), trusted={public(key_of(2))})
    assert caught.value.reason == "EXPORT_KEY_FOREIGN"


# What is missing, moved or forged.


@pytest.mark.parametrize("act", ["drop", "reorder", "repeat", "insert", "append", "cut", "head"])
def test_entries_that_go_missing_or_move_are_found(act: str) -> None:
    forge = eventful()
    parts = forge.parts()
    place = 8  # the entry of position 7
    if act == "drop":
        del parts[place]
    elif act == "reorder":
        parts[place], parts[place + 1] = parts[place + 1], parts[place]
    elif act == "repeat":
        parts.insert(place, parts[place])
        place += 1
    elif act == "insert":
        parts.insert(place, parts[2])
    elif act == "append":
        forge.reserve(1)
        parts.insert(-1, forge.parts()[-2])
        place = len(parts) - 2
    elif act == "cut":
        del parts[-3:-1]
        place = len(parts) - 1
    else:
        parts[-1].head.entry_hash = b"h" * 32
        place = len(parts) - 2
    with pytest.raises(Defect) as caught:
        verified(parts)
    rules = {"append": "head", "cut": "gap", "head": "head"}
    assert caught.value.rule == rules.get(act, "gap"), caught.value
    assert caught.value.sequence == place - 1


def test_a_signature_by_another_key_is_found_though_all_hashes_are_right() -> None:
    forge = eventful()
    forge.seal(9, key_of(7))
    assert defect(forge) == (9, "signature")
    forge = eventful()
    for entry in forge.entries[9:]:  # under the name of the right key
        name = entry.signature.key_id
        entry.signature.CopyFrom(forge.signature(entry.sequence, entry.entry_hash, key_of(7)))
        entry.signature.key_id = name
    assert defect(forge) == (9, "signature")


def test_an_old_key_signs_nothing_after_its_time() -> None:
    forge = eventful()
    rotated = next(i for i, each in enumerate(forge.entries) if "key_rotated" in each.records[0].payload)
    forge.seal(rotated + 1, key_of(1))
    assert defect(forge) == (rotated + 1, "signature")


def test_a_new_key_must_be_named_by_the_old_one() -> None:
    forge = eventful()
    rotated = next(i for i, each in enumerate(forge.entries) if "key_rotated" in each.records[0].payload)
    forge.seal(rotated, key_of(2))
    assert defect(forge) == (rotated, "signature")


def test_the_header_must_tell_the_keys_of_the_chain() -> None:
    parts = eventful().parts()
    parts[0].header.keys[1].start_time.seconds += 1
    with pytest.raises(Defect, match="keys") as caught:
        verified(parts)
    assert caught.value.rule == "key"


def test_time_does_not_run_back() -> None:
    forge = funded()
    forge.pass_time(seconds=-1)
    forge.reserve()
    assert defect(forge) == (3, "order")


# Payments that should not have been admitted.


@pytest.mark.parametrize(("lie", "rule"), LIES, ids=[lie.__name__.strip("_") for lie, _ in LIES])
def test_an_accountant_that_lies_is_found_out(lie: Callable[[Forge], None], rule: str) -> None:
    """It holds the key and signs what it should have refused: the last entry that it wrote."""
    forge = funded()
    lie(forge)
    assert defect(forge) == (len(forge.entries) - 1, rule)


def test_the_same_without_the_lie_is_fine() -> None:
    forge = funded()
    forge.reserve(60)
    forge.reserve(40)
    forge.grant(rho(120), analyst=ADA)
    forge.grant(rho(20), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)
    forge.reserve(15, user=BOB)
    forge.grant(rho(15), analyst=BOB, parent=forge.scope(analyst=ADA), user=ADA)
    forge.reserve(5)
    assert verified(forge.parts()).spent[Scope()].rho == 120


# Limits in (ε, δ), and the other accounting.


def test_a_limit_in_epsilon_is_judged_by_the_tight_conversion() -> None:
    forge = funded(10**15, 10**15)
    forge.grant(epsilon(10**12, 10**12), analyst=ADA)  # ε 1 at δ 1e-6: ρ 0.0243559704
    forge.reserve(24_355_970_300)
    assert verified(forge.parts()).entries == 5
    forge.reserve(100)
    assert defect(forge) == (5, "limit")


def test_the_delta_of_a_limit_in_epsilon_is_split_beforehand() -> None:
    share = 10**11
    forge = Forge()
    forge.grant(rho(10**15, 10**17))
    forge.grant(epsilon(10**12, 10**12 + share, share), analyst=ADA)  # the conversion has δ 1e-6
    forge.reserve(charge=Charge(rho_picos=10**10, delta_attos=share))
    forge.reserve(24_355_970_300 - 10**10)
    assert verified(forge.parts()).spent[Scope(analyst=ADA)] == Loss(24_355_970_300, None, share)
    forge.reserve(100)
    assert defect(forge) == (5, "limit")


@pytest.mark.parametrize("share", [0, 10**11])
def test_thresholds_that_spend_the_delta_of_the_conversion_are_found(share: int) -> None:
    forge = Forge()
    forge.grant(rho(10**15, 10**17))
    forge.grant(epsilon(10**12, 10**12, share), analyst=ADA)
    forge.reserve(charge=Charge(rho_picos=1, delta_attos=share + 1))
    assert defect(forge) == (3, "limit")


@pytest.mark.parametrize(
    ("accounting", "limit"),
    [
        (ACCOUNTING_BASIC, epsilon(100, 5, 1)),
        (ACCOUNTING_ZCDP, epsilon(100, 5, 5)),
        (ACCOUNTING_ZCDP, LossLimit(rho=RhoDelta(rho_picos=5, delta_attos=5), threshold_delta_attos=1)),
    ],
)
def test_a_share_that_means_nothing_is_found(accounting: Any, limit: LossLimit) -> None:
    forge = Forge(accounting=accounting)
    forge.grant(limit)
    assert defect(forge) == (1, "grant")


def test_pure_losses_may_keep_within_by_their_sum() -> None:
    forge = funded(10**15, 10**15)
    forge.grant(epsilon(10**12), analyst=ADA)  # no δ: only pure losses can keep within it
    forge.reserve(charge=Charge(rho_picos=10**11, epsilon_picos=5 * 10**11))
    forge.reserve(charge=Charge(rho_picos=10**11, epsilon_picos=5 * 10**11))
    assert verified(forge.parts()).spent[Scope(analyst=ADA)] == Loss(2 * 10**11, 10**12, 0)
    forge.reserve(charge=Charge(rho_picos=1, epsilon_picos=1))
    assert defect(forge) == (6, "limit")


def test_basic_populations_add_up_epsilon_and_delta() -> None:
    forge = Forge(accounting=ACCOUNTING_BASIC)
    forge.grant(epsilon(100, 5))
    forge.grant(epsilon(50, 5), analyst=ADA)
    forge.reserve(charge=Charge(epsilon_picos=30, delta_attos=5))
    forge.reserve(charge=Charge(epsilon_picos=20))
    assert verified(forge.parts()).accounting == "ACCOUNTING_BASIC"
    forge.reserve(charge=Charge(epsilon_picos=1))
    assert defect(forge) == (5, "limit")
    forge = Forge(accounting=ACCOUNTING_BASIC)
    forge.grant(rho(100))
    assert defect(forge) == (1, "grant")


# What cannot be judged.


def unreadable(data: bytes) -> ExportUnreadable:
    with pytest.raises(ExportUnreadable) as caught:
        verify(JsonLinesExport(io.BytesIO(data), "palmer.jsonl"), None)
    return caught.value


def test_a_file_that_is_cut_short_says_so() -> None:
    whole = lines(eventful().parts())
    for kept in (1, 5, len(whole) - 1):
        assert unreadable(b"".join(whole[:kept])).reason == "EXPORT_CUT_SHORT"
        assert unreadable(b"".join(whole[:kept]) + whole[kept][: len(whole[kept]) // 2]).reason == "EXPORT_CUT_SHORT"


def test_another_version_or_kind_says_so() -> None:
    parts = eventful().parts()
    parts[0].header.format_version = 2
    assert unreadable(b"".join(lines(parts))).reason == "EXPORT_VERSION_UNKNOWN"
    whole = lines(eventful().parts())
    whole.insert(3, b'{"footnote":{}}\n')
    assert unreadable(b"".join(whole)).reason == "EXPORT_KIND_UNKNOWN"


@pytest.mark.parametrize(
    "payload",
    [
        '{"refunded":{"query":"queries/1"},"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}',
        '{"frozen":{"frozen":true,"mercy":true,"scope":{"population":"populations/palmer"}},"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}',
    ],
)
def test_an_event_of_a_later_version_is_not_guessed_at(payload: str) -> None:
    forge = funded()
    forge.append_texts([payload])
    error = unreadable(b"".join(lines(forge.parts())))
    assert (error.reason, "position 3" in str(error)) == ("EXPORT_KIND_UNKNOWN", True)


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 100, b"[]\n", b'{"entry":{}}\n', b"PAR1", b'{"header":{}}\n', b"{" * 9999]
)
def test_what_is_no_export_says_so(data: bytes) -> None:
    assert unreadable(data).reason in ("EXPORT_INVALID", "EXPORT_VERSION_UNKNOWN")


@pytest.mark.parametrize(
    "payload",
    [
        "[]",
        "{}",
        '{"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}',
        '{"frozen":{"scope":{"population":"populations/palmer"}},"salt":"AAAA"}',
        '{"frozen": {"scope":{"population":"populations/palmer"}},"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}',
        '{"frozen":{"scope":{"population":"populations/palmer"},"scope":{"population":"populations/palmer"}},'
        '"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}',
        '{"frozen":{"scope":{"population":"populations/birds"}},"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}',
        '{"charged":{"query":"queries/"},"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}',
        '{"granted":{"grant":{"limit":{"rho":{"rho_picos":"1e3"}},"scope":{"population":"populations/palmer"}}},'
        '"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}',
    ],
)
def test_an_event_that_is_not_in_its_one_form_is_a_defect(payload: str) -> None:
    forge = funded()
    forge.append_texts([payload])
    assert defect(forge) == (3, "form")


# Hidden events.


def test_a_redacted_export_verifies_what_is_left_and_says_what_is_not() -> None:
    forge = eventful()
    parts = forge.parts()
    for part in parts[1:-1]:
        for record in part.entry.records:
            if (
                not any(f'"{kind}"' in record.payload for kind in ("genesis", "key_rotated"))
                and ADA not in record.payload
            ):
                record.payload = ""
    verdict = verified(parts)
    assert 0 < verdict.hidden_events < verdict.events
    assert verdict.spent[Scope(analyst=ADA)].rho == 42
    parts[5].entry.entry_hash = b"x" * 32
    with pytest.raises(Defect) as caught:
        verified(parts)
    assert (caught.value.sequence, caught.value.rule) == (4, "hash")
    parts = forge.parts()
    parts[1].entry.records[0].payload = ""
    with pytest.raises(Defect, match="hidden"):
        verified(parts)


def test_a_chain_of_the_release_before_verifies() -> None:
    """It names neither its accounting nor the projects that pay, and repeats no price where a release is shared."""
    forge = Forge(accounting=ACCOUNTING_UNSPECIFIED)
    forge.grant(rho(1000))
    forge.grant(rho(100), analyst=ADA)
    forge.grant(rho(100), project="projects/ice")
    scopes = [forge.scope(), forge.scope(analyst=ADA), forge.scope(project="projects/ice")]
    query = forge.answer(10, scopes=scopes)
    forge.share(query, charge=None)
    assert verified(forge.parts()).spent[Scope(project="projects/ice")].rho == 10
    forge.reserve(91, scopes=scopes)
    assert defect(forge) == (len(forge.entries) - 1, "limit")
