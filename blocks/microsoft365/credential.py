"""How a user name and password travel to Microsoft's migration service."""

from __future__ import annotations

import base64
from typing import cast

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import SecretStr

from blocks.microsoft365.answers import Json
from blocks.microsoft365.credential_code import CredentialForm
from mailmove.errors import Blocked
from mailmove.pem import pem


def secure_string(value: SecretStr, public_key_pem: str) -> str:
    """A SecureString: base64 of RSA PKCS#1 v1.5 over the UTF-8 bytes (ExoHelper EncryptValue.ps1)."""
    try:
        key = load_pem_public_key(pem(public_key_pem).encode())
        # The service accepts nothing newer than this padding. Any key but RSA lacks `encrypt`.
        sealed = cast(rsa.RSAPublicKey, key).encrypt(value.get_secret_value().encode(), padding.PKCS1v15())
    except (ValueError, TypeError, AttributeError):
        raise Blocked(
            "Block",
            wanted="to encrypt the migration account's password",
            seen="a key in `exchange_public_key` that is no RSA public key, or is too short for the password",
            todo="Paste the service's public key as PEM.",
        ) from None
    return base64.b64encode(sealed).decode()


TWO_WAYS = (
    "Either set `exchange_by` of the block to powershell, with pwsh 7 and ExchangeOnlineManagement on every worker "
    "(`mailmove block` edits it): Microsoft's own module sends the password then. Or make the endpoint by hand: "
    "Exchange admin centre, Migration, Endpoints, Add, Outlook Anywhere, with the migration account; then name it in "
    "the plan: `target: {endpoint: NAME}`."
)
"""What a person can do where Mailmove cannot tell how a password travels."""


def ps_credential(user_name: str, password: SecretStr, public_key_pem: str | None) -> Json:
    """The `-Credentials` of New-MigrationEndpoint, in a form that is only a guess: for a block that names a key.

    Unverified: no public source shows how a PSCredential travels over InvokeCommand; this is the SecureString that is
    known, with the user name beside it. Blocked: there is no key.
    """
    if public_key_pem is None:
        raise not_readable("no `exchange_public_key`")
    return {
        "@odata.type": "#Exchange.PSCredential",
        "UserName": user_name,
        "EncryptedPassword": secure_string(password, public_key_pem),
    }


def filled(form: CredentialForm, user_name: str, password: SecretStr, key: rsa.RSAPublicKey) -> Json:
    """The same in the form that Microsoft's module file shows. Blocked: the password is too long for the key."""
    try:
        return form.fill(user_name, password.get_secret_value(), key)
    except ValueError:
        raise not_readable("a password that is too long for Microsoft's key") from None


def not_readable(seen: str) -> Blocked:
    return Blocked(
        "Block", wanted="to send the migration account to Microsoft", seen=seen, todo=TWO_WAYS, code="SerializerUnread"
    )
