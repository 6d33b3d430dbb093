"""EWS in plain SOAP over a few kept connections: what a fast copy needs, and no more.

Source: learn.microsoft.com/exchange/client-developer (MS-OXWS*).
"""

from __future__ import annotations

import queue
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import requests
from lxml import etree
from pydantic import SecretStr
from requests.auth import HTTPBasicAuth
from requests_ntlm import HttpNtlmAuth

from blocks.exchange.ews.answers import Answer, Speaker, read_answer
from blocks.exchange.ews.request_xml import Element, envelope
from blocks.retry_budget import Patience, pause
from blocks.tls_roots import requests_session
from mailmove.errors import Blocked, Throttled, Transient
from mailmove.items.copy.rate_limits import UNLIMITED, Pace

PAGE = 500  # items in an answer; Exchange's own throttling policy allows 1000
BASE_VERSION, EXPORT_VERSION = "Exchange2007_SP1", "Exchange2010_SP1"
T = TypeVar("T")


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
        self.patience, self.sleep = patience, sleep
        self._tls = tls
        self._idle: queue.LifoQueue[requests.Session | None] = queue.LifoQueue()
        for _ in range(at_once):
            self._idle.put(None)
        self._pace = Pace(replace(UNLIMITED, at_once=at_once), sleep=sleep)
        self.server_version: tuple[int, int] = (0, 0)

    def ask(
        self,
        operation: Element,
        wanted: str,
        read: Callable[[Answer], T],
        *,
        version: str = BASE_VERSION,
        patience: float | None = None,
    ) -> T:
        """What `read` makes of the answer; what it cannot read (AnswerUnreadable) and what passes is asked for again.

        patience: seconds to wait in all; None: those of the connection. Refused, Blocked, Throttled, Transient: for
        the whole request.
        """
        content = envelope(version, operation)
        name = etree.QName(operation).localname
        waiting = Patience(self.patience if patience is None else patience, self.sleep)
        while True:
            try:
                answer = self._once(Speaker(self.who, wanted), name, content)
                self.server_version = answer.version or self.server_version
                return read(answer)
            except Transient as error:
                if isinstance(error, Throttled):
                    self._pace.hold(error.retry_after)  # a wish to wait holds for all connections
                waiting.wait(error)

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

    def _once(self, speaker: Speaker, operation: str, content: bytes) -> Answer:
        return read_answer(speaker, operation, *self._post(speaker, content))

    def _post(self, speaker: Speaker, content: bytes) -> tuple[int, bytes]:
        """(status, body). Blocked: TLS. Transient: there is no answer."""
        try:
            with self._pace.slot(), self._session() as session:
                response = session.post(self._url, data=content, timeout=(20, 300), allow_redirects=False)
        except requests.exceptions.SSLError as error:
            todo = "Put a valid certificate on the server, or give its root in `extra_ca`."
            raise Blocked(speaker.who, wanted=speaker.wanted, seen=f"TLS: {str(error)[:200]}", todo=todo) from None
        except (requests.RequestException, OSError) as error:
            seen, todo = f"{type(error).__name__}", "Is the server up, and port 443 open?"
            raise Transient(speaker.who, wanted=speaker.wanted, seen=seen, todo=todo) from None
        except Exception as error:  # noqa: BLE001  # requests-ntlm raises what it stumbles over in a challenge
            seen = f"a sign-in by NTLM that breaks off ({type(error).__name__})"
            todo = "Ask again; if it stays so, something in between changes headers: use Basic."
            raise Transient(speaker.who, wanted=speaker.wanted, seen=seen, todo=todo) from None
        return response.status_code, response.content
