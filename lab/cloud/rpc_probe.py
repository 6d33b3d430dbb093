"""Probes Outlook Anywhere as Microsoft's migration service does: name, TLS, Basic, and an RTS echo.

[MS-RPCH] 2.1.2.1: RPC_IN_DATA with a Content-Length below 17 is an echo request; the proxy answers a 20-byte RTS PDU
with the flag ECHO.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import socket
import ssl
from dataclasses import dataclass

import dns.exception
import dns.resolver

_PORTS = (6004, 6001)  # NSPI (address book) first, then the information store

CANNOT_CONNECT = (
    "We weren't able to connect to the remote server. Please verify that the migration endpoint settings are correct "
    "and your certificate is valid, and then try again. Consider using the Exchange Remote Connectivity Analyzer "
    "(https://testexchangeconnectivity.com) to diagnose the connectivity issues."
)
_RPC_DOWN = "Error 0x6ba (The RPC server is unavailable) from cli_NspiBind"


class Unreachable(Exception):
    """The old server does not answer as Outlook Anywhere must. Says why, in Microsoft's words where known."""


@dataclass(frozen=True)
class Reach:
    """How the cloud reaches other hosts: its resolver, the port that stands for 443, the roots that it trusts."""

    resolver: tuple[str, int]
    https_port: int
    trusted: ssl.SSLContext

    def address_of(self, name: str) -> str:
        """The IPv4 address of a host name."""
        try:
            return str(ipaddress.ip_address(name))
        except ValueError:
            pass  # a name, as it should be
        asking = dns.resolver.Resolver(configure=False)
        asking.nameservers, asking.port = [self.resolver[0]], self.resolver[1]
        asking.lifetime, asking.timeout = 5, 1.5
        try:
            return str(asking.resolve(name.rstrip(".") + ".", "A")[0])
        except dns.exception.DNSException as error:
            raise Unreachable(f"The remote name could not be resolved: '{name}' ({type(error).__name__})") from None


class _Connection(http.client.HTTPSConnection):
    """Connects to an address, but shows and checks the host's name."""

    def __init__(self, address: str, name: str, port: int, trusted: ssl.SSLContext) -> None:
        super().__init__(name, port, timeout=10, context=trusted)
        self._address, self._trusted = address, trusted

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), 10)
        self.sock = self._trusted.wrap_socket(plain, server_hostname=self.host)


def knock(reach: Reach, proxy: str, server: str, user: str, password: str, authentication: str = "Basic") -> None:
    """Return if Outlook Anywhere answers for `server` through `proxy`; Unreachable otherwise."""
    address = reach.address_of(proxy)
    if authentication.lower() != "basic":
        # The lab's knock speaks Basic only; an endpoint set to Ntlm meets the documented failure (KB 2903050).
        raise Unreachable(_RPC_DOWN)
    for port in _PORTS:
        _echo(_Connection(address, proxy, reach.https_port, reach.trusted), f"{server}:{port}", user, password)


def _echo(connection: _Connection, endpoint: str, user: str, password: str) -> None:
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {
        "Accept": "application/rpc",
        "User-Agent": "MSRPC",
        "Content-Length": "4",
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Authorization": f"Basic {token}",
    }
    try:
        connection.request("RPC_IN_DATA", f"/rpc/rpcproxy.dll?{endpoint}", body=b"BODY", headers=headers)
        answer = connection.getresponse()
        content = answer.read(20)
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(f"The server's certificate is not valid: {error.verify_message}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"The connection failed: {error or type(error).__name__}") from None
    finally:
        connection.close()
    if answer.status == 401:
        raise Unreachable("The remote server returned an error: (401) Unauthorized. Access is denied.")
    # PTYPE 20 is RTS; the flags stand at byte 16, ECHO is 0x0040.
    if answer.status != 200 or len(content) != 20 or content[2] != 20 or content[16:18] != b"\x40\x00":
        raise Unreachable(f"{_RPC_DOWN} ({endpoint}: HTTP {answer.status})")
