"""MTA-STS around a switch: read, judged, remembered; the policy file comes over real TLS."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from lab.authority import Authority
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.places import Places
from mailmove.dns.client.lookups import Lookups
from mailmove.dns.mail_auth.mta_sts import MtaStsPolicy, judge, narrowed, read_policy, remember, widened
from mailmove.dns.mail_auth.mta_sts_fetch import Fetched, https_fetch

OLD = MtaStsPolicy(mode="enforce", mx=("mail.contoso.test",), max_age=604_800)
NEW = ["contoso-test.q-v1.mx.microsoft."]
AT = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def test_patterns_match_as_the_rfc_says() -> None:
    policy = MtaStsPolicy(mode="enforce", mx=("mail.contoso.test", "*.mx.contoso.test"), max_age=1)
    assert policy.lists("MAIL.contoso.test.") and policy.lists("a.mx.contoso.test")
    assert not policy.lists("mx.contoso.test") and not policy.lists("a.b.mx.contoso.test")


def test_widen_first_then_narrow() -> None:
    both = widened(OLD, NEW)
    assert both.mx == ("mail.contoso.test", "contoso-test.q-v1.mx.microsoft")
    assert read_policy(both.text()) == both, "what is to be published can be read back"
    assert widened(both, NEW) == both
    assert narrowed(both, NEW).mx == ("contoso-test.q-v1.mx.microsoft",)
    assert (both.refuses([*NEW, "mail.contoso.test."]), narrowed(both, NEW).refuses(NEW)) == ([], [])


def test_an_enforced_policy_without_the_new_mx_blocks_and_says_what_to_publish() -> None:
    [found] = judge("contoso.test", OLD, NEW, None, at=AT, patience=DAY)
    assert found.blocks and "contoso-test.q-v1.mx.microsoft" in found.seen
    assert "mx: mail.contoso.test | mx: contoso-test.q-v1.mx.microsoft | max_age: 604800" in found.todo
    assert "https://mta-sts.contoso.test/.well-known/mta-sts.txt" in found.todo and "change the id" in found.todo
    for mode in ("testing", "none"):
        assert judge("contoso.test", OLD.model_copy(update={"mode": mode}), NEW, None, at=AT, patience=DAY) == []


def test_the_old_max_age_is_remembered_as_a_bound() -> None:
    held = remember(OLD, NEW, None, AT)
    assert held and held.until == AT + timedelta(seconds=604_800)
    both, later = widened(OLD, NEW).model_copy(update={"max_age": 60}), AT + timedelta(hours=2)
    kept = remember(both, NEW, held, later)
    assert kept == held, "the new policy's short max_age says nothing about those who hold the old one"
    [found] = judge("contoso.test", both, NEW, kept, at=later, patience=timedelta(days=30))
    assert found.blocks and "2026-11-30 22:00" in found.todo
    [found] = judge("contoso.test", both, NEW, kept, at=later, patience=DAY)
    assert found.blocks and "2026-11-24 22:00" in found.todo, "patience ends first"
    [found] = judge("contoso.test", both, NEW, kept, at=AT + DAY, patience=DAY)
    assert not found.blocks, "and then it is said, and no longer in the way"
    assert remember(both, NEW, held, held.until) is None
    shorter = OLD.model_copy(update={"max_age": 60})
    assert remember(shorter, NEW, held, later).until == held.until, "a bound is never shortened"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: -1\n",
        "version: STSv2\nmode: none\nmax_age: 1\n",
        "version: STSv1\nmode: enforce\nmax_age: 1\n",
        " version: STSv1\nmode: none\nmax_age: 1\n",
        "version: STSv1\r\r\nmode: none\nmax_age: 1\n",
    ],
)
def test_a_file_that_is_no_policy(body: str) -> None:
    with pytest.raises(ValueError):
        read_policy(body)


@contextmanager
def web_server(places: Places, authority: Authority, name: str, answers: dict[str, object]) -> Iterator[None]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers["asked"] = f"{self.headers['Host']}{self.path}"
            body = str(answers["body"]).encode()
            self.send_response(int(str(answers.get("status", 200))))
            self.send_header("Content-Type", str(answers.get("type", "text/plain; charset=utf-8")))
            self.send_header("Location", "https://elsewhere.test/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer((places.host(80), places.https_port), Handler) as server:
        server.socket = authority.server_context(name).wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def town() -> Iterator[TownDns]:
    places = Places()
    with TownDns(places, kind="rfc2136", zones={}, resolvers=[HONEST], faults=Faults()) as town:
        town.add_zone("contoso.test", [rrset("mta-sts.contoso.test", "A", 60, places.host(80))])
        yield town


async def fetched(town: TownDns, domain: str, context: ssl.SSLContext) -> Fetched:
    lookups = Lookups([(town.resolvers[0].address, town.places.dns_port)])
    try:
        return await https_fetch(lookups.get, port=town.places.https_port, context=context, timeout=3)(domain)
    finally:
        await lookups.close()


async def test_the_file_is_fetched_as_senders_do(town: TownDns) -> None:
    authority, answers = Authority(), {"body": OLD.text()}
    trust = ssl.create_default_context(cadata=authority.pem)
    with web_server(town.places, authority, "mta-sts.contoso.test", answers):
        got = await fetched(town, "contoso.test", trust)
        assert got.error is None and read_policy(got.body) == OLD
        assert answers["asked"] == "mta-sts.contoso.test/.well-known/mta-sts.txt"
        for bad, words in (
            ({"status": 302}, "answers 302"),
            ({"status": 404}, "answers 404"),
            ({"type": "text/html"}, "text/html"),
            ({"body": "x" * 70_000}, "more than 65536 bytes"),
        ):
            answers.clear()
            answers.update({"body": OLD.text(), **bad})
            assert words in str((await fetched(town, "contoso.test", trust)).error)
        assert "CERTIFICATE_VERIFY_FAILED" in str(
            (await fetched(town, "contoso.test", ssl.create_default_context())).error
        )
    assert "no address" in str((await fetched(town, "nosuch.contoso.test", trust)).error)


async def test_a_certificate_for_another_name_does_not_count(town: TownDns) -> None:
    authority = Authority()
    trust = ssl.create_default_context(cadata=authority.pem)
    with web_server(town.places, authority, "www.contoso.test", {"body": OLD.text()}):
        assert "CERTIFICATE_VERIFY_FAILED" in str((await fetched(town, "contoso.test", trust)).error)
