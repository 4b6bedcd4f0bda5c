"""Principals between services, and the key files behind them."""

import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfumato.v1.user_pb2 import RoleBinding
from sfumato_mesh.caller import Caller
from sfumato_mesh.expiring_cache import ExpiringCache
from sfumato_mesh.keys import key_id, load_or_create_signing_key, public_key_bytes, public_key_from_hex
from sfumato_mesh.principal import PrincipalSigner, PrincipalVerifier
from sfumato_mesh.refusal import MESH_DOMAIN, Refusal
from sfumato_mesh.v1.principal_pb2 import Principal, SignedPrincipal

GATEWAY, EXECUTOR, STRANGER = (Ed25519PrivateKey.generate() for _ in range(3))
TRUSTED = {"gateway": GATEWAY.public_key(), "executor": EXECUTOR.public_key()}
ADA = Caller("gateway", "users/ada", ((1, ""), (2, "datasets/penguins")), ("projects/birds",))


class Hand:
    """A clock's hand that tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def forged(key: Ed25519PrivateKey = GATEWAY, **fields: object) -> bytes:
    principal = Principal(audience="accountant", service="gateway", user="users/ada")
    principal.expire_time.FromSeconds(1_000_030)
    for name, value in fields.items():
        if name == "end":
            principal.expire_time.FromSeconds(value)  # type: ignore[arg-type]
        elif name == "roles":
            principal.roles.append(RoleBinding(role=3))  # type: ignore[arg-type]
        else:
            setattr(principal, name, value)
    body = principal.SerializeToString()
    signature = key.sign(b"sfumato_mesh.v1.Principal\n" + body)
    return SignedPrincipal(principal=body, key_id=key_id(key.public_key()), signature=signature).SerializeToString()


def rule_of(data: bytes, audience: str = "accountant") -> str:
    with pytest.raises(Refusal) as caught:
        PrincipalVerifier(audience, TRUSTED, time_of_day=Hand()).verify(data)
    assert (caught.value.reason, caught.value.domain) == ("PRINCIPAL_INVALID", MESH_DOMAIN)
    return caught.value.metadata["rule"]


def test_the_gateway_speaks_for_a_user() -> None:
    hand = Hand()
    signed = PrincipalSigner("gateway", GATEWAY, time_of_day=hand).sign(ADA, "accountant", "/sfumato.v1.X/Y")
    assert PrincipalVerifier("accountant", TRUSTED, time_of_day=hand).verify(signed) == ADA


def test_another_service_speaks_for_itself_whoever_called_it() -> None:
    hand = Hand()
    signed = PrincipalSigner("executor", EXECUTOR, time_of_day=hand).sign(ADA, "accountant")
    assert PrincipalVerifier("accountant", TRUSTED, time_of_day=hand).verify(signed) == Caller("executor", "")


def test_a_principal_is_reused_for_a_while_and_ends_within_a_minute() -> None:
    hand = Hand()
    signer = PrincipalSigner("gateway", GATEWAY, time_of_day=hand)
    verifier = PrincipalVerifier("accountant", TRUSTED, time_of_day=hand)
    first = signer.sign(ADA, "accountant")
    hand.now += 29
    assert signer.sign(ADA, "accountant") == first
    assert signer.sign(ADA, "executor") != first
    hand.now += 2
    assert signer.sign(ADA, "accountant") != first
    assert verifier.verify(first) == ADA
    hand.now += 29
    with pytest.raises(Refusal, match="expired"):
        verifier.verify(first)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (forged(STRANGER), "signature"),
        (b"", "signature"),
        (b"\xff\xff", "signature"),
        (b"x" * 70_000, "too_large"),
        (forged(audience="executor"), "audience"),
        (forged(audience=""), "audience"),
        (forged(end=1_000_000), "expired"),
        (forged(end=999_999), "expired"),
        (forged(end=1_000_000 + 3600), "too_long"),
        (forged(EXECUTOR), "service"),
        (forged(EXECUTOR, service="executor"), "user"),
        (forged(EXECUTOR, service="executor", user="", roles=True), "user"),
        (forged(service="executor"), "service"),
    ],
)
def test_bad_principals_are_refused_by_rule(data: bytes, rule: str) -> None:
    assert rule_of(data) == rule


def test_a_changed_byte_is_noticed() -> None:
    signed = SignedPrincipal.FromString(forged())
    body = bytearray(signed.principal)
    body[body.index(b"ada")] = ord("e")
    assert rule_of(
        SignedPrincipal(principal=bytes(body), key_id=signed.key_id, signature=signed.signature).SerializeToString()
    )


def test_a_key_file_is_private_and_made_once(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "gateway.pem"
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(public_key_bytes(load_or_create_signing_key(file).public_key())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["gateway.pem"]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("hello")
    with pytest.raises(ValueError, match="no Ed25519 private key"):
        load_or_create_signing_key(file)
    assert file.read_text() == "hello"


def test_public_keys_travel_as_hex() -> None:
    public = GATEWAY.public_key()
    assert key_id(public_key_from_hex(public_key_bytes(public).hex())) == key_id(public)
    assert len(key_id(public)) == 16
    with pytest.raises(ValueError):
        public_key_from_hex("abc")


def test_the_cache_is_bounded_and_forgets_in_time() -> None:
    cache: ExpiringCache[int, str] = ExpiringCache(2)
    cache.put(1, "one", until=10)
    cache.put(2, "two", until=20)
    assert cache.get(1, now=9.9) == "one"
    cache.put(3, "three", until=20)
    assert cache.get(2, now=9.9) is None, "the least recently used leaves"
    assert cache.get(1, now=10) is None
    assert cache.get(3, now=10) == "three"
