"""What Microsoft's contract does not have is a 400, and what it has passes."""

from __future__ import annotations

from typing import Any

import pytest

from lab.cloud.contract import CmdletContract, GraphContract, filtered_names
from lab.cloud.errors import ApiError

GRAPH, CMDLETS = GraphContract(), CmdletContract()
RELATIONSHIPS = "tenantRelationships/delegatedAdminRelationships"


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "users/a@b/mailFolders/x/messages", {"$select": "id,internetMessageId", "$top": "10"}, None),
        ("GET", "users/a@b/mailFolders/x/messages/delta", {}, None),
        ("POST", "domains", {}, {"id": "northwind.example"}),
        ("POST", "domains/northwind.example/verify", {}, None),
        ("PATCH", "users/a@b", {}, {"usageLocation": "GB"}),
        ("POST", "users/a@b/assignLicense", {}, {"addLicenses": [{"skuId": "x"}], "removeLicenses": []}),
        ("GET", "admin/exchange/tracing/messageTraces", {"$filter": "receivedDateTime ge 2026-01-01T00:00:00Z"}, None),
        ("POST", f"{RELATIONSHIPS}/r/requests", {}, {"action": "lockForApproval"}),
        ("GET", "users/a@b/mailboxSettings/userPurpose", {}, None),
    ],
)
def test_graph_has_it(method: str, path: str, query: dict[str, str], body: Any) -> None:
    GRAPH.check(method, path.split("/"), query, body)


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "says"),
    [
        ("GET", "mailboxes", {}, None, "segment 'mailboxes'"),
        ("GET", "users/a@b/mailfolder", {}, None, "segment 'mailfolder'"),
        ("POST", "domains/x/prove", {}, None, "segment 'prove'"),
        ("GET", "users/a@b/mailFolders", {"$select": "sizeInBytes"}, None, "sizeInBytes"),
        ("GET", "users", {"$filter": "smtp eq 'x'"}, None, "smtp"),
        ("GET", "users", {"$limit": "5"}, None, "$limit"),
        ("GET", "users", {"$top": "many"}, None, "many"),
        ("POST", "domains", {}, {"id": "x", "name": "y"}, "'name'"),
        ("POST", "domains", {}, None, "Empty Payload"),
        ("PATCH", "users/a@b", {}, {"usageLocation": 44}, "Edm.String"),
        ("POST", "users/a@b/assignLicense", {}, {"addLicences": []}, "addLicences"),
        ("POST", "users/a@b/assignLicense", {}, {"addLicenses": [{"sku": "x"}], "removeLicenses": []}, "'sku'"),
        ("POST", f"{RELATIONSHIPS}/r/requests", {}, {"action": "lock"}, "literal 'lock'"),
    ],
)
def test_graph_has_it_not(method: str, path: str, query: dict[str, str], body: Any, says: str) -> None:
    with pytest.raises(ApiError) as caught:
        GRAPH.check(method, path.split("/"), query, body)
    assert caught.value.status == 400 and says in caught.value.message


def test_names_in_a_filter_are_found_outside_of_its_literals() -> None:
    assert filtered_names("startswith(mail, 'x eq y') and id eq 'it''s a eq b'") == ["mail", "id"]


def test_cmdlets_take_their_own_parameters_in_any_case() -> None:
    assert CMDLETS.check("set-mailbox", {"identity": "x", "type": "shared"}) == (
        "Set-Mailbox",
        {"Identity": "x", "Type": "Shared"},
    )


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("Get-Mailboxes", {}, "not recognized"),
        ("Get-ExchangeServer", {}, "not recognized"),  # on premises only
        ("Set-Mailbox", {"Identity": "x", "Kind": "Shared"}, "'Kind'"),
        ("Set-Mailbox", {"Identity": "x", "Type": "Public"}, "Possible values"),
        ("New-MigrationBatch", {"SourceEndpoint": "x"}, "Name"),
        ("New-MigrationEndpoint", {"Name": "x", "ExchangeOutlookAnywhere": True}, "Credentials"),
        ("New-MigrationBatch", {"Name": "x", "AutoStart": "yes"}, "AutoStart"),
        ("Test-MigrationServerAvailability", {"Endpoint": "x", "Imap": True}, "Parameter set"),
    ],
)
def test_cmdlets_refuse(name: str, parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(ApiError) as caught:
        CMDLETS.check(name, parameters)
    assert says in caught.value.message


def test_the_web_answers_in_the_form_of_the_service(town: Any) -> None:
    graph = town.graph("GET", "/users?$select=smtp")
    assert graph.status_code == 400 and "smtp" in graph.json()["error"]["message"]
    admin = town.cmdlet("Get-Mailbox", Nonsense=1)
    detail = admin.json()["error"]["details"][0]
    assert admin.status_code == 400 and detail["code"] == "5"
    assert detail["message"].split("|")[1] == "System.Management.Automation.ParameterBindingException"
