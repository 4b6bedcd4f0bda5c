"""Canonical JSON, digests, callers."""

import hashlib

import pytest

from sfumato.v1.query_service_pb2 import RunQueryRequest
from sfumato_mesh.caller import Caller, calling_as, current_caller
from sfumato_mesh.digests import JsonValue, canonical_json, message_json, request_digest, sha256


def test_canonical_json_is_that_of_rfc_8785() -> None:
    # the example of RFC 8785, section 3.2.2
    value: JsonValue = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_json(value) == expected.encode()


@pytest.mark.parametrize("value", [2**53, -(2**53), float("nan"), float("inf")])
def test_numbers_without_one_text_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no canonical JSON"):
        canonical_json({"value": value})


def test_messages_are_written_with_proto_names_and_64_bit_integers_as_text() -> None:
    request = RunQueryRequest(request_id="7", confidence=0.95, labels={"b": "2", "a": "1"})
    request.payment.rho.rho_picos = 2**60
    text = message_json(request)
    assert text.startswith('{"confidence":0.95,"labels":{"a":"1","b":"2"},')
    assert '"request_id":"7"' in text
    assert f'"{2**60}"' in text


def test_request_digests_do_not_depend_on_the_order_of_maps() -> None:
    one = RunQueryRequest(labels=dict.fromkeys("abcdefgh", "x"))
    other = RunQueryRequest(labels=dict.fromkeys("hgfedcba", "x"))
    assert request_digest(one) == request_digest(other)
    assert request_digest(one) != request_digest(RunQueryRequest(labels={"a": "x"}))
    assert len(request_digest(one)) == 32
    assert sha256(b"abc") == hashlib.sha256(b"abc").digest()


def test_a_caller_is_bound_inside_the_block_only() -> None:
    ada = Caller("gateway", "users/ada", roles=((1, ""), (2, "datasets/penguins")))
    with pytest.raises(LookupError):
        current_caller()
    with calling_as(ada):
        assert current_caller() is ada
    with pytest.raises(LookupError):
        current_caller()
    assert ada.has_role(1, "datasets/anything")
    assert ada.has_role(2, "populations/palmer", "datasets/penguins")
    assert not ada.has_role(2, "datasets/flights")
    assert not ada.has_role(3)
