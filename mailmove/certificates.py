"""Certificates: those in the old server's store, an authority's challenges, and what it issues (RFC 8555)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, PrivateFormat, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from mailmove.certificate_names import matches, names_of

ENOUGH = timedelta(days=21)
"""Shortest validity that a certificate must have left: Microsoft's service goes on copying for days."""


class ServerCertificate(BaseModel):
    """A certificate in the server's store."""

    model_config = ConfigDict(frozen=True)

    thumbprint: str = Field(description="SHA-1 of the certificate, upper-case hexadecimal, as Windows shows it")
    names: tuple[str, ...]
    ends: datetime | None = None
    services: tuple[str, ...] = Field(default=(), description="'IIS', 'SMTP', ...: who uses it")
    self_signed: bool = False


class Challenge(BaseModel):
    """A TXT record by which an authority validates that we control a name (RFC 8555 section 8.4)."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="Absolute, with the last dot: '_acme-challenge.mail.contoso.com.'")
    value: str = Field(description="Text, without quotes")


class Issued(BaseModel):
    """A certificate with its private key; the key is never logged or shown."""

    model_config = ConfigDict(frozen=True)

    chain: str = Field(description="PEM: the certificate, then its issuers")
    key: SecretStr = Field(description="PEM of the private key")

    @property
    def certificates(self) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(self.chain.encode())

    @property
    def thumbprint(self) -> str:
        return self.certificates[0].fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303  # a name, no proof

    def enough_for(self, names: list[str], now: datetime | None = None) -> bool:
        """Does it cover all names, for long enough?"""
        first = self.certificates[0]
        ends = first.not_valid_after_utc - (now or datetime.now(UTC))
        return ends > ENOUGH and covers(names_of(first), names)

    def pfx(self, password: SecretStr) -> bytes:
        """PKCS #12 that Windows Server 2008 reads (3DES and SHA-1), encrypted with `password`."""
        chain = self.certificates
        key = load_pem_private_key(self.key.get_secret_value().encode(), None)
        old = (
            PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(50_000)
            .key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())  # noqa: S303
        )
        secret = password.get_secret_value().encode()
        try:
            guard = old.build(secret)
            return serialize_key_and_certificates(b"mailmove", key, chain[0], chain[1:], guard)  # type: ignore[arg-type]
        except (ValueError, TypeError, UnsupportedAlgorithm):  # a library without 3DES: better a newer file than none
            guard = BestAvailableEncryption(secret)
            return serialize_key_and_certificates(b"mailmove", key, chain[0], chain[1:], guard)  # type: ignore[arg-type]


def covers(patterns: list[str] | tuple[str, ...], wanted: list[str]) -> bool:
    """Do the names of a certificate (`patterns`) match every name wanted?"""
    return all(any(matches(pattern, name) for pattern in patterns) for name in wanted)
