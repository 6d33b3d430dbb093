"""The Exchange admin REST: envelope, headers, confirmation, pages, errors and faults."""

from __future__ import annotations

from typing import Any


def test_only_confirm_false_carries_a_change_out(town: Any) -> None:
    town.provision("info@northwind.example")
    asked = town.cmdlet("Set-Mailbox", Identity="info@northwind.example", Type="Shared")
    assert asked.json()["@adminapi.confirmationmessage"] and asked.json()["value"] == []
    assert town.cloud.picture()["users"]["info@northwind.example"]["kind"] == "Regular"
    done = town.cmdlet("Set-Mailbox", Identity="info@northwind.example", Type="Shared", Confirm=False)
    assert "@adminapi.confirmationmessage" not in done.json()
    box = town.cmdlet("Get-Mailbox", Identity="info@northwind.example").json()["value"][0]
    assert box["RecipientTypeDetails"] == "SharedMailbox"
    purpose = town.graph("GET", "/users/info@northwind.example/mailboxSettings/userPurpose").json()
    assert purpose["value"] == "shared"


def test_headers_are_wanted(town: Any) -> None:
    assert town.cmdlet("Get-Mailbox", headers={"X-CmdletName": "Get-Recipient"}).status_code == 400
    assert town.cmdlet("Get-Mailbox", headers={"X-AnchorMailbox": ""}).status_code == 400


def test_pages_are_fetched_with_the_same_body(town: Any) -> None:
    town.provision(*(f"u{number}@northwind.example" for number in range(7)))
    first = town.cmdlet("Get-Mailbox", headers={"Prefer": "odata.maxpagesize=3"}, ResultSize="Unlimited").json()
    rows, link = first["value"], first["@odata.nextLink"]
    while link:
        query = "?" + link.partition("?")[2]
        page = town.cmdlet("Get-Mailbox", query, headers={"Prefer": "odata.maxpagesize=3"}, ResultSize="Unlimited")
        rows += page.json()["value"]
        link = page.json().get("@odata.nextLink")
    assert {row["PrimarySmtpAddress"] for row in rows} == {f"u{number}@northwind.example" for number in range(7)}
    assert len(town.cmdlet("Get-Mailbox", ResultSize=2).json()["value"]) == 2
    chosen = town.cmdlet("Get-Mailbox", "?$select=PrimarySmtpAddress").json()["value"][0]
    assert set(chosen) == {"PrimarySmtpAddress"}


def test_what_is_not_there_is_said_in_exchange_words(town: Any) -> None:
    for name, identity in (("Get-MigrationBatch", "x"), ("Get-MigrationEndpoint", "x"), ("Get-Mailbox", "x@y")):
        answer = town.cmdlet(name, Identity=identity)
        detail = answer.json()["error"]["details"][0]
        assert answer.status_code == 404 and detail["code"] == "13"
        assert "ManagementObjectNotFoundException" in detail["message"] and identity in detail["message"]


def test_the_role_is_needed(town: Any) -> None:
    town.cloud.app.roles.remove("Exchange.ManageAsApp")
    assert town.cmdlet("Get-Mailbox").status_code == 403


def test_another_tenant_is_out_of_reach(town: Any) -> None:
    head = {"Authorization": f"Bearer {town.token('https://outlook.office365.com')}"}
    body = {"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": {}}}
    answer = town.http.post("/adminapi/beta/contoso.onmicrosoft.com/InvokeCommand", json=body, headers=head)
    assert answer.status_code == 403


def test_faults_of_the_admin_rest(town: Any) -> None:
    town.faults.set("admin.throttled_text", times=1)
    text = town.cmdlet("Get-Mailbox")
    assert text.status_code == 429 and "maximum number of concurrent requests" in text.text
    town.faults.set("admin.transient_400", times=1)
    passing = town.cmdlet("Get-Mailbox")
    assert passing.status_code == 400 and "UnableToWriteToAad" in passing.headers["X-ExceptionType"]
    assert town.cmdlet("Get-Mailbox").status_code == 200


def test_accepted_domains_and_dkim(town: Any) -> None:
    town.ready_domain()
    names = {row["DomainName"] for row in town.cmdlet("Get-AcceptedDomain").json()["value"]}
    assert names == {"northwind.example", town.cloud.initial_domain}
    early = town.cmdlet("New-DkimSigningConfig", DomainName="northwind.example", Enabled=True, Confirm=False)
    assert early.status_code == 400
    made = town.cmdlet("New-DkimSigningConfig", DomainName="northwind.example", Enabled=False, Confirm=False)
    assert made.json()["value"][0]["Selector1CNAME"].startswith("selector1-northwind-example._domainkey.")
