"""Autodiscover as Outlook does it: four places in a fixed order, plain XML (MS-OXDSCLI, KB2612922).

https root domain, https autodiscover.<domain>, a redirect from http autodiscover.<domain>, an SRV record. Each place is
asked without a password first; who wants one gets it only where `PasswordRule` says so, over TLS that has proved the
name. No redirect away from https is followed.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote, urlsplit

from lxml import etree

from mailmove.outlook_anywhere.password_rule import MODERN, PasswordRule
from mailmove.outlook_anywhere.rpc_http import Account
from mailmove.outlook_anywhere.steps import Deadline, Step, StepResult, Trouble, first_that_works, step
from mailmove.outlook_anywhere.tls import Dial
from mailmove.wire.acts import TooMuch, act, connected

PATH = "/autodiscover/autodiscover.xml"
_REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
_RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_MOST_REDIRECTS = 5
_LARGEST = 1_000_000
_IN_A_PATH = "/?#&=;:@!$'()*+,%~[]"
_END = "\r\n"


@dataclass(frozen=True)
class Names:
    """Name look-ups, and the ports in place of 443 and 80 (others only in a rehearsal).

    addresses(host): IP addresses; srv(name): (host, port) of the best SRV record, or None. Both may raise OSError.
    """

    addresses: Callable[[str], Sequence[str]]
    srv: Callable[[str], tuple[str, int] | None]
    https_port: int = 443
    http_port: int = 80
    extra_ca: str | None = None


@dataclass(frozen=True)
class Settings:
    """Settings of Outlook Anywhere from Autodiscover; empty: it does not give them."""

    server: str = ""  # name inside, or <guid>@domain from Exchange 2013 on
    proxy: str = ""  # external host name of Outlook Anywhere


def autodiscover_steps(
    names: Names, address: str, account: Account, deadline: Callable[[], Deadline], rule: PasswordRule
) -> tuple[Step, Settings]:
    """Try all four ways for an SMTP address; the step, and the settings, which are empty if every way failed.

    rule: who may be sent the account's password.
    """
    domain, settings_read = address.rpartition("@")[2], list[Settings]()

    def asked(url: str, by: str = "") -> StepResult:
        settings = _ask(names, url, address, account, deadline(), rule, by)
        settings_read.append(settings)
        outside = f"Outlook Anywhere at {settings.proxy}" if settings.proxy else "no Outlook Anywhere"
        if not settings.proxy:
            todo = "Enable Outlook Anywhere with an external host name; Autodiscover tells of it 15 minutes later."
            return StepResult("warning", f"it answers for {address}, but tells of {outside}", todo)
        if not settings.server:
            todo = "Look at Autodiscover's own log on the server; Outlook cannot set itself up with this answer."
            return StepResult("warning", f"it answers for {address}: {outside}, but names no server inside", todo)
        return StepResult("ok", f"it answers for {address}: {outside}, server {settings.server}")

    def by_srv() -> StepResult:
        target = names.srv(f"_autodiscover._tcp.{domain}")
        if target is None:
            raise Trouble(f"there is no SRV record _autodiscover._tcp.{domain}", _MAKE)
        port = names.https_port if target[1] == 443 else target[1]
        return asked(f"https://{target[0]}:{port}{PATH}", f"an SRV record of {domain}, which anybody may forge")

    ways: list[tuple[str, Callable[[], StepResult]]] = [
        (f"Autodiscover at https://{domain}", lambda: asked(f"https://{domain}{PATH}")),
        (f"Autodiscover at https://autodiscover.{domain}", lambda: asked(f"https://autodiscover.{domain}{PATH}")),
        (
            f"Autodiscover by redirect from http://autodiscover.{domain}",
            lambda: asked(
                _redirected(names, f"autodiscover.{domain}", deadline()),
                f"a redirect from http://autodiscover.{domain}, which anybody may forge",
            ),
        ),
        (f"Autodiscover by SRV record of {domain}", by_srv),
    ]

    def tried(name: str, way: Callable[[], StepResult]) -> Callable[[], Step]:
        return lambda: step(name, way)

    done = first_that_works("Autodiscover", [tried(name, way) for name, way in ways])
    return done, settings_read[0] if settings_read else Settings()


def settings_at(names: Names, host: str, address: str, account: Account, deadline: Deadline) -> Settings:
    """What Autodiscover says at one host that is known to be the server. Trouble: it gives no settings."""
    rule = PasswordRule(host, address.rpartition("@")[2])
    return _ask(names, f"https://{host}{PATH}", address, account, deadline, rule, "")


_MAKE = "Make a record autodiscover.<domain> that leads to the server, with that name in its certificate."
_FAILED = "The Autodiscover service couldn't be located."


def _ask(
    names: Names, url: str, address: str, account: Account, deadline: Deadline, rule: PasswordRule, by: str
) -> Settings:
    """POST to a place, follow its redirects, read the answer. Trouble: what is wrong, and the fix.

    by: who led us there, in words; "": the person did.
    """
    visited = {(url, address)}
    for _ in range(_MOST_REDIRECTS):
        reply = _post(names, url, address, None, deadline)
        if reply.status == 401:
            reply = _post_signed_in(names, url, address, account, deadline, rule, by, reply)
        host = urlsplit(url).hostname or ""
        if reply.status in (301, 302, 303, 307, 308):
            url, by = _https(reply.location, url), f"a redirect from {host}"
        elif reply.status == 401:
            raise Trouble(f"{host} refuses the sign-in (HTTP 401)", "Check the account's password.")
        elif reply.status != 200:
            raise Trouble(f"{host} answers HTTP {reply.status} {reply.reason}".strip(), _MAKE, _FAILED)
        else:
            answer = _read(reply.content, host)
            if isinstance(answer, Settings):
                return answer
            kind, value = answer
            if kind == "url":
                url, by = _https(value, url), f"a redirect from {host}"
            else:
                address = value
        if (url, address) in visited:
            raise Trouble("the redirects go round in a circle", "Mend the redirects of the web server.", _FAILED)
        visited.add((url, address))
    raise Trouble(f"more than {_MOST_REDIRECTS} redirects", "Mend the redirects of the web server.", _FAILED)


def _post_signed_in(
    names: Names,
    url: str,
    address: str,
    account: Account,
    deadline: Deadline,
    rule: PasswordRule,
    by: str,
    asked: _Reply,
) -> _Reply:
    """The same question with the password, where the rule lets it go there. Trouble: it does not."""
    host = urlsplit(url).hostname or ""
    if not any(offer.split(" ")[0].lower() == "basic" for offer in asked.offers if offer.strip()):
        offered = ", ".join(dict.fromkeys(offer.split(" ")[0] for offer in asked.offers if offer.strip())) or "nothing"
        raise Trouble(f"{host} asks for a sign-in by {offered}, not by Basic; the password is not sent", _MAKE, _FAILED)
    why, todo = deadline.while_a_person_thinks(lambda: rule.why_not(host, asked.version, by))
    if why:
        raise Trouble(why, todo)
    return _post(names, url, address, account, deadline, old=asked.version not in MODERN)


@dataclass(frozen=True)
class _Reply:
    """version: of TLS. offers: WWW-Authenticate, each as it came."""

    status: int
    reason: str
    content: bytes
    version: str
    location: str = ""
    offers: tuple[str, ...] = ()


def _https(target: str, origin: str) -> str:
    parts = urlsplit(target)
    if parts.scheme != "https" or not parts.hostname:
        host = urlsplit(origin).hostname
        why = f"{host} redirects to {target or 'nowhere'}, which is not https; it is not followed"
        raise Trouble(why, "Redirect to an https address with a valid certificate.", _FAILED)
    return target


def _connected(names: Names, url: str, deadline: Deadline) -> tuple[Dial, str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        addresses = names.addresses(host)
    except OSError as error:
        raise Trouble(f"the name {host} cannot be looked up: {error}", _MAKE, _FAILED) from None
    if not addresses:
        raise Trouble(f"the name {host} has no address", _MAKE, _FAILED)
    port = parts.port or names.https_port
    path = (parts.path or PATH) + (f"?{parts.query}" if parts.query else "")
    return Dial(host, addresses[0], port, names.extra_ca, deadline), path


def _post(
    names: Names, url: str, address: str, account: Account | None, deadline: Deadline, *, old: bool = True
) -> _Reply:
    """account: None: without a password. old: take TLS older than 1.2."""
    dial, path = _connected(names, url, deadline)
    content = (
        f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{_REQUEST}"><Request><EMailAddress>'
        f"{_escaped(address)}</EMailAddress><AcceptableResponseSchema>{_RESPONSE}</AcceptableResponseSchema></Request>"
        "</Autodiscover>"
    ).encode()
    head = (
        f"POST {quote(path, safe=_IN_A_PATH)} HTTP/1.1\r\nHost: {dial.host}\r\n"
        "User-Agent: Microsoft Office/12.0 (Mailmove)\r\nContent-Type: text/xml\r\n"
        f"{f'Authorization: {account.basic()}{_END}' if account else ''}"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    try:
        with act(deadline.left(), 2 * _LARGEST), dial.trusted(old=old) as connection:
            connection.sendall(head.encode("latin-1", "replace") + content)
            response = HTTPResponse(connection, method="POST")
            response.begin()
            return _Reply(
                response.status,
                response.reason,
                response.read(_LARGEST),
                connection.version() or "an unknown version of TLS",
                response.headers.get("Location", ""),
                tuple(response.headers.get_all("WWW-Authenticate") or ()),
            )
    except ssl.SSLCertVerificationError as error:
        todo = f"Get a certificate that covers {dial.host}, or use a redirect or SRV record to a name that it covers."
        why = f"the certificate of {dial.host} is not accepted: {error.verify_message}"
        raise Trouble(why, todo, _FAILED) from None
    except TimeoutError:
        raise Trouble(f"{dial.host} does not answer in time", _MAKE, _FAILED) from None
    except TooMuch:
        raise Trouble(f"{dial.host} sends more than any good answer has", _MAKE, _FAILED) from None
    except (OSError, HTTPException) as error:
        raise Trouble(f"{dial.host}: {error or type(error).__name__}", _MAKE, _FAILED) from None


def _redirected(names: Names, host: str, deadline: Deadline) -> str:
    """The https address to which http://autodiscover.<domain> redirects. Nothing secret is sent."""
    addresses = names.addresses(host)
    if not addresses:
        raise Trouble(f"the name {host} has no address", _MAKE, _FAILED)
    left = deadline.left()
    with act(left, _LARGEST), connected((addresses[0], names.http_port), left) as connection:
        connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        response = HTTPResponse(connection, method="GET")
        response.begin()
        if response.status not in (301, 302, 303, 307, 308):
            raise Trouble(f"http://{host} does not redirect (HTTP {response.status})", _MAKE, _FAILED)
        return _https(response.headers.get("Location", ""), f"http://{host}")


def _read(content: bytes, host: str) -> Settings | tuple[str, str]:
    """Settings, or ("url" or "address", where to ask next)."""
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        todo = "The web server there is no Exchange; that is normal for a web site, if another way works."
        raise Trouble(f"{host} answers, but not with Autodiscover's XML", todo, _FAILED) from None
    if code := root.findtext(".//{*}ErrorCode"):
        refusal = f"{host} answers error {code}: {root.findtext('.//{*}Message') or ''}"
        raise Trouble(refusal, "Use the SMTP address of a mailbox that is on this server.", _FAILED)
    for kind, tag in (("url", "RedirectUrl"), ("address", "RedirectAddr")):
        if value := root.findtext(f".//{{*}}{tag}"):
            return kind, value.strip()
    protocols = {protocol.findtext("{*}Type"): protocol for protocol in root.iterfind(".//{*}Protocol")}
    if not protocols:
        raise Trouble(f"{host} answers without any settings", "Look at Autodiscover's own log on the server.", _FAILED)
    inside, outside = protocols.get("EXCH"), protocols.get("EXPR")
    return Settings(
        server=_text(inside, "Server"),
        proxy=_text(outside, "Server"),
    )


def _text(protocol: Any, tag: str) -> str:
    return (protocol.findtext(f"{{*}}{tag}") or "").strip() if protocol is not None else ""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
