"""Is a DKIM key record a key? (RFC 6376 section 3.6.1, RFC 8301 and RFC 8463)"""

from __future__ import annotations

import base64
import binascii

_SMALLEST = 1024
"""Bits of the smallest RSA key whose signatures receivers may take (RFC 8301 section 3.2)."""
_ED25519 = 32  # bytes of a key


def is_key_record(text: str) -> bool:
    """Does this TXT look as if it were meant as a key: is there a tag `p`?"""
    return any(part.partition("=")[0].strip() == "p" and "=" in part for part in text.split(";"))


def why_no_key(text: str) -> str | None:
    """Why no receiver can verify a signature by this record; None: it is a key."""
    tags: dict[str, str] = {}
    for index, part in enumerate(text.strip().rstrip(";").split(";")):
        name, sign, value = (word.strip() for word in part.partition("="))
        if not sign or not name:
            return f"unreadable: {part.strip()!r} is not tag=value"
        if name in tags:
            return f"unreadable: {name} stands there twice"
        if name == "v" and (index or value != "DKIM1"):
            return f"unreadable: v={value} is not v=DKIM1 in the first place"
        tags[name] = "".join(value.split())
    key, kind = tags.get("p"), tags.get("k", "rsa")
    if key is None:
        return "unreadable: no p"
    if not key:
        return "revoked: p is empty"
    if "h" in tags and "sha256" not in tags["h"].split(":"):
        return f"its hashes ({tags['h']}) are without sha256, the only one that counts"
    if "s" in tags and not {"*", "email"} & set(tags["s"].split(":")):
        return f"it is for another service ({tags['s']}) than mail"
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return "unreadable: p is not base64"
    return _why_no_key(kind, raw)


def is_for_testing(text: str) -> bool:
    """Does the record say that signatures are being tested (t=y), so that they may count for nothing?"""
    flags = [value for part in text.split(";") for name, _, value in [part.partition("=")] if name.strip() == "t"]
    return any("y" in "".join(value.split()).split(":") for value in flags)


def _why_no_key(kind: str, raw: bytes) -> str | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if kind == "ed25519":
        return None if len(raw) == _ED25519 else f"unreadable: an Ed25519 key has {_ED25519} bytes, this has {len(raw)}"
    if kind != "rsa":
        return f"a key of a kind that receivers do not know ({kind})"
    try:
        key = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        return "unreadable: p is not an RSA key"
    if not isinstance(key, RSAPublicKey):
        return "unreadable: p is not an RSA key"
    return None if key.key_size >= _SMALLEST else f"too short: {key.key_size} bits, and {_SMALLEST} are the least"
