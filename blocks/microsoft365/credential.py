"""How a user name and password travel to Microsoft's migration service."""

from __future__ import annotations

import base64
from typing import cast

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import SecretStr

from blocks.microsoft365.answers import Json
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


def ps_credential(user_name: str, password: SecretStr, public_key_pem: str | None) -> Json:
    """The `-Credentials` of New-MigrationEndpoint.

    Unverified: no public source shows how a PSCredential travels over InvokeCommand; this is the SecureString that is
    known, with the user name beside it. When it proves wrong, change this function only. Blocked: there is no key.
    """
    if public_key_pem is None:
        raise Blocked(
            "Block",
            wanted="to send the migration account to Microsoft",
            seen="no `exchange_public_key`",
            todo="Paste the service's key, or make the endpoint in the Exchange admin centre and name it in "
            "`target.endpoint` of the plan.",
        )
    return {
        "@odata.type": "#Exchange.PSCredential",
        "UserName": user_name,
        "EncryptedPassword": secure_string(password, public_key_pem),
    }
