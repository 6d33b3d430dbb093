"""Whom to trust on TLS: the system's roots, and one more where the block names it.

The environment (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, proxies) is left out on purpose: what a block says must hold on
every worker.
"""

from __future__ import annotations

import functools
import ssl
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter

from mailmove.errors import Blocked
from mailmove.pem import pem

E = TypeVar("E", bound=BaseException)


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
    return context


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


class ContextAdapter(HTTPAdapter):
    """Lets requests use our context, and nothing else; its own `verify=` takes only a path."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """requests would load certifi's roots into our context here, at each connection: 30 ms, and trust unasked."""
        conn.cert_reqs = "CERT_REQUIRED"


def requests_session(context: ssl.SSLContext) -> requests.Session:
    """A session for those that speak requests only."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", ContextAdapter(context))
    return session
