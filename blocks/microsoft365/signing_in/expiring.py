"""When the application's certificate or client secret ends.

The certificate says so itself. Of a secret only Graph knows (application: passwordCredentials, endDateTime), and only
who may read applications gets to know it; `hint` is the first three letters of the secret, by which ours is known among
several.
Source: learn.microsoft.com graph application-list, passwordcredential.
"""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from pydantic import SecretStr

from blocks.microsoft365.fields import rows, text_or, time_or
from blocks.microsoft365.http import JsonClient
from mailmove.clock import now
from mailmove.errors import MailmoveError
from mailmove.evidence import Finding
from mailmove.expiry import expiry_finding
from mailmove.pem import pem

_ROTATE = "Make a new one for the application, then: `mailmove block rotate` and the block's name."
_READ = "Application.Read.All"


def certificate_findings(certificate: SecretStr) -> list[Finding]:
    """Does the certificate in the block end soon? One that cannot be read is the sign-in's to name."""
    try:
        leaf = x509.load_pem_x509_certificates(pem(certificate.get_secret_value()).encode())[0]
    except (ValueError, IndexError):
        return []
    finding = expiry_finding("The application's certificate", leaf.not_valid_after_utc, _ROTATE, now())
    return [finding] if finding else []


def secret_findings(graph: JsonClient, client_id: str, secret: SecretStr) -> list[Finding]:
    """Does the client secret end soon? Where Graph does not say, that is a finding which needs no action."""
    subject = "The application's client secret"
    try:
        ends = secret_end(graph, client_id, secret)
    except MailmoveError as error:
        return [_not_known(subject, error.seen)]
    if ends is None:
        return [_not_known(subject, "the application shows no secret that begins like ours")]
    finding = expiry_finding(subject, ends, _ROTATE, now())
    return [finding] if finding else []


def secret_end(graph: JsonClient, client_id: str, secret: SecretStr) -> datetime | None:
    """When our secret ends, UTC; the earliest where several begin alike. None: none does, or it has no end."""
    quoted = client_id.replace("'", "''")
    answer = graph.get(
        "applications",
        wanted="when the application's secrets end",
        params={"$filter": f"appId eq '{quoted}'", "$select": "id,passwordCredentials"},
    )
    hint = secret.get_secret_value()[:3]
    ends = [
        time_or(credential, "endDateTime")
        for application in rows(answer, "value")
        for credential in rows(application, "passwordCredentials")
        if text_or(credential, "hint") == hint
    ]
    return min((end for end in ends if end is not None), default=None)


def _not_known(subject: str, seen: str) -> Finding:
    return Finding(
        subject=subject,
        seen=seen,
        means="nothing shows from here when it ends",
        todo=f"Look at the application's page in Entra; with {_READ} it is named here a month ahead.",
        needs_action=False,
    )
