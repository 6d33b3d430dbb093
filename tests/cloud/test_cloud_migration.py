"""A cutover batch, from the old Exchange of the lab over real sockets: endpoint, first sync, arrivals, removal."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lab.exchange.old_exchange import OldExchange
from lab.mail_store import Mailbox

PROXY = "mail.northwind.example"


@pytest.fixture
def old(town: Any) -> Iterator[OldExchange]:
    with OldExchange(town.places, town.authority, town.company, town.faults) as exchange:
        exchange.state.set_outlook_anywhere(
            {
                "ExternalHostname": PROXY,
                "ClientAuthenticationMethod": "Basic",
                "IISAuthenticationMethods": ["Basic"],
                "SSLOffloading": False,
            }
        )
        town.dns.records[PROXY + ".", "A"] = town.places.old_server
        yield exchange


def credential(town: Any, user: str, password: str) -> dict[str, str]:
    key = serialization.load_pem_public_key(town.cloud.exchange_public_key_pem.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    secret = base64.b64encode(key.encrypt(password.encode(), padding.PKCS1v15())).decode()
    return {"@odata.type": "#Exchange.PSCredential", "UserName": user, "EncryptedPassword": secret}


def described(town: Any, **more: Any) -> dict[str, Any]:
    admin = town.company.admin
    return {
        "ExchangeOutlookAnywhere": True,
        "ExchangeServer": "SBS2008",
        "RpcProxyServer": PROXY,
        "Credentials": credential(town, admin, town.company.accounts[admin]),
        "Authentication": "Basic",
        "EmailAddress": "anna@northwind.example",
        **more,
    }


def batch(town: Any) -> Any:
    return town.cmdlet("Get-MigrationBatch", Identity="night").json()["value"][0]


def start(town: Any) -> None:
    """Endpoint and batch, started."""
    made = town.cmdlet("New-MigrationEndpoint", Name="oa", Confirm=False, **described(town))
    assert made.status_code == 200, made.text
    made = town.cmdlet("New-MigrationBatch", Name="night", SourceEndpoint="oa", TimeZone="UTC", Confirm=False)
    assert made.json()["value"][0]["Status"] == "Created"
    assert town.cmdlet("Start-MigrationBatch", Identity="night", Confirm=False).status_code == 200


def test_a_batch_from_first_sync_to_removal(town: Any, old: OldExchange, until: Callable[..., Any]) -> None:
    town.ready_domain()
    town.company.mailbox("jose@northwind.example").hidden = True
    start(town)
    again = town.cmdlet("New-MigrationBatch", Name="second", SourceEndpoint="oa", Confirm=False)
    assert again.status_code == 400 and "Only one cutover" in again.text
    until(lambda: batch(town)["Status"] == "Synced")
    users = town.cmdlet("Get-MigrationUser", BatchId="night", ResultSize="Unlimited").json()["value"]
    moving = {box.address for box in town.directory if not box.hidden and box.kind != "public_folder"}
    assert {user["Identity"] for user in users} == moving and "jose@northwind.example" not in moving
    assert all(user["Status"] == "Synced" and user["LastSuccessfulSyncTime"] for user in users)
    for address in moving:
        target, source = town.cloud.store.snapshot(address), old.store.snapshot(address)
        assert sorted((i.folder, i.kind, i.message_id, i.subject) for i in target) == sorted(
            (i.folder, i.kind, i.message_id, i.subject) for i in source
        )
        mail = [item for item in source if item.kind == "message"]
        assert {i.mime for i in target if i.kind == "message"} == {i.mime for i in mail}
        assert {i.received for i in target if i.kind == "message"} == {i.received for i in mail}
    kinds = {
        row["PrimarySmtpAddress"]: row["RecipientTypeDetails"] for row in town.cmdlet("Get-Mailbox").json()["value"]
    }
    assert kinds["info@northwind.example"] == "UserMailbox"  # shared mailboxes arrive as ordinary ones

    # A straggler at the old server comes over; mail that came straight to the cloud stays.
    late = b"Subject: late\r\nMessage-ID: <late@x>\r\n\r\n.\r\n"
    direct = b"Subject: direct\r\nMessage-ID: <direct@x>\r\n\r\n.\r\n"
    old.store.put("anna@northwind.example", late)
    town.cloud.store.put("anna@northwind.example", direct)
    assert town.cmdlet("Set-MigrationBatch", Identity="night", SyncNow=True, Confirm=False).status_code == 200
    message_ids = lambda: [item.message_id for item in town.cloud.store.snapshot("anna@northwind.example")]  # noqa: E731
    until(lambda: "<late@x>" in message_ids())
    until(lambda: batch(town)["Status"] == "Synced")
    assert message_ids().count("<direct@x>") == 1
    assert (
        len(message_ids()) == len(old.store.snapshot("anna@northwind.example")) + 1
    )  # everything once, and the direct one

    inuse = town.cmdlet("Remove-MigrationEndpoint", Identity="oa", Confirm=False)
    assert inuse.status_code == 400 and "in use" in inuse.text
    town.cmdlet("Remove-MigrationBatch", Identity="night", Confirm=False)
    until(lambda: town.cmdlet("Get-MigrationBatch", Identity="night").status_code == 404)
    assert town.cmdlet("Remove-MigrationEndpoint", Identity="oa", Confirm=False).status_code == 200
    assert "<late@x>" in message_ids() and town.cloud.picture()["batches"] == {}


def test_contacts_and_events_can_be_read_through_graph(town: Any, old: OldExchange, until: Callable[..., Any]) -> None:
    town.ready_domain()
    start(town)
    until(lambda: batch(town)["Status"] == "Synced")
    user = "/users/anna@northwind.example"
    events = town.graph("GET", f"{user}/events?$select=subject,start,iCalUId&$top=50").json()["value"]
    seeded = [item for item in old.store.snapshot("anna@northwind.example") if item.kind == "event"]
    assert sorted(event["subject"] for event in events) == sorted(item.subject for item in seeded)
    assert events and all(event["iCalUId"] and event["start"]["timeZone"] == "UTC" for event in events)
    names = {row["displayName"] for row in town.graph("GET", f"{user}/contacts?$top=50").json()["value"]}
    folder = town.graph("GET", f"{user}/contactFolders").json()["value"][0]
    names |= {
        row["displayName"]
        for row in town.graph("GET", f"{user}/contactFolders/{folder['id']}/contacts").json()["value"]
    }
    contacts = [item for item in old.store.snapshot("anna@northwind.example") if item.kind == "contact"]
    assert folder["displayName"] == "Lieferanten" and names == {item.subject for item in contacts}


def test_a_user_made_beforehand_stands_in_the_way(town: Any, old: OldExchange, until: Callable[..., Any]) -> None:
    town.ready_domain()
    town.cloud.add_user("anna@northwind.example")
    start(town)
    until(lambda: batch(town)["Status"] == "SyncedwithErrors")
    failed = town.cmdlet("Get-MigrationUser", BatchId="night", StatusSummary="Failed").json()["value"]
    assert [user["Identity"] for user in failed] == ["anna@northwind.example"]
    assert "A different type of Active Directory object already exists" in failed[0]["ErrorSummary"]
    # As Microsoft's page says: delete the user for good and start the batch again.
    assert town.graph("DELETE", "/users/anna@northwind.example").status_code == 204
    assert town.cmdlet("Start-MigrationBatch", Identity="night", Confirm=False).status_code == 200
    until(lambda: batch(town)["Status"] == "Synced")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"RpcProxyServer": "gone.northwind.example"}, "could not be resolved"),
        ({"ExchangeServer": "OTHER"}, "401"),
        ({"Authentication": "Ntlm"}, "0x6ba"),
        ({"Credentials": "wrong"}, "401"),
    ],
)
def test_an_endpoint_that_cannot_be_reached(town: Any, old: OldExchange, change: dict[str, Any], says: str) -> None:
    if change.get("Credentials") == "wrong":
        change = {"Credentials": credential(town, town.company.admin, "guess")}
    tested = town.cmdlet("Test-MigrationServerAvailability", **described(town, **change)).json()["value"][0]
    assert tested["Result"] == "Failed" and says in tested["ErrorDetail"]
    made = town.cmdlet("New-MigrationEndpoint", Name="oa", Confirm=False, **described(town, **change))
    detail = made.json()["error"]["details"][0]["message"]
    assert made.status_code == 400 and "MigrationTransientException" in detail and says in detail
    assert town.cloud.picture()["endpoints"] == {}


def test_outlook_anywhere_switched_off_or_untrusted(town: Any, old: OldExchange) -> None:
    good = town.cmdlet("Test-MigrationServerAvailability", **described(town)).json()["value"][0]
    assert good["Result"] == "Success" and good["SupportsCutover"] is True
    town.dns.records["other.northwind-two.example.", "A"] = town.places.old_server
    named = described(town, RpcProxyServer="other.northwind-two.example")
    wrong = town.cmdlet("Test-MigrationServerAvailability", **named).json()["value"][0]
    assert "certificate is not valid" in wrong["ErrorDetail"]
    old.state.set_outlook_anywhere(None)
    off = town.cmdlet("Test-MigrationServerAvailability", **described(town)).json()["value"][0]
    assert off["Result"] == "Failed" and "0x6ba" in off["ErrorDetail"]


def test_a_credential_of_another_shape_is_refused(town: Any) -> None:
    shape = {"UserName": "x", "Password": "y"}
    answer = town.cmdlet("Test-MigrationServerAvailability", **described(town, Credentials=shape))
    assert answer.status_code == 400 and "Credentials" in answer.json()["error"]["details"][0]["message"]


def test_frozen_then_thawed_with_a_busy_source(town: Any, old: OldExchange, until: Callable[..., Any]) -> None:
    town.ready_domain()
    town.faults.set("migration.frozen")
    town.directory[:] = town.directory[:2]
    town.directory.append(Mailbox("late@elsewhere.example", "Late"))  # its domain is not the tenant's
    start(town)
    assert batch(town)["Status"] == "Starting"
    twice = town.cmdlet("Start-MigrationBatch", Identity="night", Confirm=False)
    assert twice.status_code == 400 and "can't be started" in twice.text
    # A null identity names nothing: every batch comes back.
    assert len(town.cmdlet("Get-MigrationBatch", Identity=None).json()["value"]) == 1
    town.faults.set("exchange.ews_busy", times=2)
    town.faults.clear("migration.frozen")
    until(lambda: batch(town)["Status"] == "SyncedwithErrors")
    assert batch(town)["SyncedCount"] == 2 and batch(town)["FailedCount"] == 1
    before = town.cmdlet("Get-MigrationUser", Identity=town.directory[0].address).json()["value"][0]
    # The daily cycle (a second here) syncs again by itself; the source gone is said with the user, then mended.
    town.faults.set("exchange.ews_down")
    until(lambda: "IncrementalFailed" in town.cmdlet("Get-MigrationUser", BatchId="night").text)
    town.faults.clear("exchange.ews_down")
    until(
        lambda: (
            town.cmdlet("Get-MigrationUser", Identity=town.directory[0].address).json()["value"][0][
                "LastSuccessfulSyncTime"
            ]
            > before["LastSuccessfulSyncTime"]
        )
    )
    assert town.cmdlet("Stop-MigrationBatch", Identity="night", Confirm=False).status_code == 200
    until(lambda: batch(town)["Status"] == "Stopped")


@pytest.mark.parametrize(
    ("fault", "status"),
    [("stopped", "Stopped"), ("corrupted", "Corrupted"), ("poisoned", "Queued"), ("unheard", "AwaitingReview")],
)
def test_a_mailbox_that_rests_in_another_state(
    town: Any, old: OldExchange, until: Callable[..., Any], fault: str, status: str
) -> None:
    town.ready_domain()
    town.faults.set(f"migration.user_{fault}", times=1)
    start(town)
    until(lambda: batch(town)["Status"] == "SyncedwithErrors")
    users = town.cmdlet("Get-MigrationUser", BatchId="night").json()["value"]
    [struck] = [user for user in users if user["Status"] == status]
    assert struck["LastSuccessfulSyncTime"] is None
    assert ("poison" in struck["ErrorSummary"]) is (fault == "poisoned")


def test_a_batch_that_cannot_be_read_any_more(town: Any, old: OldExchange, until: Callable[..., Any]) -> None:
    town.ready_domain()
    town.faults.set("migration.batch_corrupted", times=1)
    start(town)
    until(lambda: batch(town)["Status"] == "Corrupted")
