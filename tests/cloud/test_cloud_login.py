"""msal itself signs in to the lab; tokens open only what they should."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.cloud.login import EXCHANGE, GRAPH, PARTNER
from lab.cloud.tenant import Assignment

SCOPE = [GRAPH + "/.default"]


def test_a_secret_gives_a_token_with_roles(town: Any) -> None:
    claims = jwt.decode(town.token(), options={"verify_signature": False})
    assert claims["tid"] == town.cloud.tenant_id and "Domain.ReadWrite.All" in claims["roles"]
    assert town.graph("GET", "/domains").status_code == 200


def test_a_wrong_secret_is_refused(town: Any) -> None:
    answer = town.msal_app(town.cloud.tenant_id, town.cloud.app.client_id, "guess").acquire_token_for_client(SCOPE)
    assert answer["error"] == "invalid_client" and "AADSTS7000215" in answer["error_description"]


def test_the_registered_certificate_signs_in_and_another_does_not(town: Any) -> None:
    app = town.cloud.app
    good = {"private_key": app.private_key_pem, "thumbprint": app.thumbprint}
    assert "access_token" in town.msal_app(town.cloud.tenant_id, app.client_id, good).acquire_token_for_client(SCOPE)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    bad = {"private_key": other.decode(), "thumbprint": app.thumbprint}
    answer = town.msal_app(town.cloud.tenant_id, app.client_id, bad).acquire_token_for_client(SCOPE)
    assert answer["error"] == "invalid_client" and "AADSTS700027" in answer["error_description"]


def test_an_unknown_resource_is_refused(town: Any) -> None:
    app = town.msal_app(town.cloud.tenant_id, town.cloud.app.client_id, town.cloud.app.secret)
    assert "AADSTS500011" in app.acquire_token_for_client(["https://graph.example/.default"])["error_description"]


@pytest.mark.parametrize("token", ["nonsense", "a.b.c"])
def test_a_bad_token_is_401(town: Any, token: str) -> None:
    assert town.http.get("/v1.0/domains", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_token_for_another_audience_is_401(town: Any) -> None:
    assert town.graph("GET", "/domains", token=town.token(EXCHANGE)).status_code == 401


def test_an_expired_token_is_401(town: Any) -> None:
    town.cloud._web.login.lifetime = -1
    assert "expired" in town.graph("GET", "/domains").json()["error"]["message"]


def test_a_missing_role_is_403(town: Any) -> None:
    town.cloud.app.roles.remove("Domain.ReadWrite.All")
    answer = town.graph("GET", "/domains")
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "Authorization_RequestDenied"


def test_a_claims_challenge_wants_a_new_token(town: Any) -> None:
    token = town.token()
    town.faults.set("login.claims_challenge", times=1)
    refused = town.graph("GET", "/domains", token=token)
    assert refused.status_code == 401
    header = refused.headers["WWW-Authenticate"]
    wanted = json.loads(base64.b64decode(header.partition('claims="')[2].partition('"')[0]))
    assert "access_token" in wanted
    assert town.graph("GET", "/domains", token=token).status_code == 401  # the old one stays refused
    app = town.msal_app(town.cloud.tenant_id, town.cloud.app.client_id, town.cloud.app.secret)
    fresh = app.acquire_token_for_client(SCOPE, claims_challenge=json.dumps(wanted))["access_token"]
    assert town.graph("GET", "/domains", token=fresh).status_code == 200


def _redeem(town: Any, tenant: str, resource: str) -> Any:
    partner = town.cloud.partner
    app = town.msal_app(tenant, partner.client_id, partner.secret)
    return app.acquire_token_by_refresh_token(partner.refresh_token, [resource + "/.default"])


def test_the_partner_enters_the_customer_only_after_approval(town: Any) -> None:
    cloud = town.cloud
    assert "AADSTS50020" in _redeem(town, cloud.tenant_id, GRAPH)["error_description"]
    token = _redeem(town, cloud.partner.tenant_id, GRAPH)["access_token"]
    base = "/tenantRelationships/delegatedAdminRelationships"
    role = {"roleDefinitionId": "29232cdf-9323-42fd-ade2-1d097af3e4de"}
    wanted = {
        "displayName": "Mailmove Northwind",
        "duration": "P30D",
        "accessDetails": {"unifiedRoles": [role]},
        "autoExtendDuration": "PT0S",
    }
    made = town.graph("POST", base, token=token, json=wanted)
    assert made.status_code == 201 and made.json()["status"] == "created"
    assert town.graph("POST", base, token=token, json=wanted).status_code == 409  # displayName is unique
    key = made.json()["id"]
    assert town.http.post(f"/approve/{key}").status_code == 409  # not locked for approval yet
    locked = town.graph(
        "POST", f"{base}/{key}/requests", token=token, json={"action": "lockForApproval"},
        headers={"If-Match": made.json()["@odata.etag"]},
    )  # fmt: skip
    assert locked.status_code == 201
    assert town.graph("GET", f"{base}/{key}", token=token).json()["status"] == "approvalPending"
    assert "Approve all" in town.http.get(f"/approve/{key}").text
    assert cloud.customer_approves() == [key]
    shown = town.graph("GET", f"{base}/{key}", token=token).json()
    assert shown["status"] == "active" and shown["customer"]["tenantId"] == cloud.tenant_id
    assert "AADSTS50020" in _redeem(town, cloud.tenant_id, GRAPH)["error_description"]  # nobody holds its roles yet
    cloud.tenant.relationships[key].assignments.append(
        Assignment(cloud.partner.group, [role["roleDefinitionId"]], "active")
    )
    assert "AADSTS65001" in _redeem(town, cloud.tenant_id, GRAPH)["error_description"]
    rights = {"Domain.Read.All", "ExchangeMessageTrace.Read.All"}
    cloud.tenant.consents[cloud.partner.client_id] = {GRAPH: rights, EXCHANGE: {"Exchange.Manage"}}
    inside = _redeem(town, cloud.tenant_id, GRAPH)["access_token"]
    assert town.graph("GET", "/domains", token=inside).status_code == 200
    # The relationship holds the Exchange role only, and no role opens mailboxes.
    assert town.graph("POST", "/domains", token=inside, json={"id": "northwind.example"}).status_code == 403
    town.provision("anna@northwind.example")
    assert town.graph("GET", "/users/anna@northwind.example/mailFolders", token=inside).status_code == 403
    exchange = _redeem(town, cloud.tenant_id, EXCHANGE)["access_token"]
    assert town.cmdlet("Get-Mailbox", headers={"Authorization": f"Bearer {exchange}"}).status_code == 200
    ended = town.graph("POST", f"{base}/{key}/requests", token=token, json={"action": "terminate"})
    assert ended.status_code == 201
    assert "AADSTS50020" in _redeem(town, cloud.tenant_id, GRAPH)["error_description"]


def test_an_unknown_refresh_token_is_refused(town: Any) -> None:
    partner = town.cloud.partner
    app = town.msal_app(partner.tenant_id, partner.client_id, partner.secret)
    assert app.acquire_token_by_refresh_token("guess", SCOPE)["error"] == "invalid_grant"


def test_an_app_cannot_make_relationships(town: Any) -> None:
    answer = town.graph("GET", "/tenantRelationships/delegatedAdminRelationships")
    assert answer.status_code == 403


def test_partner_center_gives_the_reseller_link_to_its_own_users_only(town: Any) -> None:
    token = _redeem(town, town.cloud.partner.tenant_id, PARTNER)["access_token"]
    url = "/partnercenter/v1/customers/relationshiprequests"
    link = town.http.get(url, headers={"Authorization": f"Bearer {token}"}).json()["url"]
    assert f"partnerId={town.cloud.partner.tenant_id}" in link
    assert town.http.get(url, headers={"Authorization": f"Bearer {town.token()}"}).status_code == 401
    head = {"Authorization": f"Bearer {token}"}
    taken = town.http.head(f"/partnercenter/v1/domains/{town.cloud.initial_domain}", headers=head)
    free = town.http.head("/partnercenter/v1/domains/free.onmicrosoft.com", headers=head)
    assert (taken.status_code, free.status_code) == (200, 404)


def test_partner_center_makes_a_customer_once(town: Any) -> None:
    token = _redeem(town, town.cloud.partner.tenant_id, PARTNER)["access_token"]
    head = {"Authorization": f"Bearer {token}"}
    billing = dict.fromkeys(("Email", "Culture", "Language", "CompanyName", "FirstName", "LastName"), "x")
    wanted = {
        "CompanyProfile": {"Domain": "new.onmicrosoft.com"},
        "BillingProfile": {**billing, "DefaultAddress": {"Country": "GB"}},
    }
    url = "/partnercenter/v1/customers"
    assert town.http.post(url, headers=head, json={"CompanyProfile": {"Domain": "x"}}).status_code == 400
    made = town.http.post(url, headers=head, json=wanted)
    assert made.status_code == 201 and made.json()["userCredentials"]["userName"] == "admin"
    assert town.http.post(url, headers=head, json=wanted).status_code == 409
