"""TCP and TLS to the server: what its handshake shows, and whether Microsoft's service could accept it."""

from __future__ import annotations

import functools
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

import certifi

from mailmove.outlook_anywhere.steps import Deadline, StepResult
from mailmove.pem import pem
from mailmove.wire.acts import act, connected, timed

MOST_OF_A_HANDSHAKE = 1_000_000
"""Bytes that a server may send before it is known who it is."""
_CERTIFICATE_REQUEST = 13  # handshake message, RFC 5246 7.4 and RFC 8446 4


@dataclass(frozen=True)
class Dial:
    """Address, name and trusted roots of a server to connect to."""

    host: str
    address: str
    port: int
    extra_ca: str | None
    deadline: Deadline

    def tcp(self) -> socket.socket:
        return connected((self.address, self.port), self.deadline.left())

    def unverified(self) -> ssl.SSLSocket:
        """A connection whose certificate is not checked: no password may be sent on it.

        It takes every version of TLS that this machine has, to distinguish an old server from one that is down.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _allow_old(context)
        return self.wrap(context)

    def trusted(self, *, check_name: bool = True, old: bool = False) -> ssl.SSLSocket:
        """A connection to a server that has proved its name. ssl.SSLCertVerificationError: it has not."""
        return self.wrap(_trusting(self.extra_ca, check_name, old))

    def wrap(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        plain = self.tcp()
        try:
            plain.settimeout(self.deadline.left())
            with act(self.deadline.left(), MOST_OF_A_HANDSHAKE):
                return timed(context).wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


@functools.lru_cache(maxsize=16)  # reading the roots takes 30 ms
def _trusting(extra_ca: str | None, check_name: bool, old: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())  # public roots, not this machine's own
    if extra_ca:
        context.load_verify_locations(cadata=pem(extra_ca))
    context.check_hostname = check_name
    if old:
        _allow_old(context)
    return context


def _allow_old(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")


def tcp(dial: Dial) -> StepResult:
    try:
        dial.tcp().close()
    except ConnectionRefusedError:
        todo = "Nothing listens there, or a firewall refuses. Forward this port to the Exchange server and start IIS."
        return StepResult("failed", f"{dial.address} refused the connection to port {dial.port}", todo)
    except TimeoutError:
        todo = "A firewall drops the packets. Let the port in from the internet and forward it to the Exchange server."
        return StepResult("failed", f"{dial.address} did not answer on port {dial.port}", todo)
    return StepResult("ok", f"{dial.address} takes connections on port {dial.port}")


@dataclass
class Shown:
    """Result of a handshake: TLS version, certificates in DER (the server's own first), client certificate asked."""

    version: str = ""
    chain: list[bytes] = field(default_factory=list)
    asks_client: bool = False


def handshake(dial: Dial) -> tuple[StepResult, Shown]:
    """(result, what the handshake showed; an empty chain: it failed)."""
    shown = Shown()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _allow_old(context)

    def message(_: Any, direction: str, __: Any, ___: Any, kind: Any, ____: Any) -> None:
        if direction == "read" and kind == _CERTIFICATE_REQUEST:
            shown.asks_client = True

    # Python's own name for debugging; there is no public way to see that a server asks for a certificate.
    setattr(context, "_msg_callback", message)  # noqa: B010
    try:
        with dial.wrap(context) as connection:
            shown.version = connection.version() or "an unknown version"
            shown.chain = _chain(connection)
    except TimeoutError:
        todo = "Something takes connections there but is silent. Restart IIS; look at what the firewall forwards to."
        return StepResult("failed", "connected, then silence: no TLS handshake in time", todo), shown
    except (ssl.SSLEOFError, ConnectionError):
        todo = (
            "Bind a certificate to port 443 of the Default Web Site in IIS, and look for a firewall that inspects TLS."
        )
        return StepResult("failed", "the server closed the connection during the TLS handshake", todo), shown
    except ssl.SSLError as error:
        return _no_handshake(error, shown), shown
    if shown.version in ("TLSv1.2", "TLSv1.3"):
        return StepResult("ok", f"the server speaks {shown.version}"), shown
    why = f"the server speaks nothing newer than {shown.version}; Microsoft 365 requires TLS 1.2 since 2018-10-31"
    return StepResult("warning", f"{why}, and its migration service may refuse this server", OLD_TLS), shown


OLD_TLS = (
    "Small Business Server 2008 and Windows Server 2008 do not offer TLS 1.2 as they come. Ways out: install SP2 with "
    "KB4019276 and turn on TLS 1.2 in the SChannel registry keys, then restart (2008 R2: the registry keys alone); or "
    "put a reverse proxy that speaks TLS 1.2 in front of /rpc and /autodiscover; or try it as it is: "
    "Test-MigrationServerAvailability says whether Microsoft still takes it."
)
NO_CLIENT_CERTIFICATE = (
    "In IIS, SSL Settings of the Default Web Site and of Rpc: set Client certificates to Ignore. Microsoft's service "
    "has none to show."
)


def client_certificate(shown: Shown) -> StepResult:
    """Does the server ask for a client certificate? Microsoft's service has none."""
    if shown.asks_client:
        why = "the server asks for a client certificate during the TLS handshake; whether it insists is not known"
        return StepResult("warning", why, NO_CLIENT_CERTIFICATE)
    return StepResult("ok", "the server asks for no client certificate in the handshake")


def _no_handshake(error: ssl.SSLError, shown: Shown) -> StepResult:
    reason = error.reason or str(error)
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "INVALID_PROTOCOL_VERSION"):
        todo = "Outlook Anywhere needs HTTPS. Bind a certificate to this port in IIS, or forward to the right port."
        return StepResult("failed", "what answers there does not speak TLS", todo)
    if shown.asks_client or "CERTIFICATE_REQUIRED" in reason:
        return StepResult("failed", "the server demands a client certificate", NO_CLIENT_CERTIFICATE)
    todo = f"Make the server offer TLS 1.2 with a common cipher suite. {OLD_TLS}"
    return StepResult("failed", f"the TLS handshake failed: {reason}", todo)


def _chain(connection: ssl.SSLSocket) -> list[bytes]:
    """Certificates that the server sent, in DER; a public API since Python 3.13."""
    if hasattr(connection, "get_unverified_chain"):
        return list(connection.get_unverified_chain())
    inner: Any = connection._sslobj  # type: ignore[attr-defined]
    der = 2  # _ssl.ENCODING_DER
    return [bytes(certificate.public_bytes(der)) for certificate in inner.get_unverified_chain() or ()]
