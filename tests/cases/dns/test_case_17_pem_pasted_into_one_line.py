"""PEM in one line, for every field that takes PEM. Source: prefect 6949 (a form without line ends)."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import asyncssh
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import SecretStr

from blocks.microsoft365.credential import secure_string
from blocks.microsoft365.signing_in.sign_in import certificate_credential
from blocks.tls_roots import tls_context
from mailmove.approval_codes import new_key, public_half
from mailmove.errors import Blocked
from mailmove.outlook_anywhere.chain import given_roots, public_roots
from mailmove.pem import pem, section

PASTED: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "blanks for line ends": lambda text: text.replace("\n", " "),
    "line ends gone": lambda text: text.replace("\n", ""),
    "every blank gone": lambda text: "".join(text.split()),
    "\\n as two letters": lambda text: text.replace("\n", "\\n"),
    "\\r\\n as four letters": lambda text: text.replace("\n", "\\r\\n"),
    "\\n escaped twice": lambda text: text.replace("\n", "\\\\n"),
    "Windows line ends": lambda text: text.replace("\n", "\r\n"),
    "old Mac line ends": lambda text: text.replace("\n", "\r"),
    "in quotes, out of JSON": lambda text: '"' + text.replace("\n", "\\n") + '"',
    "indented": lambda text: "\n".join(f"    {line}" for line in text.splitlines()),
    "tabs": lambda text: text.replace("\n", "\t"),
    "no-break spaces": lambda text: text.replace("\n", "\u00a0"),
    "with words around": lambda text: f"Subject: CN=ca\n{text}\nKind regards",
    "byte order mark": lambda text: "\ufeff" + text,
    "dashes made nice": lambda text: text.replace("-----", "\u2014\u2014-").replace("\n", " "),
}
AUTHORITY = trustme.CA()
LEAF = AUTHORITY.issue_cert("mail.kunde.example")
CA = AUTHORITY.cert_pem.bytes().decode()
BOTH = LEAF.cert_chain_pems[0].bytes().decode() + LEAF.private_key_pem.bytes().decode()
OTHER = trustme.CA().cert_pem.bytes().decode()


@pytest.mark.parametrize("how", sorted(PASTED))
def test_every_field_of_pem_is_read(how: str) -> None:
    pasted = PASTED[how]
    assert [root["serialNumber"] for root in tls_context(pasted(CA)).get_ca_certs() if "trustme" in str(root)]
    assert len(given_roots(pasted(CA + OTHER))) == 2, "both roots"
    known = certificate_credential(SecretStr(BOTH))["public_certificate"]
    assert certificate_credential(SecretStr(pasted(BOTH)))["public_certificate"] == known
    public = rsa.generate_private_key(65537, 2048).public_key()
    spki = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert secure_string(SecretStr("secret"), pasted(spki))
    key, half = new_key()
    assert public_half(pasted(key.decode()).encode()) == half
    ssh = asyncssh.generate_private_key("ssh-ed25519")
    for form in ("openssh", "pkcs8-pem"):
        text = ssh.export_private_key(form).decode()
        assert asyncssh.import_private_key(pem(pasted(text))) == ssh


def test_sealed_and_other_keys_are_left_as_good_as_they_were() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"word"))
    assert b"Proc-Type" in sealed
    load_pem_private_key(pem(sealed.decode()).encode(), b"word")
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    assert section(plain.replace("\n", " "), "PRIVATE KEY") == plain


@pytest.mark.parametrize("text", ["", "kunde", "-----BEGIN CERTIFICATE-----", CA[:200], CA.replace("M", "!", 3)])
def test_what_is_no_pem_is_said_to_be_none(text: str) -> None:
    if text:
        with pytest.raises(Blocked, match="extra_ca"):
            tls_context(text)
    with pytest.raises(Blocked, match="certificate"):
        certificate_credential(SecretStr(text))


def test_public_roots_are_loaded_without_a_warning() -> None:
    public_roots.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(public_roots()) > 100
