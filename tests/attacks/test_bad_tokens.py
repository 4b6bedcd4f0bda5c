"""Bad tokens: missing, foreign, expired, without an algorithm, or of somebody else. Each a typed refusal, and free.

Who has no token learns nothing: neither which methods take which messages, nor what exists.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sfumato.v1 import query_service_pb2
from sfumato_embedded.identities import AUDIENCE, ISSUER
from sfumato_embedded.mesh import local_issuer
from sfumato_mesh.keys import key_id, load_or_create_signing_key
from tests.attacks.wire import COUNT, Attacker, methods, question, raw, rho
from tests.mesh_scene import MeshScene

SCAN = 'source { scan { dataset: "datasets/tokens" } }'


@pytest.fixture(scope="module")
def attacker(scene: MeshScene) -> Attacker:
    scene.publish("tokens", [{"x": 1}] * 9, {"x": {"type": "integer", "bounds": [0, 3]}})
    return Attacker(scene)


def b64(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def tokens(scene: MeshScene) -> dict[str, tuple[str, str]]:
    """Bad tokens, each with the reason (and rule) that must come."""
    now = datetime.now(UTC)
    issuer = local_issuer(scene.folder)
    key = load_or_create_signing_key(scene.folder.keys / "issuer.pem")
    kid = key_id(key.public_key())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "analyst", "exp": int((now + timedelta(hours=1)).timestamp())}
    public = key.public_key().public_bytes_raw()

    def signed(
        changed: dict[str, Any], headers: dict[str, Any] | None = None, by: Any = key, algorithm: str = "EdDSA"
    ) -> str:
        kept = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        return jwt.encode(kept, by, algorithm=algorithm, headers={"kid": kid, **(headers or {})})

    good = signed({})
    head, body, signature = good.split(".")
    return {
        "alg none": (f"{b64({'alg': 'none', 'typ': 'JWT'})}.{b64(claims)}.", "TOKEN_INVALID algorithm"),
        "alg None": (f"{b64({'alg': 'None', 'kid': kid})}.{body}.{signature}", "TOKEN_INVALID algorithm"),
        "the public key as a secret": (signed({}, by=public, algorithm="HS256"), "TOKEN_INVALID algorithm"),
        "another key": (signed({}, by=Ed25519PrivateKey.generate()), "TOKEN_INVALID signature"),
        "another kid": (signed({}, {"kid": "0" * 16}), "TOKEN_INVALID signature"),
        "a kid that is a path": (signed({}, {"kid": "../../etc/passwd"}), "TOKEN_INVALID signature"),
        "no kid": (f"{b64({'alg': 'EdDSA'})}.{body}.{signature}", "TOKEN_INVALID signature"),
        "a changed body": (f"{head}.{b64({**claims, 'sub': 'admin'})}.{signature}", "TOKEN_INVALID signature"),
        "a cut signature": (f"{head}.{body}.{signature[:-4]}", "TOKEN_INVALID"),
        "another issuer": (signed({"iss": "https://elsewhere"}), "TOKEN_INVALID issuer"),
        "another audience": (signed({"aud": "elsewhere"}), "TOKEN_INVALID audience"),
        "no audience": (signed({"aud": None}), "TOKEN_INVALID audience"),
        "no subject": (signed({"sub": None}), "TOKEN_INVALID malformed"),
        "no end": (signed({"exp": None}), "TOKEN_INVALID malformed"),
        "an end that is NaN": (signed({"exp": float("nan")}), "TOKEN_INVALID malformed"),
        "an end beyond all": (signed({"exp": 1e300}), "TOKEN_INVALID malformed"),
        "expired": (issuer.issue("analyst", timedelta(hours=1), now=now - timedelta(hours=2)), "TOKEN_EXPIRED"),
        "not yet": (signed({"nbf": int((now + timedelta(hours=1)).timestamp())}), "TOKEN_INVALID not_yet_valid"),
        "a stranger": (signed({"sub": "nobody-here"}), "USER_UNKNOWN"),
        "nonsense": ("x", "TOKEN_INVALID malformed"),
        "dots": ("...", "TOKEN_INVALID"),
        "too large": ("a" * 8_200, "TOKEN_INVALID too_large"),
        "nothing": ("", "TOKEN_"),
    }


def test_tokens(attacker: Attacker, scene: MeshScene) -> None:
    before = attacker.spent("tokens")
    asked = query_service_pb2.QuoteQueryRequest(
        question=question(f"{SCAN} {COUNT}"), payment=rho(10**6)
    ).SerializeToString()
    method = "/sfumato.v1.QueryService/QuoteQuery"
    for name, (token, wanted) in tokens(scene).items():
        outcome = raw(attacker.channel, method, asked, (("authorization", f"Bearer {token}"),))
        assert outcome.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), (
            name,
            outcome.said,
        )
        assert f"{outcome.reason} {outcome.rule}".startswith(wanted), (name, outcome.said)
        assert outcome.refusal is not None
        assert outcome.refusal.metadata.get("hint"), name
    good = attacker.metadata[0][1]
    others = {
        "no metadata": ((), "TOKEN_MISSING"),
        "another scheme": ((("authorization", "Basic YTpi"),), "TOKEN_MISSING"),
        "two tokens": ((("authorization", good), ("authorization", good)), "TOKEN_INVALID"),
        "a principal of the mesh": ((("sfumato-principal-bin", b"\x0a\x00"),), "TOKEN_MISSING"),
    }
    for name, (metadata, reason) in others.items():
        outcome = raw(attacker.channel, method, asked, metadata)
        assert outcome.code is grpc.StatusCode.UNAUTHENTICATED, name
        assert outcome.reason == reason, name
    assert attacker.spent("tokens") == before


def test_a_token_is_asked_for_before_a_body_is_looked_at(attacker: Attacker) -> None:
    """Who has no token learns nothing of what is valid."""
    said = set()
    for body in (b"", b"\xff" * 50, query_service_pb2.GetQueryRequest(name="queries/x").SerializeToString()):
        for method in methods(attacker.channel):
            if not method.endswith("/GetMesh"):
                said.add(raw(attacker.channel, method, body).said)
    assert len(said) == 1
    assert "TOKEN_MISSING" in said.pop()
