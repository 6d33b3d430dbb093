"""Whom to trust on TLS: the system's roots, and one more where the block names it.

The environment (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, proxies) is left out on purpose: what a block says must hold on
every worker. What goes over these connections has an end: see `mailmove.wire`.
"""

from __future__ import annotations

import functools
import ssl
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from mailmove.errors import Blocked
from mailmove.pem import pem
from mailmove.wire.acts import TooMuch, act, timed, timed_socket
from mailmove.wire.bodies import ACCEPTED, BadBody, unpacked

E = TypeVar("E", bound=BaseException)
WHOLE = 900.0
"""Seconds for one request with its whole answer: 150 MB over a line of 1.5 Mbit/s."""
MOST = 512 * 1024 * 1024
"""Bytes of an answer: several of the largest items that Exchange takes, in base64."""


@functools.lru_cache(maxsize=32)  # reading the system's roots takes 20 ms and more
def tls_context(extra_ca: str | None) -> ssl.SSLContext:
    """A client context, TLS 1.2 or later. `extra_ca`: PEM of one or more roots. Blocked: it is not PEM."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if extra_ca:
        try:
            context.load_verify_locations(cadata=pem(extra_ca))
        except (ssl.SSLError, ValueError) as error:
            raise Blocked(
                "Block",
                wanted="to trust the root certificate in `extra_ca`",
                seen=str(error),
                todo="Paste the certificate as PEM text, from BEGIN to END.",
            ) from None
    return timed(context)


def kind_of(error: BaseException) -> str:
    """What failed, by the names of the exceptions and the system's own words: no text that may quote what was sent."""
    system = cause_of(error, OSError)
    words = system.strerror if system is not None and system.errno is not None else None
    if isinstance(system, ssl.SSLCertVerificationError):
        words = system.verify_message
    late = cause_of(error, TimeoutError) or cause_of(error, TooMuch) or cause_of(error, BadBody)
    words = str(late) if late is not None and late.errno is None else words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def cause_of(error: BaseException, kind: type[E]) -> E | None:
    """The first exception of a kind that an exception carries: what httpx, requests and urllib3 wrapped; None: none."""
    waiting, known = [error], set[int]()
    while waiting:
        inner = waiting.pop(0)
        if isinstance(inner, kind):
            return inner
        if id(inner) not in known:
            known.add(id(inner))
            wrapped = (inner.__cause__, inner.__context__, getattr(inner, "reason", None), *inner.args)
            waiting += [deeper for deeper in wrapped if isinstance(deeper, BaseException)]
    return None


def is_untrusted(error: BaseException) -> bool:
    """Did TLS fail because the certificate hangs on no known root, bears another name or has run out?"""
    return cause_of(error, ssl.SSLCertVerificationError) is not None


def untrusted(who: str, wanted: str) -> Blocked:
    return Blocked(
        who,
        wanted=wanted,
        seen="a certificate that this worker does not trust",
        todo="If a proxy of your own breaks TLS open, paste its root into `extra_ca`; if not, trust nothing here.",
    )


class ElsewhereError(requests.RequestException):
    """A request with secrets in it was to go to a host that an answer named; it was not sent."""


class _TimedConnection(HTTPConnection):
    def _new_conn(self) -> Any:
        return timed_socket(super()._new_conn())


class _TimedPool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class ContextAdapter(HTTPAdapter):
    """Lets requests use our context, and nothing else; its own `verify=` takes only a path.

    seconds: for one request with its whole answer. most: bytes of an answer, unpacked. only: hosts that may be asked,
    as they stand in addresses; None: any. ElsewhereError: another one is.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        seconds: float = WHOLE,
        most: int = MOST,
        only: frozenset[str] | None = None,
    ) -> None:
        self._context, self._seconds, self._most, self._only = context, seconds, most, only
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _TimedPool, "https": HTTPSConnectionPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """requests would load certifi's roots into our context here, at each connection: 30 ms, and trust unasked."""
        conn.cert_reqs = "CERT_REQUIRED"

    def send(self, request: requests.PreparedRequest, stream: bool = False, *args: Any, **kwargs: Any) -> Any:
        """The answer with its whole body; with `stream`, as far as the body. requests' own exceptions."""
        host = urlsplit(request.url or "").netloc.lower()
        if self._only is not None and host not in self._only:
            raise ElsewhereError(host)
        if request.headers.get("Accept-Encoding") != "identity":  # WS-Management's messages are not packed
            request.headers["Accept-Encoding"] = ACCEPTED
        try:
            with act(self._seconds):
                response = super().send(request, True, *args, **kwargs)
                if not stream:
                    socket = _socket_of(response)
                    encoding = response.headers.get("Content-Encoding", "")
                    pieces = response.raw.stream(65_536, decode_content=False)
                    response._content = unpacked(pieces, encoding, self._most)
                    response._content_consumed = True  # type: ignore[attr-defined]
                    response.raw.release_conn()
                    if response.status_code == requests.codes.unauthorized:
                        _show_socket(response, socket)
                return response
        except TimeoutError as error:
            raise requests.ReadTimeout(error, request=request) from None
        except (TooMuch, BadBody, urllib3.exceptions.HTTPError) as error:
            raise requests.ConnectionError(error, request=request) from None


def _socket_of(response: requests.Response) -> Any:
    """The socket by which an answer comes; None: urllib3 keeps it elsewhere."""
    return getattr(getattr(getattr(response.raw._fp, "fp", None), "raw", None), "_sock", None)


def _show_socket(response: requests.Response, socket: Any) -> None:
    """Leave the socket of a refusal where NTLM looks for it: the certificate is bound into the sign-in (RFC 5929).

    requests_ntlm and pypsrp look at `raw._fp.fp.raw._sock`, which is gone once the body has been read.
    """
    if socket is not None:
        response.raw._fp = SimpleNamespace(fp=SimpleNamespace(raw=SimpleNamespace(_sock=socket)))


def requests_session(context: ssl.SSLContext, only: frozenset[str] | None = None) -> requests.Session:
    """A session for those that speak requests only. It follows no redirect: what it sends is for one server.

    only: see `ContextAdapter`.
    """
    session = requests.Session()
    session.trust_env, session.max_redirects = False, 0
    session.mount("https://", ContextAdapter(context, only=only))
    session.mount("http://", ContextAdapter(context, only=only))
    return session
