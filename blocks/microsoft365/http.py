"""One JSON client for Microsoft's services: Graph, the Exchange admin endpoint and Partner Center.

It retries what can be repeated safely, pages, answers a claims challenge, follows a front door to its region where
there is one, and turns every failure into an error of `mailmove.errors`. A request that creates something is sent once:
when its answer is lost the caller looks first.
Sources: learn.microsoft.com graph/throttling, graph/paging, graph/errors; identity-platform claims-challenge.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import httpx

from blocks.microsoft365.answers import Answer, Json, challenged_claims, damaged, error_of, message_of, refused
from blocks.microsoft365.fields import rows, text
from blocks.microsoft365.front_door import MOST_HOPS, FrontDoor
from blocks.retry_budget import Patience, pause
from blocks.tls_roots import is_untrusted, kind_of, untrusted
from mailmove.errors import Blocked, MailmoveError, Transient
from mailmove.wire.http import client

TokenSource = Callable[[str | None], str]
"""None -> bearer token; claims (JSON text) of a challenge, or ANEW -> a new one."""

ANEW = ""
"""Instead of claims: the token at hand is no longer taken, without a word on what another should have."""
T = TypeVar("T")
MAX_PAGES = 10_000
WHOLE, MOST = 600.0, 256 * 1024 * 1024
"""Seconds for one request with its whole answer, and bytes of that: the largest item is 150 MB."""


@dataclass
class Reply:
    """A decoded answer."""

    status: int
    body: Json
    headers: Mapping[str, str]
    content: bytes = b""


@dataclass
class JsonClient:
    """who: the service's name in messages. base: every path is below it. patience: seconds to wait in all, per call.

    watch: is shown every answer, before it is read. regions: domains with regional hosts to which a redirect is
    followed; None: none is (`FrontDoor`).
    """

    who: str
    base: str
    token: TokenSource
    tls: ssl.SSLContext
    patience: float = 60.0
    sleep: Callable[[float], None] = pause
    transport: httpx.BaseTransport | None = None
    explain: Callable[[httpx.Response, str, str], MailmoveError | None] | None = None
    regions: tuple[str, ...] | None = None
    watch: Callable[[httpx.Response], object] | None = None
    _http: httpx.Client = field(init=False, repr=False)
    _door: FrontDoor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.base = self.base.rstrip("/")
        self._door = FrontDoor(self.who, self.base, self.regions)
        self._http = client(self.tls, seconds=WHOLE, most=MOST, transport=self.transport)

    def close(self) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        wanted: str,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        raw: bool = False,
        code_of: Callable[[str, str], str | None] | None = None,
        patience: float | None = None,
    ) -> Reply:
        """Send one request and decode its answer; raw: a good answer is no JSON, but `content`.

        path: below `base`, or a whole URL on the same host. repeatable: whether sending it twice is as good as
        once; default: yes for GET, HEAD, PUT, PATCH and DELETE. code_of: (the service's code, its words) -> code of the
        error, where the service's own says too little; None: its own. patience: seconds to wait in all; None: the
        client's. Rejected, Refused, Throttled, Transient, Drifted.
        """
        again = method not in {"POST"} if repeatable is None else repeatable
        decode = _as_it_is if raw else self._decode
        return self._sent(method, path, wanted, json, params, headers, again, decode, code_of, patience)

    def text(self, path: str, *, wanted: str, read: Callable[[str], T]) -> T:
        """What `read` makes of the text at an address, which is no JSON; asked for again while that is Transient."""
        accept = {"Accept": "text/csv"}
        return self._sent(
            "GET", path, wanted, None, None, accept, True, lambda answer, _: read(self._words(answer, wanted))
        )

    def _words(self, answer: httpx.Response, wanted: str) -> str:
        try:
            return answer.text
        except UnicodeError:
            seen = f"bytes that are not {answer.charset_encoding}, as which they are sent"
            raise damaged(self.who, wanted, seen) from None

    def _sent(
        self,
        method: str,
        path: str,
        wanted: str,
        json: Any,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        again: bool,
        decode: Callable[[httpx.Response, str], T],
        code_of: Callable[[str, str], str | None] | None = None,
        seconds: float | None = None,
    ) -> T:
        place, hops = path, 0
        claims: str | None = None
        patience = Patience(self.patience if seconds is None else seconds, self.sleep)
        while True:
            url = self._door.url(place)
            try:
                response = self._http.request(
                    method,
                    url,
                    json=json,
                    params=params,
                    headers={"Accept": "application/json", **(headers or {}), "Authorization": self._bearer(claims)},
                )
                if self.watch is not None:
                    self.watch(response)
                if moved := self._door.moved(response, wanted):
                    # Nothing was done there: even what is sent once may be sent to where it belongs.
                    place, hops = moved, hops + 1
                    params = None if httpx.URL(moved).query else params
                    if hops > MOST_HOPS:
                        raise self._bad_link(moved, "one more redirect, in a circle")
                    continue
                # A body that cannot be read is a lost answer like any other.
                return decode(response, wanted) if response.is_success else self._fail(response, wanted, code_of)
            except _Challenge as challenge:
                if claims is not None:
                    words = f"401 again, with a new token: {challenge.seen}"
                    raise refused(self.who, wanted, words, challenge.code) from None
                claims = challenge.claims
            except httpx.HTTPError as error:
                if is_untrusted(error):
                    raise untrusted(self.who, wanted) from None
                self._door.forget()
                place = path
                failure = Transient(
                    self.who,
                    wanted=wanted,
                    seen=kind_of(error),
                    todo="Ask again; if it lasts, look at the worker's network.",
                )
                if not again:
                    raise failure from None
                patience.wait(failure)
            except Transient as error:
                if not again:
                    raise
                patience.wait(error)

    def get(self, path: str, *, wanted: str, params: Mapping[str, str] | None = None) -> Json:
        return self.call("GET", path, wanted=wanted, params=params).body

    def pages(self, path: str, *, wanted: str, params: Mapping[str, str] | None = None) -> Iterator[Json]:
        """Every element of `value`, over all pages of a GET."""
        for body in self.follow(
            path, lambda url, first: self.get(url, wanted=wanted, params=params if first else None)
        ):
            yield from self.value_of(body, wanted)

    def follow(self, path: str, fetch: Callable[[str, bool], Json]) -> Iterator[Json]:
        """Page bodies, by @odata.nextLink. Blocked: the link leaves the host or comes back to a page already read."""
        visited: set[str] = set()
        url, first = path, True
        while url:
            if url in visited or len(visited) >= MAX_PAGES:
                raise self._bad_link(url, "a page already read")
            visited.add(url)
            body = fetch(url, first)
            yield body
            url, first = next_link(body), False
            if url:
                self._door.url(url)

    def value_of(self, body: Json, wanted: str) -> list[Json]:
        if isinstance(body, Answer):
            return rows(body, "value")
        return rows(Answer(body, self.who, wanted), "value")

    def address(self, path: str) -> str:
        """The whole address at which a path is asked for now."""
        return self._door.url(path)

    def _bad_link(self, url: str, why: str) -> Blocked:
        return Blocked(
            self.who,
            wanted="the next page",
            seen=f"a link to {why}: {url[:200]}",
            todo="This is not how the service behaves: see what stands between it and this worker.",
        )

    def _bearer(self, claims: str | None) -> str:
        return f"Bearer {self.token(claims)}"

    def _decode(self, response: httpx.Response, wanted: str) -> Reply:
        body: Any = Answer({}, self.who, wanted)
        if response.content or response.request.method == "GET":
            try:
                body = response.json(object_hook=lambda members: Answer(members, self.who, wanted))
            except (ValueError, RecursionError):
                body = None
            if not isinstance(body, dict):
                raise damaged(
                    self.who, wanted, f"{response.status_code} with {len(response.content)} bytes, no JSON object"
                )
        return Reply(response.status_code, body, response.headers)

    def _fail(
        self, response: httpx.Response, wanted: str, code_of: Callable[[str, str], str | None] | None
    ) -> NoReturn:
        if response.status_code == 401:
            # A token may run out, or be revoked, between two pages. Nothing was done, so a new one is tried once.
            claims = challenged_claims(response.headers.get("WWW-Authenticate", ""))
            code, message = message_of(response)
            raise _Challenge(ANEW if claims is None else claims, f"{code}: {message}", code or None)
        own = self.explain(response, self.who, wanted) if self.explain else None
        error = own or error_of(response, self.who, wanted)
        if code_of is not None:
            error.code = code_of(*message_of(response)) or error.code
        raise error


def next_link(body: Json) -> str:
    """Address of the next page; "": this is the last one. AnswerUnreadable: a link that is none."""
    return text(body, "@odata.nextLink") if "@odata.nextLink" in body else ""


class _Challenge(Exception):
    """A 401 that asks for another token; never leaves this file."""

    def __init__(self, claims: str, seen: str, code: str | None) -> None:
        self.claims, self.seen, self.code = claims, seen, code


def _as_it_is(response: httpx.Response, _: str) -> Reply:
    return Reply(response.status_code, {}, response.headers, response.content)
