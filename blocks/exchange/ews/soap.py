"""EWS in plain SOAP over a few kept connections: what a fast copy needs, and no more.

exchangelib reads an item in about a millisecond; a copy of a hundred thousand has no use for its objects. Signing in
and its words for refusals are still exchangelib's. Source: learn.microsoft.com/exchange/client-developer (MS-OXWS*).
"""

from __future__ import annotations

import queue
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from lxml import etree
from pydantic import SecretStr
from requests.auth import HTTPBasicAuth
from requests_ntlm import HttpNtlmAuth

from blocks.retry_budget import Patience, pause
from blocks.tls_roots import requests_session
from mailmove.errors import Blocked, MailmoveError, Refused, SignInRefused, Throttled, Transient
from mailmove.items.copy.rate_limits import UNLIMITED, Pace

T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
    ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">'
    '<s:Header><t:RequestServerVersion Version="{}"/></s:Header><s:Body>{}</s:Body></s:Envelope>'
)
PAGE = 500  # items in an answer; Exchange's own throttling policy allows 1000
BASE_VERSION, EXPORT_VERSION = "Exchange2007_SP1", "Exchange2010_SP1"
_RIGHTS = {"ErrorAccessDenied", "ErrorImpersonationDenied", "ErrorImpersonateUserDenied"}
_BUSY = {"ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"}
_PASSING = {
    "ErrorTimeoutExpired",
    "ErrorInternalServerError",
    "ErrorInternalServerTransientError",
    "ErrorMailboxStoreUnavailable",
    "ErrorMailboxMoveInProgress",
    "ErrorConnectionFailed",
}


class EwsConnections:
    """At most `at_once` requests under way, each on a connection of its own. Safe for threads.

    patience: seconds to wait in all, per request, when the server is busy or away.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: SecretStr,
        authentication: Literal["basic", "ntlm"],
        tls: ssl.SSLContext,
        *,
        at_once: int = 8,
        patience: float = 120.0,
        sleep: Callable[[float], None] = pause,
    ) -> None:
        self.who = f"Exchange Web Services of {urlsplit(url).hostname}"
        self._url, self._username, self._password, self._kind = url, username, password, authentication
        self._tls, self._patience, self._sleep = tls, patience, sleep
        self._idle: queue.LifoQueue[requests.Session | None] = queue.LifoQueue()
        for _ in range(at_once):
            self._idle.put(None)
        self._pace = Pace(replace(UNLIMITED, at_once=at_once), sleep=sleep)
        self.server_version: tuple[int, int] = (0, 0)

    def ask(self, body: str, wanted: str, *, version: str = BASE_VERSION) -> Any:
        """The answer's tree. Response messages that are errors are left in it, for whoever asked for several things.

        Refused, Blocked, Throttled, Transient: for the whole request.
        """
        content = _ENVELOPE.format(version, body).encode()
        patience = Patience(self._patience, self._sleep)
        while True:
            try:
                return self._once(content, wanted)
            except Transient as error:
                if isinstance(error, Throttled):
                    self._pace.hold(error.retry_after)  # a wish to wait holds for all connections
                patience.wait(error)

    def close(self) -> None:
        for _ in range(self._idle.qsize()):
            session = self._idle.get()
            if session is not None:
                session.close()

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        session = self._idle.get()
        try:
            session = session or self._new_session()
            yield session
        finally:
            self._idle.put(session)

    def _new_session(self) -> requests.Session:
        session = requests_session(self._tls)
        session.headers.update({"Content-Type": "text/xml; charset=utf-8", "User-Agent": "Mailmove"})
        secret = self._password.get_secret_value()
        session.auth = (
            HttpNtlmAuth(self._username, secret)
            if self._kind == "ntlm"
            else HTTPBasicAuth(self._username.encode(), secret.encode())
        )
        return session

    def _once(self, content: bytes, wanted: str) -> Any:
        try:
            with self._pace.slot(), self._session() as session:
                response = session.post(self._url, data=content, timeout=(20, 300))
        except requests.exceptions.SSLError as error:
            todo = "Put a valid certificate on the server, or give its root in `extra_ca`."
            raise Blocked(self.who, wanted=wanted, seen=f"TLS: {str(error)[:200]}", todo=todo) from None
        except requests.RequestException as error:
            words = f"{type(error).__name__}"
            raise Transient(self.who, wanted=wanted, seen=words, todo="Is the server up, and port 443 open?") from None
        if response.status_code == 401:
            raise SignInRefused(
                self.who,
                wanted=wanted,
                seen="the sign-in is not accepted (HTTP 401)",
                todo="Check name and password, and that this kind of sign-in is switched on for EWS.",
            )
        try:
            tree: Any = etree.fromstring(response.content, _parser())
        except etree.XMLSyntaxError:
            words = f"HTTP {response.status_code}, no SOAP"
            raise Transient(self.who, wanted=wanted, seen=words, todo="Ask again.") from None
        if response.status_code != 200:
            raise self._fault(tree, wanted)
        self._remember(tree)
        self._all_busy(tree, wanted)
        return tree

    def _remember(self, tree: Any) -> None:
        info = next(tree.iter(f"{T}ServerVersionInfo"), None)
        if info is not None:
            self.server_version = (int(info.get("MajorVersion", 0)), int(info.get("MinorVersion", 0)))

    def _all_busy(self, tree: Any, wanted: str) -> None:
        """A server may also say of each thing asked for that it is busy."""
        codes = {code.text for code in tree.iter(f"{M}ResponseCode")}
        if codes and codes <= _BUSY:
            code = str(codes.pop())
            raise Throttled(self.who, wanted=wanted, seen=code, todo="Ask again.", retry_after=5.0, code=code)

    def _fault(self, tree: Any, wanted: str) -> MailmoveError:
        code = next((element.text or "" for element in tree.iter("{*}ResponseCode")), "")
        text = next((element.text or "" for element in tree.iter("{*}faultstring")), "")
        waits = [element.text for element in tree.iter("{*}Value") if element.get("Name") == "BackOffMilliseconds"]
        return error_of(self.who, wanted, code, text, float(waits[0] or 0) / 1000 if waits else 5.0)


def error_of(who: str, wanted: str, code: str, text: str, wait: float = 5.0) -> MailmoveError:
    """A response code of EWS, named by what to do next."""
    words = f"{code}: {text[:300]}"
    if code in _BUSY:
        return Throttled(who, wanted=wanted, seen=words, todo="Ask again later.", retry_after=wait, code=code)
    if code in _PASSING:
        return Transient(who, wanted=wanted, seen=words, todo="Ask again.", code=code)
    if code in _RIGHTS:
        todo = "Give the account Full Access to the mailbox (Add-MailboxPermission) or Receive As on its database."
        return Refused(who, wanted=wanted, seen=words, todo=todo, code=code)
    todo = "Check the address of the mailbox, and the server's event log."
    return Blocked(who, wanted=wanted, seen=words, todo=todo, code=code)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, huge_tree=True, no_network=True)
