"""Ed25519 keys: one private key file a service, and short ids of public keys."""

import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from sfumato_mesh.digests import sha256


def load_or_create_signing_key(path: Path | str) -> Ed25519PrivateKey:
    """Return the Ed25519 key of a PEM (PKCS 8) file, which is made if it is absent.

    The file appears whole, with mode 0600, and is never overwritten: processes that race to make it all get the same
    key.

    Raises:
        ValueError: the file holds something else.
    """
    file = Path(path)
    try:
        return _load(file)
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write_if_absent(file, Ed25519PrivateKey.generate())
        return _load(file)


def public_key_bytes(key: Ed25519PublicKey) -> bytes:
    """Return the 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(public: Ed25519PublicKey) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the 32 bytes: names a key, proves nothing."""
    return sha256(public_key_bytes(public)).hex()[:16]


def public_key_from_hex(text: str) -> Ed25519PublicKey:
    """Return the public key that 64 hexadecimal digits say, as settings hold it.

    Raises:
        ValueError: they are not 32 bytes in hexadecimal.
    """
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))


def _load(file: Path) -> Ed25519PrivateKey:
    data = file.read_bytes()
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{file} holds no Ed25519 private key in unencrypted PEM (PKCS 8)")
    return key


def _write_if_absent(file: Path, key: Ed25519PrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=".key-")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        os.unlink(draft)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
