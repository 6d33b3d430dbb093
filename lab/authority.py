"""The lab's own certificate authority (trustme), and server contexts with certificates from it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import trustme


class Authority:
    """A root certificate that only this town trusts."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="Mailmove lab")

    @property
    def pem(self) -> str:
        """The root certificate, PEM."""
        return self._ca.cert_pem.bytes().decode()

    def issue(self, *names: str, expired: bool = False) -> trustme.LeafCert:
        """A certificate and key for host names and IP addresses, the first one as common name.

        expired: it ran out yesterday.
        """
        yesterday = datetime.now(UTC) - timedelta(days=1)
        return self._ca.issue_cert(*names, common_name=names[0], not_after=yesterday if expired else None)

    def server_context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """A TLS server context that shows a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.issue(*names, expired=expired).configure_cert(context)
        return context
