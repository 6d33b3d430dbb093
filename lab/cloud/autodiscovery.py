"""Autodiscover as Microsoft's migration service uses it: POX, https, the account's own name and password.

Sources: MS-OXDSCLI; `InitializeFromAutoDiscover` of the migration service of Exchange 2013 as public repositories show
it (the RPC proxy and the server come out of the answer, and how to sign in).
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

import httpx
from lxml import etree

from lab.cloud.rpc_probe import Reach, Unreachable

NOT_DISCOVERED = (
    "AutoDiscover failed with a configuration error: The migration service failed to detect the migration endpoint "
    "using the Autodiscover service. Consider using the Exchange Remote Connectivity Analyzer "
    "(https://testexchangeconnectivity.com) to diagnose the connectivity issues."
)
_ASKED = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
_ANSWERED = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"


class NotDiscovered(Exception):
    """No place answers with the settings of Outlook Anywhere."""


@dataclass(frozen=True)
class Discovered:
    server: str
    proxy: str
    authentication: str


def discover(reach: Reach, email: str, user: str, password: str) -> Discovered:
    """The settings for an address. NotDiscovered: of the root domain and autodiscover.<domain>, none gives any."""
    domain = email.rpartition("@")[2]
    why = "no address was given"
    for host in (domain, f"autodiscover.{domain}") if domain else ():
        try:
            return _read(_asked(reach, host, email, user, password))
        except (Unreachable, NotDiscovered, httpx.HTTPError, etree.XMLSyntaxError) as error:
            why = f"{host}: {error}"
    raise NotDiscovered(why)


def _asked(reach: Reach, host: str, email: str, user: str, password: str) -> bytes:
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{_ASKED}"><Request><EMailAddress>{escape(email)}'
        f"</EMailAddress><AcceptableResponseSchema>{_ANSWERED}</AcceptableResponseSchema></Request></Autodiscover>"
    )
    with httpx.Client(auth=(user, password), verify=reach.trusted, trust_env=False, timeout=10) as client:
        answer = client.post(
            f"https://{reach.address_of(host)}:{reach.https_port}/autodiscover/autodiscover.xml",
            content=body.encode(),
            headers={"Host": f"{host}:{reach.https_port}", "Content-Type": "text/xml; charset=utf-8"},
            extensions={"sni_hostname": host},
        )
    if answer.status_code != 200:
        raise NotDiscovered(f"HTTP {answer.status_code}")
    return answer.content


def _read(content: bytes) -> Discovered:
    protocols = {part.findtext("{*}Type"): part for part in etree.fromstring(content).iterfind(".//{*}Protocol")}
    inside, outside = protocols.get("EXCH"), protocols.get("EXPR")
    if inside is None or outside is None:
        raise NotDiscovered("the answer has no settings of Outlook Anywhere")
    method = outside.findtext("{*}AuthPackage") or "Basic"
    return Discovered(inside.findtext("{*}Server") or "", outside.findtext("{*}Server") or "", method.capitalize())
