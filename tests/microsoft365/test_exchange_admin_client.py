"""InvokeCommand: envelope, headers, encoding, paging and errors; no server but a transport."""

import base64
import json
import ssl
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import SecretStr

from blocks.microsoft365.answers import Rejected, retry_after
from blocks.microsoft365.cmdlet_errors import is_absent
from blocks.microsoft365.credential import ps_credential
from blocks.microsoft365.exchange_admin import APP_ANCHOR, ExchangeAdmin, encode
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.mailboxes import Mailboxes
from blocks.microsoft365.migration import Migration
from mailmove.errors import Blocked, NotYet, Refused, Throttled, Transient
from mailmove.evidence import now

TLS = ssl.create_default_context()


class World:
    """Plays InvokeCommand: cmdlet -> answers in turn, the last for ever."""

    def __init__(self, **answers: list[httpx.Response]) -> None:
        self.answers = {name.replace("_", "-"): turn for name, turn in answers.items()}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.endswith("/$batch"):
            asked = json.loads(request.content)["requests"]
            answers = [(one["id"], self._turn(one["body"]["CmdletInput"])) for one in asked]
            found = [{"id": number, "status": one.status_code, "headers": dict(one.headers), "body": one.json()}
                     for number, one in answers if one.status_code != 599]  # fmt: skip
            return httpx.Response(200, json={"responses": found[::-1]})
        return self._turn(json.loads(request.content)["CmdletInput"])

    def _turn(self, body: dict[str, Any]) -> httpx.Response:
        self.calls.append((body["CmdletName"], body["Parameters"]))
        turn = self.answers[body["CmdletName"]]
        return turn.pop(0) if len(turn) > 1 else turn[0]

    def exchange(self) -> ExchangeAdmin:
        http = JsonClient(
            "Exchange Online",
            "https://outlook.test",
            lambda claims: "token",
            TLS,
            sleep=lambda seconds: None,
            transport=httpx.MockTransport(self),
        )
        return ExchangeAdmin(http, "tid", lambda: APP_ANCHOR.format(tenant="tid"))

    def sent(self, cmdlet: str) -> list[dict[str, Any]]:
        return [parameters for name, parameters in self.calls if name == cmdlet]


def value(*objects: dict[str, Any], **more: object) -> httpx.Response:
    return httpx.Response(200, json={"value": list(objects), **more})


def failure(message: str, status: int = 400, **headers: str) -> httpx.Response:
    body = {"error": {"code": "BadRequest", "message": "outer", "details": [{"code": "1", "message": message}]}}
    return httpx.Response(status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


ABSENT = failure("Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|no 'x'", 404)


def test_the_envelope_and_the_headers_that_route_it() -> None:
    world = World(Get_Mailbox=[value()])
    world.exchange().run("Get-Mailbox", {"ResultSize": "Unlimited"}, wanted="boxes")
    [request] = world.requests
    assert request.url.path == "/adminapi/beta/tid/InvokeCommand"
    assert json.loads(request.content) == {
        "CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": {"ResultSize": "Unlimited"}}
    }
    assert request.headers["X-CmdletName"] == "Get-Mailbox"
    assert request.headers["X-AnchorMailbox"] == "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@tid"
    assert request.headers["X-ResponseFormat"] == "json"


def test_pages_are_asked_for_with_the_same_body_and_request_id() -> None:
    world = World(
        Get_Mailbox=[value({"n": 1}, **{"@odata.nextLink": "https://outlook.test/adminapi/beta/tid/InvokeCommand?$skip=1"}),
                     value({"n": 2})]
    )  # fmt: skip
    assert world.exchange().run("Get-Mailbox", wanted="boxes") == [{"n": 1}, {"n": 2}]
    first, second = world.requests
    assert first.content == second.content
    assert first.headers["client-request-id"] == second.headers["client-request-id"]


def test_only_acts_are_told_not_to_ask() -> None:
    world = World(Get_Mailbox=[value()], Set_Mailbox=[value()])
    exchange = world.exchange()
    exchange.run("Get-Mailbox", {"Identity": "a"}, wanted="a")
    exchange.run("Set-Mailbox", {"Identity": "a"}, wanted="a")
    assert "Confirm" not in world.sent("Get-Mailbox")[0]
    assert world.sent("Set-Mailbox")[0]["Confirm"] is False


def test_a_question_is_not_taken_for_an_act() -> None:
    world = World(Remove_MigrationBatch=[value(**{"@adminapi.confirmationmessage": "Are you sure?"})])
    with pytest.raises(Blocked, match="Are you sure"):
        world.exchange().run("Remove-MigrationBatch", {"Identity": "a"}, wanted="gone")


def test_an_error_inside_a_200_is_an_error() -> None:
    world = World(Get_Mailbox=[value(**{"@adminapi.errors": [{"message": "E1|a.b.SomeException|broken"}]})])
    with pytest.raises(Rejected, match="broken") as caught:
        world.exchange().run("Get-Mailbox", wanted="boxes")
    assert caught.value.code == "SomeException"


def test_parameters_are_encoded() -> None:
    at = datetime(2026, 11, 23, 22, 0, 0, 120, tzinfo=timezone(timedelta(hours=1)))
    assert encode(
        {
            "AutoStart": True,
            "StartAfter": at,
            "ReportInterval": timedelta(days=1, hours=2, seconds=3),
            "EmailAddresses": {"Add": ["smtp:a@b"]},
            "Tables": [{"a": 1}],
            "Name": "x",
        },
        confirm=True,
    ) == {
        "AutoStart": True,
        "StartAfter": "2026-11-23T21:00:00.0001200Z",
        "ReportInterval": "1.02:00:03",
        "EmailAddresses": {"@odata.type": "#Exchange.GenericHashTable", "Add": ["smtp:a@b"]},
        "Tables": [{"@odata.type": "#Exchange.GenericHashTable", "a": 1}],
        "Tables@odata.type": "#Collection(Exchange.GenericHashTable)",
        "Name": "x",
        "Confirm": False,
    }


def test_a_password_can_be_read_by_the_holder_of_the_key_only() -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()  # fmt: skip
    sent = encode({"Credentials": ps_credential("CONTOSO\\mover", SecretStr("pa55 wörd"), pem)}, confirm=False)
    assert sent["Credentials"]["@odata.type"] == "#Exchange.PSCredential"
    assert sent["Credentials"]["UserName"] == "CONTOSO\\mover"
    sealed = base64.b64decode(sent["Credentials"]["EncryptedPassword"])
    assert key.decrypt(sealed, padding.PKCS1v15()).decode() == "pa55 wörd"
    assert "pa55" not in json.dumps(sent)


@pytest.mark.parametrize("pem", [None, "no key at all"])
def test_without_a_key_a_person_is_told_what_to_do(pem: str | None) -> None:
    with pytest.raises(Blocked) as caught:
        ps_credential("u", SecretStr("topsecret"), pem)
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(400, text="You have reached the maximum number of concurrent requests per tenant."), Throttled),
        (failure("busy", 500, X_ExceptionType="Microsoft.Exchange.DCOverloadedException"), Transient),
        (failure("E|Microsoft.Exchange.UnableToWriteToAadException|try later"), Transient),
        (failure("UnableToWriteToAad: try later"), Transient),
        (failure("E|System.CommandNotFoundException|The term 'New-X' is not recognized"), Refused),
        (failure("no", 403), Refused),
        (failure("gone", 503, Retry_After="0"), Throttled),
        (failure("E|a.MigrationTransientException|We weren't able to connect"), Rejected),
        (httpx.Response(400, text="not JSON"), Rejected),
    ],
)
def test_errors_are_named_by_what_to_do_next(answer: httpx.Response, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        World(Set_Mailbox=[answer]).exchange().run("Set-Mailbox", wanted="it")
    assert type(caught.value) is kind


def test_the_inner_message_wins() -> None:
    body = {"error": {"message": "outer", "innererror": {"internalexception": {"message": "E|x.y.DeepException|deep"}}}}
    with pytest.raises(Rejected, match="deep") as caught:
        World(Set_Mailbox=[httpx.Response(400, json=body)]).exchange().run("Set-Mailbox", wanted="it")
    assert caught.value.code == "DeepException"
    assert not is_absent(caught.value)


def test_a_read_is_repeated_and_an_act_is_not() -> None:
    world = World(
        Get_Mailbox=[failure("busy", 503), value({"n": 1})], Set_Mailbox=[failure("busy", 503), value()]
    )  # fmt: skip
    exchange = world.exchange()
    assert exchange.run("Get-Mailbox", wanted="boxes") == [{"n": 1}]
    with pytest.raises(Transient):
        exchange.run("Set-Mailbox", wanted="it")
    assert len(world.sent("Set-Mailbox")) == 1


def test_a_batch_is_made_once_and_found_again_after_a_lost_answer() -> None:
    batch = {"Identity": "night", "Status": "Created"}
    world = World(
        Get_MigrationBatch=[ABSENT, value(batch)], New_MigrationBatch=[httpx.Response(200, text='{"val'), value(batch)]
    )
    migration = Migration(world.exchange(), None)
    with pytest.raises(Transient):
        migration.create_batch("night", "oa")
    assert migration.create_batch("night", "oa").status == "Created"
    [sent] = world.sent("New-MigrationBatch")
    assert sent == {"Name": "night", "SourceEndpoint": "oa", "TimeZone": "UTC", "Confirm": False}


def test_an_empty_name_never_reaches_the_service() -> None:
    world = World()
    migration = Migration(world.exchange(), None)
    for ask in (migration.batch, migration.endpoint, migration.users, migration.remove_batch):
        with pytest.raises(Blocked, match="empty name"):
            ask(" ")
    assert world.calls == []


def test_all_batches_for_one_is_not_taken_for_ours() -> None:
    world = World(Get_MigrationBatch=[value({"Identity": "other", "Status": "Synced"})])
    assert Migration(world.exchange(), None).batch("night") is None


def test_a_running_batch_is_left_alone_and_a_failed_one_started_again() -> None:
    world = World(Get_MigrationBatch=[value({"Identity": "night", "Status": {"Value": "Syncing"}})])
    Migration(world.exchange(), None).start_batch("night")
    assert world.sent("Start-MigrationBatch") == []
    world = World(
        Get_MigrationBatch=[value({"Identity": "night", "Status": "SyncedWithErrors", "FailedCount": 1})],
        Start_MigrationBatch=[value()],
    )
    Migration(world.exchange(), None).start_batch("night")
    assert world.sent("Start-MigrationBatch") == [{"Identity": "night", "Confirm": False}]


def test_a_batch_that_is_being_removed_is_not_removed_twice() -> None:
    world = World(Get_MigrationBatch=[value({"Identity": "night", "Status": "Removing"})])
    with pytest.raises(NotYet):
        Migration(world.exchange(), None).remove_batch("night")
    assert world.sent("Remove-MigrationBatch") == []


def test_sync_now_refused_says_what_happens_without_it() -> None:
    world = World(
        Get_MigrationBatch=[value({"Identity": "night", "Status": "Synced"})],
        Set_MigrationBatch=[failure("E|a.InvalidOperationException|not for this batch")],
    )
    with pytest.raises(Blocked, match="daily sync"):
        Migration(world.exchange(), None).sync_now("night")


def test_users_with_their_last_sync_and_why_they_failed() -> None:
    world = World(
        Get_MigrationUser=[
            value(
                {
                    "Identity": "Anna@Contoso.com",
                    "Status": "Synced",
                    "SyncedItemCount": 12,
                    "SkippedItemCount": 1,
                    "LastSuccessfulSyncTime": "2026-11-23T20:15:00.1234567Z",
                },
                {"Identity": "bob@contoso.com", "Status": {"Value": "Failed"}, "LastSuccessfulSyncTime": None},
            )
        ],
        Get_MigrationUserStatistics=[value({"Error": "an item over 150 MB"})],
    )
    anna, bob = Migration(world.exchange(), None).users("night")
    assert (anna.address, anna.synced_items, anna.skipped_items) == ("anna@contoso.com", 12, 1)
    assert anna.last_synced == datetime(2026, 11, 23, 20, 15, 0, 123456, UTC)
    assert (bob.status, bob.last_synced, bob.error) == ("Failed", None, "an item over 150 MB")
    assert world.sent("Get-MigrationUserStatistics") == [{"Identity": "bob@contoso.com"}]


def test_a_mailbox_is_converted_only_if_it_is_not_and_read_back() -> None:
    user, shared = {"RecipientTypeDetails": "UserMailbox"}, {"RecipientTypeDetails": "SharedMailbox"}
    world = World(Get_Mailbox=[value(user), value(shared), value(shared)], Set_Mailbox=[value()])
    boxes = Mailboxes(world.exchange())
    boxes.set_kind("info@contoso.com", "Shared")
    boxes.set_kind("info@contoso.com", "Shared")
    assert world.sent("Set-Mailbox") == [{"Identity": "info@contoso.com", "Type": "Shared", "Confirm": False}]
    world = World(Get_Mailbox=[value(user)], Set_Mailbox=[value()])
    with pytest.raises(NotYet):
        Mailboxes(world.exchange()).set_kind("info@contoso.com", "Shared")
    world = World(Get_Mailbox=[ABSENT])
    with pytest.raises(Blocked):
        Mailboxes(world.exchange()).set_kind("info@contoso.com", "Shared")


def test_many_reads_go_ten_at_a_time_and_each_has_its_own_answer() -> None:
    busy = failure("Too many requests", 429, Retry_After="0")
    lost = httpx.Response(599, json={})  # the batch answers without it
    further = value(
        {"n": 4}, **{"@odata.nextLink": "https://outlook.test/adminapi/beta/tid/InvokeCommand?$skiptoken=x"}
    )
    turns = [value({"n": 0}), ABSENT, busy, lost, further, *(value({"n": one}) for one in range(5, 12))]
    again = [value({"n": 2}), value({"n": 3}), value({"n": 4}), value({"n": 44})]
    world = World(Get_MigrationUserStatistics=[*turns[:10], *again[:2], further, again[3], *turns[10:]])
    asked = [{"Identity": str(number)} for number in range(12)]
    found = world.exchange().read_many("Get-MigrationUserStatistics", asked, wanted="statistics")
    assert isinstance(found[1], Rejected) and is_absent(found[1])
    assert [one for one in found if isinstance(one, list)] == [
        [{"n": 0}], [{"n": 2}], [{"n": 3}], [{"n": 4}, {"n": 44}], *([{"n": one}] for one in range(5, 12))
    ]  # fmt: skip
    batches = [one for one in world.requests if one.url.path.endswith("/$batch")]
    assert [len(json.loads(one.content)["requests"]) for one in batches] == [10, 2]
    assert not any("Confirm" in parameters for _, parameters in world.calls)


def test_a_throttle_is_waited_for_as_either_header_says() -> None:
    soon = (now() + timedelta(seconds=30)).isoformat()
    assert retry_after({"Retry-After": "7", "Rate-Limit-Reset": soon}) == 7
    assert 20 < retry_after({"Rate-Limit-Remaining": "0", "Rate-Limit-Reset": soon}) <= 30
    assert retry_after({"Rate-Limit-Reset": "nonsense"}, 5.0) == 5.0
