"""The secrets of a trial cluster: keys, passwords, a certificate, and the settings that name their public halves.

    python scripts/cluster_secrets.py k8s/overlays/dev                  make what is missing in k8s/overlays/dev/secrets
    python scripts/cluster_secrets.py k8s/overlays/dev --token admin    print a token of the subject, good for 30 days

What is there is kept: a ledger's key cannot be made again. `issuer.pem` signs tokens and never goes to the cluster.
"""

import argparse
import datetime as dt
import ipaddress
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sfumato_mesh.keys import key_id, load_or_create_signing_key, public_key_bytes
from sfumato_mesh.tokens import LocalIssuer

ISSUER: Final = "https://sfumato.invalid/cluster"
AUDIENCE: Final = "sfumato"
ADMINISTRATOR: Final = "admin"
_TOKEN_LIFETIME: Final = dt.timedelta(days=30)
_CERTIFICATE_LIFETIME: Final = dt.timedelta(days=365)
_GATEWAYS: Final = ("gateway", "gateway.sfumato-dev", "gateway.sfumato-dev.svc.cluster.local", "localhost")


def main(arguments: Sequence[str]) -> int:
    """Run the program and return the exit status."""
    parser = argparse.ArgumentParser(prog="cluster_secrets", description=__doc__.partition("\n")[0])
    parser.add_argument("overlay", type=Path)
    parser.add_argument("--token", metavar="SUBJECT", help=f"print a token; the first administrator is {ADMINISTRATOR}")
    chosen = parser.parse_args(arguments)
    folder = chosen.overlay / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    make_secrets(folder)
    if chosen.token:
        issuer = LocalIssuer(ISSUER, AUDIENCE, load_or_create_signing_key(folder / "issuer.pem"))
        print(issuer.issue(chosen.token, _TOKEN_LIFETIME))
    return 0


def make_secrets(folder: Path) -> None:
    """Make what is missing."""
    publics = {
        name: load_or_create_signing_key(folder / f"{name}.pem").public_key()
        for name in ("gateway", "executor", "ledger", "issuer")
    }
    password = {name: _password(folder / f"{name}.password") for name in ("mongodb", "s3", "rabbitmq")}
    _write(folder / "store.url", f"mongodb://sfumato:{password['mongodb']}@mongodb:27017/sfumato?authSource=admin")
    _write(folder / "queue.url", f"amqp://sfumato:{password['rabbitmq']}@rabbitmq:5672/")
    bucket = f'endpoint = "s3:9000"\naccess_key = "sfumato"\nsecret_key = "{password["s3"]}"\nsecure = false\n'
    _write(folder / "releases.toml", bucket)
    if not (folder / "tls.crt").exists():
        _make_certificate(folder)
    _write(
        folder / "mesh.toml",
        f"""issuer = "{ISSUER}"
audience = "{AUDIENCE}"
administrator_issuer = "{ISSUER}"
administrator_subject = "{ADMINISTRATOR}"
queue_prefix = "sfumato"
releases = "s3://releases/mesh"

[principal_keys]
gateway = "{public_key_bytes(publics["gateway"]).hex()}"
executor = "{public_key_bytes(publics["executor"]).hex()}"

[token_keys]
"{key_id(publics["issuer"])}" = "{public_key_bytes(publics["issuer"]).hex()}"
""",
    )


def _password(file: Path) -> str:
    if not file.exists():
        _write(file, secrets.token_hex(24))
    return file.read_text()


def _make_certificate(folder: Path) -> None:
    """A certificate that signs itself: whoever trusts it trusts this gateway alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    names: list[x509.GeneralName] = [x509.DNSName(each) for each in _GATEWAYS]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + _CERTIFICATE_LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = certificate.public_bytes(Encoding.PEM).decode()
    _write(folder / "tls.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    _write(folder / "ca.crt", text)
    _write(folder / "tls.crt", text)


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
