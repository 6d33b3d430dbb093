"""httpx with an end: every answer is read whole, within a deadline and a size, before anybody sees it.

No redirect is followed; of the environment only proxies are read, and only where it is said.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.request import getproxies, proxy_bypass

import httpx

from mailmove.wire.acts import TooMuch, act, timed
from mailmove.wire.bodies import ACCEPTED, BadBody, unpacked, unpacked_later

_OURS = {"content-encoding", "content-length", "transfer-encoding"}


class WholeAnswers(httpx.BaseTransport):
    """seconds: for one request with its whole answer. most: bytes of an answer, unpacked. inner: who sends."""

    def __init__(self, inner: httpx.BaseTransport, seconds: float, most: int) -> None:
        self._inner, self._seconds, self._most = inner, seconds, most

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """httpx.ReadTimeout, httpx.ReadError: too late, too large, or not packed as asked."""
        request.headers["Accept-Encoding"] = ACCEPTED
        try:
            with act(self._seconds):
                response = self._inner.handle_request(request)
                try:
                    assert isinstance(response.stream, httpx.SyncByteStream)
                    encoding = response.headers.get("Content-Encoding", "")
                    return _whole(response, unpacked(response.stream, encoding, self._most))
                finally:
                    response.close()
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error), request=request) from None
        except (TooMuch, BadBody) as error:
            raise httpx.ReadError(str(error), request=request) from None

    def close(self) -> None:
        self._inner.close()


class WholeAnswersLater(httpx.AsyncBaseTransport):
    """The same for coroutines."""

    def __init__(self, inner: httpx.AsyncBaseTransport, seconds: float, most: int) -> None:
        self._inner, self._seconds, self._most = inner, seconds, most

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["Accept-Encoding"] = ACCEPTED
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._inner.handle_async_request(request)
                try:
                    assert isinstance(response.stream, httpx.AsyncByteStream)
                    encoding = response.headers.get("Content-Encoding", "")
                    return _whole(response, await unpacked_later(response.stream, encoding, self._most))
                finally:
                    await response.aclose()
        except TimeoutError:
            raise httpx.ReadTimeout("the answer came too slowly", request=request) from None
        except (TooMuch, BadBody) as error:
            raise httpx.ReadError(str(error), request=request) from None

    async def aclose(self) -> None:
        await self._inner.aclose()


def _whole(response: httpx.Response, body: bytes) -> httpx.Response:
    headers = [(name, value) for name, value in response.headers.raw if name.decode("latin-1").lower() not in _OURS]
    return httpx.Response(response.status_code, headers=headers, content=body, extensions=response.extensions)


def client(
    tls: ssl.SSLContext,
    *,
    seconds: float,
    most: int,
    each: float = 120.0,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """A client for threads. seconds, most: see `WholeAnswers`; each: seconds between two packets."""
    inner = transport or httpx.HTTPTransport(verify=timed(tls), trust_env=False)
    timeout = httpx.Timeout(each, connect=20)
    return httpx.Client(transport=WholeAnswers(inner, seconds, most), timeout=timeout, trust_env=False)


def client_of_coroutines(
    tls: ssl.SSLContext | None = None, *, seconds: float, most: int, each: float | None = None, proxies: bool = False
) -> httpx.AsyncClient:
    """A client for coroutines. tls: None: the system's roots. proxies: those of the environment, not for loopback."""
    proxy = getproxies().get("https") if proxies else None
    inner: httpx.AsyncBaseTransport = httpx.AsyncHTTPTransport(verify=tls or True, trust_env=False)
    if proxy:
        inner = _ByProxy(inner, httpx.AsyncHTTPTransport(verify=tls or True, trust_env=False, proxy=proxy))
    transport = WholeAnswersLater(inner, seconds, most)
    return httpx.AsyncClient(transport=transport, timeout=each or seconds, trust_env=False)


class _ByProxy(httpx.AsyncBaseTransport):
    """Sends through the environment's proxy what NO_PROXY does not except; what is on this machine, straight."""

    def __init__(self, straight: httpx.AsyncBaseTransport, proxied: httpx.AsyncBaseTransport) -> None:
        self._straight, self._proxied = straight, proxied

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        here = host == "localhost" or host.startswith("127.") or host == "::1"
        way = self._straight if here or proxy_bypass(host) else self._proxied
        return await way.handle_async_request(request)

    async def aclose(self) -> None:
        await self._straight.aclose()
        await self._proxied.aclose()
