"""The admin endpoint as some tenants answer it: a region of its own, JSON errors, objects, dates, one anchor."""

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cloud_town import DOMAIN, Town, opened_town

from blocks.microsoft365.answers import Rejected, moment, retry_after
from blocks.microsoft365.clouds import CLOUDS
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.front_door import ELSEWHERE
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.identities import plain, spellings
from lab.cloud.tenant import MigrationEndpoint, MovedUser
from lab.hostile import be_hostile, switches
from mailmove.clock import now
from mailmove.errors import AnswerUnreadable, Blocked, MailmoveError, Throttled, Transient

OWN = ("regional_host", "anchor", "error_details", "object_identities", "dates", "skipped_texts")
FRONT = CLOUDS["global"].exchange
REGION = "https://eurprd04.outlook.office365.com"
BODY = {"value": [{"Identity": "x"}]}
TLS = ssl.create_default_context()


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with opened_town() as town:
        yield town


@pytest.fixture(autouse=True)
def friendly(town: Town) -> Iterator[None]:
    yield
    town.faults.clear()


class Door:
    """Plays hosts: (host, path) -> answer; keeps what was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked, self.tokens = answer, list[httpx.Request](), 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answer(request)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, httpx.Response)
        return answer

    def token(self, claims: str | None) -> str:
        self.tokens += 1
        return f"token{self.tokens}"

    def client(
        self, base: str = FRONT, regions: tuple[str, ...] | None = CLOUDS["global"].exchange_regions
    ) -> JsonClient:
        return JsonClient("Exchange Online", base, self.token, TLS, sleep=lambda seconds: None,
                          transport=httpx.MockTransport(self), regions=regions)  # fmt: skip

    def exchange(self) -> ExchangeAdmin:
        return ExchangeAdmin(self.client(), "tid")


def front_sends_to(place: str, status: int = 302) -> Door:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == httpx.URL(FRONT).host:
            return httpx.Response(status, headers={"Location": place.replace("{path}", request.url.path)})
        return httpx.Response(200, json=BODY)

    return Door(answer)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_a_region_is_followed_with_the_body_and_remembered(status: int) -> None:
    door = front_sends_to(REGION + ":446{path}", status)
    exchange = door.exchange()
    assert exchange.run("New-MigrationBatch", {"Name": "b"}, wanted="b") == [{"Identity": "x"}]
    first, second = door.asked
    assert second.method == "POST" and second.content == first.content
    assert str(second.url) == f"{REGION}/adminapi/beta/tid/InvokeCommand", "446 is the back end's port"
    assert first.headers["Authorization"] != second.headers["Authorization"], "a fresh one"
    exchange.run("Get-MigrationBatch", wanted="b")
    assert [request.url.host for request in door.asked[2:]] == [httpx.URL(REGION).host], "remembered"


@pytest.mark.parametrize(
    "place",
    [
        "https://login.example{path}",
        "https://outlook.office365.com.example{path}",
        "https://eviloutlook.office365.com{path}",
        "https://outlook.office365.com@evil.example{path}",
        "http://eurprd04.outlook.office365.com{path}",
        "https://eurprd04.outlook.office365.com:8443{path}",
        "//evil.example{path}",
        "https://[broken",
    ],
)
def test_a_redirect_to_any_other_host_is_refused_by_name(place: str) -> None:
    door = front_sends_to(place)
    with pytest.raises(Blocked) as caught:
        door.exchange().run("Get-MigrationBatch", wanted="b")
    assert caught.value.code == ELSEWHERE
    assert place.partition("{")[0] in caught.value.seen or "outlook.office365.com" in caught.value.seen
    assert len(door.asked) == 1, "our token went nowhere"


def test_a_redirect_of_another_kind_or_of_graph_is_refused() -> None:
    for place, status in ((REGION, 303), ("", 302)):
        with pytest.raises(Blocked, match=str(status)):
            front_sends_to(place, status).exchange().run("Get-MigrationBatch", wanted="b")
    door = front_sends_to(REGION + "{path}")
    with pytest.raises(Rejected):
        door.client(regions=None).get("me", wanted="me")
    assert len(door.asked) == 1


def test_a_circle_of_redirects_ends() -> None:
    door = Door(lambda request: httpx.Response(302, headers={"Location": f"{REGION}{request.url.path}"}))
    with pytest.raises(Blocked, match="circle"):
        door.exchange().run("Get-MigrationBatch", wanted="b")
    assert len(door.asked) < 12


def test_a_region_that_is_not_to_be_reached_is_forgotten() -> None:
    gone = False

    def answer(request: httpx.Request) -> httpx.Response | Exception:
        if request.url.host == httpx.URL(FRONT).host:
            place = "https://apcprd06.outlook.office365.com" if gone else REGION
            return httpx.Response(302, headers={"Location": f"{place}{request.url.path}"})
        if gone and request.url.host == httpx.URL(REGION).host:
            return httpx.ConnectError("no route", request=request)
        return httpx.Response(200, json=BODY)

    exchange = Door(answer).exchange()
    exchange.run("Get-MigrationBatch", wanted="b")
    gone = True
    assert exchange.run("Get-MigrationBatch", wanted="b") == [{"Identity": "x"}]


def test_pages_of_a_region_are_read_there() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == httpx.URL(FRONT).host:
            return httpx.Response(302, headers={"Location": f"{REGION}{request.url.path}"})
        link = {} if request.url.query else {"@odata.nextLink": f"{REGION}:446{request.url.path}?$skiptoken=p"}
        return httpx.Response(200, json=BODY | link)

    door = Door(answer)
    assert len(door.exchange().run("Get-Mailbox", wanted="b")) == 2
    assert all(request.url.port is None for request in door.asked)


DETAIL = {"Message": "The object 'x' couldn't be read.", "StackTrace": None, "InnerError": None}
ABSENT = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"


def error(detail: Any, status: int = 400) -> httpx.Response:
    text = detail if isinstance(detail, str) else json.dumps(detail)
    details = [{"code": "Context", "target": "", "message": text}]
    outer = {"code": "BadRequest", "message": "Error executing cmdlet", "details": details}
    return httpx.Response(status, json={"error": outer})


@pytest.mark.parametrize(
    ("detail", "code"),
    [
        (DETAIL | {"TypeName": ABSENT}, "ManagementObjectNotFoundException"),
        (DETAIL | {"ClassName": ABSENT}, "ManagementObjectNotFoundException"),
        (DETAIL | {"TypeName": "a.b.TaskException", "InnerError": {"TypeName": ABSENT, "Message": "inner"}},
         "ManagementObjectNotFoundException"),
        (DETAIL | {"TypeName": "a.b.SomeException"}, "SomeException"),
        (f"Ex1|{ABSENT}|words", "ManagementObjectNotFoundException"),
    ],
)  # fmt: skip
def test_the_class_of_an_error_is_read_from_json_text(detail: Any, code: str) -> None:
    with pytest.raises(Rejected) as caught:
        Door(lambda request: error(detail, 404)).exchange().run("Get-MigrationBatch", wanted="b")
    assert caught.value.code == code
    assert "{" not in caught.value.seen, "words are for people"


def test_json_errors_that_pass_are_asked_again_and_unknown_forms_are_no_absence() -> None:
    passing = DETAIL | {"TypeName": "a.Outer", "InnerError": {"TypeName": "x.ServerInMMException", "Message": "m"}}
    with pytest.raises(Transient):
        Door(lambda request: error(passing)).exchange().run("New-MigrationBatch", {"Name": "b"}, wanted="b")
    for odd in ("{", "{}", '{"Message": 5}', '{"TypeName": ["x"]}', "[]"):
        with pytest.raises(MailmoveError) as caught:
            Door(lambda request, odd=odd: error(odd, 404)).exchange().run("Get-MigrationBatch", wanted="b")
        assert caught.value.code != "ManagementObjectNotFoundException"


def test_an_error_in_a_good_answer_may_be_json_text_too() -> None:
    text = json.dumps(DETAIL | {"TypeName": ABSENT})
    for shown in (text, {"message": text}, DETAIL | {"TypeName": ABSENT}):
        page = {"value": [], "@adminapi.errors": [shown]}
        with pytest.raises(Rejected) as caught:
            Door(lambda request, page=page: httpx.Response(200, json=page)).exchange().run("Get-Mailbox", wanted="b")
        assert caught.value.code == "ManagementObjectNotFoundException"


def test_the_time_to_wait_is_rfc_3339() -> None:
    for zone in (UTC, None):
        at = now() + timedelta(seconds=30)
        shown = at.strftime("%Y-%m-%dT%H:%M:%S.%f0z") if zone else at.isoformat()
        assert 25 < retry_after({"Rate-Limit-Reset": shown}) <= 30
    headers = {"Rate-Limit-Reset": (now() + timedelta(seconds=40)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    busy = httpx.Response(429, text="You have reached the maximum number of concurrent requests", headers=headers)
    with pytest.raises(Throttled) as caught:
        Door(lambda request: busy).exchange().run("New-MigrationBatch", {"Name": "b"}, wanted="b")
    assert caught.value.retry_after is not None and 30 < caught.value.retry_after <= 40


@pytest.mark.parametrize(
    "shown",
    [
        "2026-11-30T23:20:01Z", "2026-11-30T23:20:01.0000000Z", "2026-11-30T23:20:01", "2026-12-01T00:20:01+01:00",
        "/Date(1796080801000)/", "/Date(1796080801000+0100)/", {"value": "/Date(1796080801000)/"},
        "11/30/2026 11:20:01 PM", "11/30/2026 11:20:01\u202fPM", "11/30/2026 23:20:01", "11/30/2026 11:20:01 PM +00:00",
    ],
)  # fmt: skip
def test_a_moment_is_read_in_every_form(shown: Any) -> None:
    assert moment(shown) == datetime(2026, 11, 30, 23, 20, 1, tzinfo=UTC)


@pytest.mark.parametrize("shown", ["30.11.2026 23:20", "/Date(x)/", "/Date()/", "13/30/2026 11:20:01 PM", "/"])
def test_a_moment_in_another_form_is_unreadable(shown: str) -> None:
    with pytest.raises(AnswerUnreadable):
        moment(shown)


def test_an_identity_as_an_object_keeps_all_of_its_names() -> None:
    row = plain(
        {
            "Identity": {"Name": "Anna", "RawIdentity": "anna@x.example", "Id": "7"},
            "GrantSendOnBehalfTo": [{"Name": "bob", "Id": "8"}, "carl"],
            "User": {"RawIdentity": "x"},
            "Status": {"Value": "Synced"},
            "Deny": {"IsPresent": True},
            "SkippedItems": [{"Kind": "LargeItem", "Id": "9"}],
        }
    )
    assert row["Identity"] == "anna@x.example" and spellings(row, "Identity") == {"anna", "anna@x.example", "7"}
    assert row["GrantSendOnBehalfTo"] == ["bob", "carl"] and row["User"] == "x"
    assert row["Status"] == {"Value": "Synced"} and row["Deny"] == {"IsPresent": True}
    assert row["SkippedItems"] == [{"Kind": "LargeItem", "Id": "9"}]
    assert plain({"Identity": {"Depth": 1}})["Identity"] == {"Depth": 1}, "no name: left for the reader to refuse"


def test_everything_that_a_night_asks_of_such_a_tenant_is_answered(town: Town) -> None:
    """Each switch by itself and all together, over real sockets: endpoint, batch, users, statistics, permissions."""
    for names in (*((name,) for name in OWN), OWN):
        town.faults.clear()
        be_hostile(town.faults, names)
        _night(town)
    assert set(OWN) <= set(switches())


def _night(town: Town) -> None:
    tenant = town.tenant()
    migration, cloud = tenant.migration, town.cloud.tenant
    at = MigrationEndpoint("oa", "sbs2008.local", f"mail.{DOMAIN}", "Basic", "user", "password")
    with cloud.lock:
        cloud.endpoints["oa"] = at
    known = migration.endpoint("oa")
    assert known is not None and known.exchange_server == "sbs2008.local"
    assert migration.create_batch("night", "oa").status == "Created"
    user = MovedUser(f"anna@{DOMAIN}", "Failed", "no", last_synced=datetime.now(UTC))
    user.skipped = [{"Kind": "LargeItem", "Subject": "plan", "Sender": "a@b", "FolderName": "Inbox"}]
    other = MovedUser(f"bert@{DOMAIN}", "Failed")
    with cloud.lock:
        cloud.batches["night"].users.update({one.address: one for one in (user, other)})
    assert migration.batch("night") is not None and migration.batch("absent") is None
    assert {one.address for one in migration.users("night")} == {user.address, other.address}
    seen = {one.address: one for one in migration.users("night")}[user.address].last_synced
    assert seen is not None and user.last_synced is not None and abs(seen - user.last_synced) < timedelta(seconds=1)
    assert "plan" in str(migration.skipped_items(user.address)[0])
    box = cloud.add_user(f"carl@{DOMAIN}", "Carl", "")
    box.has_mailbox, box.delegates = True, {("FullAccess", box.upn), ("SendAs", box.upn), ("SendOnBehalf", box.upn)}
    assert {(grant.right, grant.trustee) for grant in tenant.permissions.of([box.upn])} == {
        ("full_access", box.upn), ("send_as", box.upn), ("send_on_behalf", box.upn)
    }  # fmt: skip
    assert box.upn in {recipient.address for recipient in tenant.recipients.all()}
    with cloud.lock:
        cloud.batches.clear()
        del cloud.users[box.upn]
    migration.remove_endpoint("oa")
