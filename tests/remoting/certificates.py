"""Certificates of every kind, good and bad, made in the test's own memory."""

from __future__ import annotations

import datetime as dt
import ssl
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

DAY = dt.timedelta(days=1)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_RAW = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@cache
def _rsa(bits: int, number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@dataclass(frozen=True)
class Made:
    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def make(
    subject: str,
    issuer: Made | None,
    *,
    names: tuple[str, ...] = (),
    ca: bool = False,
    path_length: int | None = None,
    key: Key | None = None,
    before: dt.timedelta = -DAY,
    after: dt.timedelta = 90 * DAY,
    usage: str | None = "server",
    sha1: bool = False,
    aia: str | None = None,
    sign_usage: bool = True,
) -> Made:
    """One certificate, as openssl's -x509_strict wants it, but for what is asked to be wrong."""
    own = key or _rsa(2048)
    me = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    now = dt.datetime.now(dt.UTC)
    built = x509.CertificateBuilder(
        issuer.certificate.subject if issuer else me, me, own.public_key(), x509.random_serial_number()
    )
    ends = now + after
    built = built.not_valid_before(min(now + before, ends - DAY)).not_valid_after(ends)
    built = built.add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
    built = built.add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
    signer = issuer.key if issuer else own
    built = built.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    if ca:
        flags = {"key_cert_sign": sign_usage, "crl_sign": True, "digital_signature": True}
        rest = ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
        off = dict.fromkeys([*rest, "encipher_only", "decipher_only"], False)
        built = built.add_extension(x509.KeyUsage(**flags, **off), critical=True)
    elif usage:
        kinds = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
        built = built.add_extension(x509.ExtendedKeyUsage([kinds[usage]]), critical=False)
    if names:
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
    if aia:
        access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(aia))
        built = built.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    made = Made(built.sign(signer, hashes.SHA256()), own)
    return _with_sha1(made, issuer or made) if sha1 else made


def _with_sha1(made: Made, issuer: Made) -> Made:
    """The same, signed with SHA-1, which Python's own library no longer builds: other algorithm, other signature."""
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    assert isinstance(issuer.key, rsa.RSAPrivateKey)
    body = made.certificate.tbs_certificate_bytes
    signature = issuer.key.sign(body.replace(sha256, sha1), padding.PKCS1v15(), hashes.SHA1())
    whole = made.der.replace(sha256, sha1)
    return Made(x509.load_der_x509_certificate(whole[: -len(signature)] + signature), made.key)


class Maker:
    """A root that counts as public, an intermediate, and server contexts that show what they are told to."""

    def __init__(self) -> None:
        self.root = make("Lab public root", None, ca=True, key=_rsa(2048, 1), after=3650 * DAY)
        self.middle = make("Lab issuer", self.root, ca=True, path_length=0, key=_rsa(2048, 2))
        self.expired = make("Lab old issuer", self.root, ca=True, key=_rsa(2048, 3), after=-DAY)
        self.stranger = make("SBS2008-CA", None, ca=True, key=_rsa(2048, 4))
        self.no_ca = make("www.example.com", self.middle, names=("www.example.com",), key=_rsa(2048, 5))

    @property
    def root_pem(self) -> str:
        return self.root.pem

    def issuer_named(self, name: str) -> Made:
        return {"middle": self.middle, "expired": self.expired, "leaf": self.no_ca}[name]

    def context(
        self,
        host: str,
        *,
        issuer: str = "middle",
        send: bool = True,
        bits: int = 2048,
        before: dt.timedelta = -DAY,
        after: dt.timedelta = 90 * DAY,
        usage: str = "server",
        sha1: bool = False,
    ) -> ssl.SSLContext:
        above = self.issuer_named(issuer)
        leaf = make(host, above, names=(host,), key=_rsa(bits), before=before, after=after, usage=usage, sha1=sha1)
        sent = [above, self.middle] if issuer == "leaf" else [above]
        return server_context(leaf, *(sent if send else ()))

    def self_signed(self, host: str) -> ssl.SSLContext:
        return server_context(make(host, None, names=(host,)))

    def private(self, host: str) -> ssl.SSLContext:
        return server_context(make(host, self.stranger, names=(host,)), self.stranger)


def server_context(leaf: Made, *others: Made) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "own.pem"
        place.write_bytes("".join(one.pem for one in (leaf, *others)).encode() + leaf.key.private_bytes(*_RAW))
        context.load_cert_chain(place)
    return context
