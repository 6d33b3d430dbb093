"""The JSON client: what it repeats, what it does not, and how it names failures."""

import base64
import ssl
from collections.abc import Callable, Iterator

import httpx
import pytest

from blocks.microsoft365.answers import Rejected, challenged_claims, retry_after
from blocks.microsoft365.http import JsonClient
from mailmove.errors import Blocked, Drifted, Refused, Throttled, Transient

TLS = ssl.create_default_context()
Handler = Callable[[httpx.Request], httpx.Response]


class Script:
    """Answers in turn; the last one for ever."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.requests = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(script: Handler, token: Callable[[str | None], str] | None = None) -> tuple[JsonClient, list[float]]:
    slept: list[float] = []
    made = JsonClient(
        "Graph",
        "https://graph.test/v1.0",
        token or (lambda claims: "old"),
        TLS,
        sleep=slept.append,
        transport=httpx.MockTransport(script),
    )
    return made, slept


def ok(**body: object) -> httpx.Response:
    return httpx.Response(200, json=body)


def slow(status: int, after: str) -> httpx.Response:
    return httpx.Response(status, headers={"Retry-After": after}, json={"error": {"code": "x", "message": "slow"}})


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_read_waits_as_long_as_it_is_told_and_asks_again(status: int) -> None:
    script = Script(slow(status, "7"), ok(id="a"))
    graph, slept = client(script)
    assert graph.get("domains/a", wanted="a") == {"id": "a"}
    assert slept == [7.0]
    assert str(script.requests[0].url) == "https://graph.test/v1.0/domains/a"


def test_a_wait_beyond_our_patience_is_handed_up_with_its_length() -> None:
    script = Script(slow(429, "600"))
    graph, slept = client(script)
    with pytest.raises(Throttled) as caught:
        graph.get("domains", wanted="the domains")
    assert caught.value.retry_after == 600
    assert slept == []
    assert len(script.requests) == 1


def test_a_read_that_never_works_ends() -> None:
    script = Script(slow(503, "0"))
    graph, _ = client(script)
    with pytest.raises(Throttled):
        graph.get("domains", wanted="the domains")
    assert 2 < len(script.requests) < 10


def test_a_creating_post_is_sent_once_whatever_happens() -> None:
    for answer in (slow(429, "1"), slow(503, "1"), httpx.ReadTimeout("gone"), httpx.Response(200, text='{"id": "')):
        script = Script(answer)
        graph, slept = client(script)
        with pytest.raises(Transient):
            graph.call("POST", "domains", wanted="a domain", json={"id": "a"})
        assert len(script.requests) == 1
        assert slept == []


@pytest.mark.parametrize("text", ['{"value": [{"id": "a"', "", "<html>busy</html>", "[1]", '{"value": {}}'])
def test_a_damaged_answer_is_transient(text: str) -> None:
    graph, _ = client(Script(httpx.Response(200, text=text)))
    with pytest.raises(Transient):
        list(graph.pages("domains", wanted="the domains"))


def test_a_damaged_answer_is_asked_for_again() -> None:
    graph, _ = client(Script(httpx.Response(200, text='{"val'), ok(value=[{"id": "a"}])))
    assert list(graph.pages("domains", wanted="the domains")) == [{"id": "a"}]


def test_a_missing_member_is_transient_and_no_key_error() -> None:
    graph, _ = client(Script(ok(value=[{"id": "a"}])))
    [found] = graph.pages("domains", wanted="the domains")
    with pytest.raises(Transient, match="skuId"):
        found["skuId"]


def test_a_claims_challenge_is_answered_once_even_by_a_post() -> None:
    text = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
    header = f'Bearer realm="", error="insufficient_claims", claims="{base64.b64encode(text.encode()).decode()}"'
    asked: list[str | None] = []

    def token(claims: str | None) -> str:
        asked.append(claims)
        return "new" if claims else "old"

    script = Script(httpx.Response(401, headers={"WWW-Authenticate": header}), httpx.Response(201, json={"id": "a"}))
    graph, _ = client(script, token)
    assert graph.call("POST", "domains", wanted="a", json={"id": "a"}).status == 201
    assert asked == [None, text]
    assert script.requests[1].headers["Authorization"] == "Bearer new"

    script = Script(httpx.Response(401, headers={"WWW-Authenticate": header}))
    graph, _ = client(script, token)
    with pytest.raises(Refused):
        graph.get("domains", wanted="a")
    assert len(script.requests) == 2


def test_claims_in_url_safe_base64_without_padding() -> None:
    text = '{"access_token":{"x":"??>>"}}'
    for encoded in (
        base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        base64.b64encode(text.encode()).decode(),
    ):
        assert challenged_claims(f'Bearer claims="{encoded}"') == text
    assert challenged_claims('Bearer error="invalid_token"') is None
    assert challenged_claims('Bearer claims="%%%"') is None


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, '{"error":{"code":"InvalidAuthenticationToken","message":"expired"}}', Refused, "expired"),
        (403, '{"error":{"code":"Authorization_RequestDenied","message":"no rights"}}', Refused, "no rights"),
        (404, '{"error":{"code":"Request_ResourceNotFound","message":"no such"}}', Rejected, "no such"),
        (409, '{"error":{"code":"Conflict","message":"busy"}}', Drifted, "busy"),
        (412, '{"error":{"code":"PreconditionFailed","message":"etag"}}', Drifted, "etag"),
        (400, "plain words", Rejected, "plain words"),
        (400, '{"code":"900","description":"from partner center"}', Rejected, "from partner center"),
        (500, "<html>", Transient, "500"),
        (302, "", Rejected, "302"),
    ],
)
def test_failures_are_named_by_what_to_do_next(status: int, body: str, kind: type[Exception], words: str) -> None:
    graph, _ = client(Script(httpx.Response(status, text=body)))
    with pytest.raises(kind, match=words):
        graph.call("POST", "domains", wanted="a")


def test_pages_follow_the_link_with_its_own_query() -> None:
    script = Script(
        ok(value=[{"id": "1"}], **{"@odata.nextLink": "https://graph.test/v1.0/domains?$skiptoken=x"}),
        ok(value=[{"id": "2"}]),
    )
    graph, _ = client(script)
    assert [one["id"] for one in graph.pages("domains", wanted="d", params={"$top": "1"})] == ["1", "2"]
    assert script.requests[1].url.params == httpx.QueryParams({"$skiptoken": "x"})


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/v1.0/domains?$skiptoken=x",
        "http://graph.test/v1.0/domains",
        "https://graph.test:8443/v1.0/domains",
        "https://graph.test@evil.test/v1.0/domains",
    ],
)
def test_a_link_to_another_host_never_gets_our_token(link: str) -> None:
    script = Script(ok(value=[], **{"@odata.nextLink": link}))
    graph, _ = client(script)
    with pytest.raises(Blocked, match="another host"):
        list(graph.pages("domains", wanted="d"))
    assert len(script.requests) == 1


def test_a_link_to_a_page_already_read_ends() -> None:
    link = "https://graph.test/v1.0/domains?$skiptoken=x"
    script = Script(ok(value=[{"id": "1"}], **{"@odata.nextLink": link}))
    graph, _ = client(script)

    def read() -> Iterator[object]:
        return graph.pages("domains", wanted="d")

    with pytest.raises(Blocked, match="already read"):
        list(read())
    assert len(script.requests) == 2


def test_retry_after_as_a_date() -> None:
    assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after({"Retry-After": "soon"}, 4) == 4
    assert retry_after({"Retry-After": "1.5"}) == 1.5
