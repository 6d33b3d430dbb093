"""Our verdict on certificates against an independent judge: `openssl verify`, strict, with name, purpose and time."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from certificates import DAY, Made, Maker, _rsa, make
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from real_parts import require

from mailmove.outlook_anywhere.certificate import certificate_steps
from mailmove.outlook_anywhere.steps import Step

HOST = "mail.contoso.com"
M = Maker()
EC = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Case:
    leaf: Made
    sent: list[Made] = field(default_factory=lambda: [M.middle])
    fails: str = ""  # the step that fails; empty: accepted
    host: str = HOST
    later: dt.timedelta = dt.timedelta(0)


def leaf(*names: str, **how: object) -> Made:
    return make(names[0], how.pop("issuer", M.middle), names=names, **how)  # type: ignore[arg-type]


_OTHER = make("Other issuer", M.root, ca=True, path_length=0, key=_rsa(2048, 6))
_TWO = make("Second issuer", M.middle, ca=True, key=_rsa(2048, 7))
_NO_SIGN = make("Not for signing", M.root, ca=True, key=_rsa(2048, 8), sign_usage=False)
_PRIVATE = make("SBS issuer", M.stranger, ca=True, key=_rsa(2048, 9))
_WEAK = make("Weak issuer", M.root, ca=True, key=_rsa(1024, 10))
_FORGED = Made(M.middle.certificate, _rsa(2048, 11))
CASES: dict[str, Callable[[], Case]] = {
    "good": lambda: Case(leaf(HOST)),
    "straight from the root": lambda: Case(leaf(HOST, issuer=M.root), []),
    "several names": lambda: Case(leaf("autodiscover.contoso.com", HOST)),
    "wildcard": lambda: Case(leaf("*.contoso.com")),
    "wildcard of another level": lambda: Case(leaf("*.mail.contoso.com"), fails="name"),
    "wildcard two levels up": lambda: Case(leaf("*.com"), host="mail.contoso.com", fails="name"),
    "other name": lambda: Case(leaf("remote.contoso.com"), fails="name"),
    "upper case": lambda: Case(leaf("Mail.Contoso.COM")),
    "common name only": lambda: Case(make(HOST, M.middle)),
    "common name beside other names": lambda: Case(make(HOST, M.middle, names=("x.contoso.com",)), fails="name"),
    "elliptic curve": lambda: Case(leaf(HOST, key=EC)),
    "expired": lambda: Case(leaf(HOST, after=-DAY), fails="dates"),
    "not valid yet": lambda: Case(leaf(HOST, before=DAY), fails="dates"),
    "expired by then": lambda: Case(leaf(HOST, after=5 * DAY), later=6 * DAY, fails="dates"),
    "valid by then": lambda: Case(leaf(HOST, before=2 * DAY), later=6 * DAY),
    "issuer expired": lambda: Case(leaf(HOST, issuer=M.expired), [M.expired], "chain"),
    "issuer not sent": lambda: Case(leaf(HOST), [], "chain"),
    "another issuer sent": lambda: Case(leaf(HOST), [_OTHER], "chain"),
    "one issuer too many sent": lambda: Case(leaf(HOST), [_OTHER, M.middle, M.expired]),
    "wrong order": lambda: Case(leaf(HOST, issuer=_OTHER), [M.expired, M.root, _OTHER]),
    "path too long": lambda: Case(leaf(HOST, issuer=_TWO), [_TWO, M.middle], "chain"),
    "issuer is no authority": lambda: Case(leaf(HOST, issuer=M.no_ca), [M.no_ca, M.middle], "chain"),
    "issuer may not sign": lambda: Case(leaf(HOST, issuer=_NO_SIGN), [_NO_SIGN], "chain"),
    "self-signed": lambda: Case(leaf(HOST, issuer=None), [], "chain"),
    "private root": lambda: Case(leaf(HOST, issuer=M.stranger), [M.stranger], "chain"),
    "private root and issuer": lambda: Case(leaf(HOST, issuer=_PRIVATE), [_PRIVATE, M.stranger], "chain"),
    "forged signature": lambda: Case(leaf(HOST, issuer=_FORGED), fails="chain"),
    "for clients only": lambda: Case(leaf(HOST, usage="client"), fails="chain"),
    "for anything": lambda: Case(leaf(HOST, usage=None)),
    "1024 bits": lambda: Case(leaf(HOST, key=_rsa(1024)), fails="key"),
    "issuer of 1024 bits": lambda: Case(leaf(HOST, issuer=_WEAK), [_WEAK], "key"),
    "SHA-1": lambda: Case(leaf(HOST, sha1=True), fails="key"),
}


def judged(case: Case, fetch: Callable[[str], bytes] | None = None) -> Step:
    shown = [one.der for one in (case.leaf, *case.sent)]
    now = dt.datetime.now(dt.UTC) + case.later
    return certificate_steps(shown, case.host, [M.root.certificate], now, fetch=fetch)


def by_openssl(case: Case, folder: Path) -> tuple[bool, str]:
    """(accepted, what it says)."""
    for name, chain in (("leaf", [case.leaf]), ("sent", case.sent), ("root", [M.root])):
        (folder / name).write_text("".join(one.pem for one in chain))
    at = int((dt.datetime.now(dt.UTC) + case.later).timestamp())
    command = [require("openssl"), "verify", "-x509_strict", "-purpose", "sslserver", "-auth_level", "2"]
    command += ["-verify_hostname", case.host, "-attime", str(at), "-CAfile", "root", "-no-CApath", "-no-CAstore"]
    command += [*(["-untrusted", "sent"] if case.sent else []), "leaf"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", CASES)
def test_we_agree_with_openssl(name: str, tmp_path: Path) -> None:
    case = CASES[name]()
    accepted, said = by_openssl(case, tmp_path)
    verdict = judged(case)
    assert (verdict.status != "failed") == accepted, (said, verdict)
    failed = [one.name.removeprefix("Certificate ") for one in verdict.failures]
    assert failed == ([case.fails] if case.fails else []), verdict


def test_the_matrix_is_large_enough_and_has_both_kinds() -> None:
    good = [name for name, case in CASES.items() if not case().fails]
    assert len(CASES) >= 30
    assert len(good) >= 10


@pytest.mark.parametrize("form", ["DER", "PEM", "PKCS7"])
def test_a_missing_intermediate_is_found_and_told_apart_from_a_private_root(form: str) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        issuer = {"http://ca.example/middle": M.middle, "http://sbs.example/ca": M.stranger}[url].certificate
        if form == "PKCS7":
            return pkcs7.serialize_certificates([issuer], Encoding.DER)
        return issuer.public_bytes(getattr(Encoding, form))

    missing = judged(Case(leaf(HOST, aia="http://ca.example/middle"), []), fetch).failures
    assert "does not send its issuer's certificate (CN=Lab issuer)" in missing[0].seen
    assert "Install that intermediate" in missing[0].todo
    private = judged(Case(leaf(HOST, issuer=M.stranger, aia="http://sbs.example/ca"), []), fetch).failures
    assert "private one (CN=SBS2008-CA)" in private[0].seen and "obtain_certificate" in private[0].todo
    assert asked == ["http://ca.example/middle", "http://sbs.example/ca"]


def test_nothing_to_be_fetched_is_no_crash() -> None:
    def gone(url: str) -> bytes:
        raise OSError(url)

    for fetch in (gone, lambda url: b"garbage"):
        failed = judged(Case(leaf(HOST, aia="http://ca.example/middle"), []), fetch).failures
        assert "is not sent and is not known" in failed[0].seen


def test_garbage_is_no_certificate() -> None:
    for shown in ([], [b""], [b"\x30\x03\2\1\1"]):
        verdict = certificate_steps(shown, HOST, [], dt.datetime.now(dt.UTC))
        assert verdict.status == "failed" and "cannot be read" in verdict.seen


def test_names_for_autodiscover_are_asked_for() -> None:
    shown = [leaf(HOST).der, M.middle.der]
    covers = ["autodiscover.contoso.com"]
    verdict = certificate_steps(shown, HOST, [M.root.certificate], dt.datetime.now(dt.UTC), covers=covers)
    assert verdict.status == "warning" and not verdict.failures
    assert any("does not cover autodiscover.contoso.com" in one.seen for one in verdict.walk())
