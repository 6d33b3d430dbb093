"""Domains with a real TXT look-up, users and licences, mail with pages, faults."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest


def test_a_domain_from_nothing_to_mail_and_back(town: Any) -> None:
    name = "northwind.example"
    assert town.graph("GET", f"/domains/{name}").status_code == 404
    assert town.graph("POST", "/domains", json={"id": name}).status_code == 201
    assert town.graph("POST", "/domains", json={"id": name}).status_code == 409
    records = town.graph("GET", f"/domains/{name}/verificationDnsRecords").json()["value"]
    txt = next(row for row in records if row["@odata.type"] == "#microsoft.graph.domainDnsTxtRecord")
    missing = town.graph("POST", f"/domains/{name}/verify")
    assert missing.status_code == 400 and "Domain verification failed" in missing.json()["error"]["message"]
    early = town.graph("PATCH", f"/domains/{name}", json={"supportedServices": ["Email"]})
    assert early.status_code == 400
    town.dns.records[name + ".", "TXT"] = "v=spf1 -all"
    assert town.graph("POST", f"/domains/{name}/verify").status_code == 400  # another text is not the proof
    town.dns.records[name + ".", "TXT"] = txt["text"]
    assert town.graph("POST", f"/domains/{name}/verify").json()["isVerified"] is True
    assert town.graph("GET", f"/domains/{name}/serviceConfigurationRecords").json()["value"] == []
    assert town.graph("PATCH", f"/domains/{name}", json={"supportedServices": ["Email"]}).status_code == 204
    service = town.graph("GET", f"/domains/{name}/serviceConfigurationRecords").json()["value"]
    assert service[0]["mailExchange"] == "northwind-example.k-v1.mx.cloud.example"
    assert {row["recordType"] for row in service} == {"Mx", "Txt", "CName"}
    town.provision("anna@northwind.example")
    assert town.graph("DELETE", f"/domains/{name}").status_code == 400  # a user is in it
    assert town.graph("DELETE", "/users/anna@northwind.example").status_code == 204
    assert town.graph("DELETE", f"/domains/{name}").status_code == 204


def test_a_licence_needs_a_country_and_a_free_unit(town: Any) -> None:
    town.provision("anna@northwind.example", "jose@northwind.example")
    town.cloud.set_licences("O365_BUSINESS_ESSENTIALS", 1)
    sku = town.graph("GET", "/subscribedSkus").json()["value"][0]
    body = {"addLicenses": [{"skuId": sku["skuId"], "disabledPlans": []}], "removeLicenses": []}
    anna, jose = "/users/anna@northwind.example", "/users/jose@northwind.example"
    refused = town.graph("POST", f"{anna}/assignLicense", json=body)
    assert refused.status_code == 400 and "usage location" in refused.json()["error"]["message"]
    for user in (anna, jose):
        assert town.graph("PATCH", user, json={"usageLocation": "GB"}).status_code == 204
    assert town.graph("POST", f"{anna}/assignLicense", json=body).status_code == 200
    full = town.graph("POST", f"{jose}/assignLicense", json=body)
    assert full.status_code == 400 and "available licenses" in full.json()["error"]["message"]
    shown = town.graph("GET", f"{anna}?$select=usageLocation,assignedLicenses").json()
    assert shown["usageLocation"] == "GB" and shown["assignedLicenses"][0]["skuId"] == sku["skuId"]
    assert town.graph("GET", "/subscribedSkus").json()["value"][0]["consumedUnits"] == 1
    users = town.graph("GET", "/users?$filter=mail eq 'JOSE@northwind.example'&$select=id,mail").json()["value"]
    assert [row["mail"] for row in users] == ["jose@northwind.example"]


def _all(town: Any, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    link: str | None = path
    while link:
        body = town.graph("GET", link).json()
        rows += body["value"]
        link = body.get("@odata.nextLink")
    return rows


def test_folders_and_messages_come_in_pages(town: Any) -> None:
    anna = "anna@northwind.example"
    town.provision(anna)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(25):
        mime = f"Subject: n{number}\r\nMessage-ID: <{number}@x>\r\n\r\nhi\r\n".encode()
        folder = "Inbox/Projekte/Übersicht" if number % 5 == 0 else "Inbox"
        town.cloud.store.put(anna, mime, folder=folder, received=at + timedelta(hours=number))
    top = {row["displayName"]: row for row in _all(town, f"/users/{anna}/mailFolders?$top=3")}
    assert top["Inbox"]["totalItemCount"] == 20 and top["Inbox"]["childFolderCount"] == 1
    child = _all(town, f"/users/{anna}/mailFolders/{top['Inbox']['id']}/childFolders")[0]
    assert (child["displayName"], child["totalItemCount"], child["childFolderCount"]) == ("Projekte", 0, 1)
    deep = _all(town, f"/users/{anna}/mailFolders/{child['id']}/childFolders")[0]
    path = f"/users/{anna}/mailFolders/{deep['id']}/messages?$select=internetMessageId&$top=2"
    rows = _all(town, path)
    assert [row["internetMessageId"] for row in rows] == [f"<{n}@x>" for n in (20, 15, 10, 5, 0)]
    assert all(set(row) == {"@odata.etag", "id", "internetMessageId"} for row in rows)
    assert len(_all(town, f"/users/{anna}/mailFolders/inbox/messages")) == 20


def test_a_user_without_a_mailbox_has_no_folders(town: Any) -> None:
    town.cloud.add_user("zoe@northwind.example")
    answer = town.graph("GET", "/users/zoe@northwind.example/mailFolders")
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "MailboxNotEnabledForRESTAPI"


def test_traces_want_a_bounded_time(town: Any) -> None:
    path = "/admin/exchange/tracing/messageTraces?$filter=receivedDateTime ge "
    end = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    start = (datetime.now(UTC) - timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    early = (datetime.now(UTC) - timedelta(days=12)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert town.graph("GET", f"{path}{start} and receivedDateTime le {end}").json()["value"] == []
    assert town.graph("GET", path + start).status_code == 400
    assert town.graph("GET", f"{path}{early} and receivedDateTime le {end}").status_code == 400


@pytest.mark.parametrize(("fault", "status"), [("graph.throttled", 429), ("graph.unavailable", 503)])
def test_graph_can_be_told_to_refuse(town: Any, fault: str, status: int) -> None:
    town.faults.set(fault, times=1)
    answer = town.graph("GET", "/domains")
    assert answer.status_code == status and ("Retry-After" in answer.headers) == (status == 429)
    assert town.graph("GET", "/domains").status_code == 200


def test_graph_can_be_told_to_stop_in_the_middle(town: Any) -> None:
    town.faults.set("graph.truncated", times=1)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        town.graph("GET", "/domains").json()
    town.faults.set("graph.claims", times=1)
    token = town.token()
    assert "insufficient_claims" in town.graph("GET", "/domains", token=token).headers["WWW-Authenticate"]
    assert town.graph("GET", "/domains", token=token).status_code == 401
