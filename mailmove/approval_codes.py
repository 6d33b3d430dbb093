"""Approval codes: the signature of one approver, for one question, over one preview.

A name in a form is what somebody typed. A code is an Ed25519 signature (RFC 8032) made with a key that only the
approver has. The server and the workers hold the public key only, so nobody who reads their data can sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ConfigDict

from mailmove.pem import pem

_PURPOSE = "mailmove approval 1"


class Yes(BaseModel):
    """What an approval code signs; each field stands on its own line, so that no two approvals have the same text.

    question: id of one question at a gate; when the gate asks again, it has another. digest: of the preview shown.
    """

    model_config = ConfigDict(frozen=True)

    customer: str
    gate: str
    question: str
    digest: str
    approver: str

    def words(self) -> bytes:
        """The bytes that are signed. ValueError: a field has a line break."""
        parts = (_PURPOSE, self.customer, self.gate, self.question, self.digest, self.approver)
        if any("\n" in part for part in parts):
            raise ValueError("a line break within what is signed")
        return "\n".join(parts).encode()


def new_key(passphrase: str | None = None) -> tuple[bytes, str]:
    """(private key as PKCS #8 PEM, public key as base64). passphrase: seals the private key."""
    key = Ed25519PrivateKey.generate()
    seal = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, seal), _public(key)


def public_half(private_pem: bytes, passphrase: str | None = None) -> str:
    """The public key, base64, of a private key. ValueError or TypeError: not such a key, or the wrong passphrase."""
    return _public(_key(private_pem, passphrase))


def code_for(yes: Yes, private_pem: bytes, passphrase: str | None = None) -> str:
    """The approval code: 86 characters of URL-safe base64. Errors as `public_half`."""
    signature = _key(private_pem, passphrase).sign(yes.words())
    return base64.urlsafe_b64encode(signature).decode().rstrip("=")


def is_code_of(yes: Yes, public_key: str, code: str) -> bool:
    """Is `code` the signature of exactly this, by the private key of `public_key`? False for text that is no code."""
    try:
        signature = base64.b64decode(code.strip() + "=" * (-len(code.strip()) % 4), altchars=b"-_", validate=True)
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True)).verify(signature, yes.words())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def fingerprint(public_key: str) -> str:
    """A short name of a public key, for the ledger: SHA-256, 16 hex digits."""
    return hashlib.sha256(base64.b64decode(public_key, validate=True)).hexdigest()[:16]


def _public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _key(private_pem: bytes, passphrase: str | None) -> Ed25519PrivateKey:
    key = load_pem_private_key(pem(private_pem.decode()).encode(), passphrase.encode() if passphrase else None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("not an Ed25519 key")
    return key
