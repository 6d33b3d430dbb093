"""The server's certificate: chain, name, dates, key, and who of Microsoft's clients would stumble over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from mailmove.certificate_names import matches, names_of
from mailmove.outlook_anywhere.chain import Chain, Fetcher, build
from mailmove.outlook_anywhere.steps import Found, Step, found_step, group, step

SOON = timedelta(days=14)
_NEW_ONE = (
    "Get one from a public authority: buy it, or say `source.obtain_certificate` in the plan, and Mailmove gets one by "
    "ACME and puts it on the server."
)
_MISMATCH = "Host name {host} does not match any name found on the server certificate."
_NO_CHAIN = "A certificate chain couldn't be constructed for the certificate."


def certificate_steps(
    shown: Sequence[bytes],
    host: str,
    roots: Iterable[x509.Certificate],
    now: datetime,
    *,
    covers: Sequence[str] = (),
    fetch: Fetcher | None = None,
) -> Step:
    """Judge what a server showed (DER, its own certificate first) as Microsoft would on behalf of `host`.

    covers: more names that it should hold (Autodiscover's); a missing one is a warning.
    fetch:  gets an issuer's certificate from an http address (AIA); None: nothing is fetched.
    """
    try:
        certificates = [x509.load_der_x509_certificate(one) for one in shown]
        leaf = certificates[0]
        leaf.public_key()
    except (ValueError, IndexError, TypeError) as error:
        why = f"it cannot be read: {error or type(error).__name__}"
        return found_step("Certificate", Found("failed", why, _NEW_ONE))
    looks: list[tuple[str, Callable[[], Found]]] = [
        ("Certificate chain", lambda: chain_found(build(certificates, roots, now, fetch))),
        ("Certificate name", lambda: name(leaf, host)),
        ("Certificate dates", lambda: dates(leaf, now)),
        ("Certificate key", lambda: strength(certificates)),
        ("Certificate compatibility", lambda: compatibility(leaf, covers)),
    ]
    return group("Certificate", [step(title, look) for title, look in looks])


def chain_found(chain: Chain) -> Found:
    """Does a trusted root vouch for it? Dates of the server's own certificate are another step's affair."""
    issuer = chain.top.issuer.rfc4514_string()
    if chain.fault:
        return Found("failed", chain.fault, _NEW_ONE, _NO_CHAIN)
    if chain.trusted and not chain.fetched:
        return Found("ok", f"a trusted root vouches for it: {chain.top.subject.rfc4514_string()}")
    if chain.trusted:
        missing = [one.subject.rfc4514_string() for one in chain.certificates[-1 - chain.fetched : -1]]
        why = f"the server does not send its issuer's certificate ({'; '.join(missing)}), which leads to a public root"
        todo = (
            "Install that intermediate on the server: computer certificates, Intermediate Certification Authorities; "
            "then restart IIS. It was found at the address that the certificate names."
        )
        return Found("failed", why, todo, _NO_CHAIN)
    if len(chain.certificates) == 1 and chain.top.issuer == chain.top.subject:
        why = "the certificate is self-signed: the server vouches for itself; Microsoft does not support that"
        return Found("failed", why, _NEW_ONE, _NO_CHAIN)
    if chain.top.issuer == chain.top.subject:
        why = f"no trusted root vouches for it: its root is a private one ({issuer}), which only its own machines trust"
        return Found("failed", why, f"Small Business Server makes such certificates. {_NEW_ONE}", _NO_CHAIN)
    why = f"no trusted root vouches for it: the certificate of its issuer ({issuer}) is not sent and was not found"
    todo = (
        "If a public authority issued it, install its intermediate certificate on the server so that it is sent along. "
        f"If a private one did: {_NEW_ONE[0].lower()}{_NEW_ONE[1:]}"
    )
    return Found("failed", why, todo, _NO_CHAIN)


def name(certificate: x509.Certificate, host: str) -> Found:
    """RFC 6125: the name must stand in subjectAltName; `*` stands for one whole label, the first."""
    held = names_of(certificate)
    common = [str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if any(matches(pattern, host) for pattern in held):
        return Found("ok", f"it is for {host}")
    if not held and any(matches(pattern, host) for pattern in common):
        todo = "Get one that has the name in subjectAltName; newer clients look nowhere else."
        return Found("warning", f"{host} stands only in the subject, as common name", todo)
    shown = ", ".join(held or common) or "no name at all"
    todo = (
        f"Get a certificate with {host} in subjectAltName, or use a name that it has as Outlook Anywhere's external "
        "host name. For Outlook: Set-OutlookProvider EXPR -CertPrincipalName msstd:<X> (KB2710606)."
    )
    return Found("failed", f"it is for {shown}, not for {host}", todo, _MISMATCH.format(host=host))


def dates(certificate: x509.Certificate, now: datetime) -> Found:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > ends:
        return Found("failed", f"it expired on {ends:%Y-%m-%d %H:%M} UTC", "Renew it and bind the new one in IIS.")
    if now < begins:
        todo = "Check the clocks of this machine and of the server."
        return Found("failed", f"it is not valid before {begins:%Y-%m-%d %H:%M} UTC", todo)
    if ends - now < SOON:
        todo = "Renew it before the move: the service goes on copying for days."
        return Found("warning", f"it expires on {ends:%Y-%m-%d %H:%M} UTC", todo)
    return Found("ok", f"it is valid until {ends:%Y-%m-%d}")


def strength(certificates: Sequence[x509.Certificate]) -> Found:
    """Keys and signatures, of the server's own and of what it sends along; a root's signature proves nothing."""
    for one in certificates:
        whose = "" if one is certificates[0] else f" in {one.subject.rfc4514_string()}"
        key, hashed = one.public_key(), one.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
            todo = "Get a certificate with a key of 2048 bits or more."
            return Found("failed", f"RSA key of {key.key_size} bits{whose}", todo)
        if one.issuer != one.subject and hashed is not None and hashed.name in ("md5", "sha1"):
            todo = "Get a certificate signed with SHA-256."
            return Found("failed", f"signed with {hashed.name.upper()}{whose}", todo)
    key, hashed = certificates[0].public_key(), certificates[0].signature_hash_algorithm
    kind = f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__.removesuffix("PublicKey")
    return Found("ok", f"{kind}, signed with {hashed.name.upper() if hashed else 'its own scheme'}")


def compatibility(certificate: x509.Certificate, covers: Sequence[str]) -> Found:
    """What works here and yet not with every version of Windows and every phone."""
    missing = [host for host in covers if not any(matches(pattern, host) for pattern in names_of(certificate))]
    if missing:
        todo = (
            f"Get a multi-name certificate, or publish an SRV record for Autodiscover that leads elsewhere. {_NEW_ONE}"
        )
        return Found("warning", f"it does not cover {', '.join(missing)}", todo)
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        todo = "Get one with an RSA key of 2048 bits."
        return Found("warning", "old versions of Windows do not know this kind of key", todo)
    return Found("ok", "every version of Windows since Server 2008 can use it")
