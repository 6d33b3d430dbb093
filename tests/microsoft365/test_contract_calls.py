"""Every call that the product makes, held against Microsoft's published contracts, in three ways.

A recorder plays a Microsoft that agrees to everything; each public act of the clients is done once against it, and all
that was sent must be in Graph's v1.0 schema or in the documented syntax of a cmdlet of Exchange Online. The source is
read for every cmdlet and parameter that is written there, whether it was sent or not. And every place in the source
that sends must have been at work against the lab, which refuses what the contracts do not have, and remembers it
(`test_fault_matrix.py`); a new call that nobody has tried fails there until `acts.py` tries it.
"""

import json
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from sent_scan import ROOT, at_work, cmdlets_named, places

from blocks.microsoft365.dkim import Dkim
from blocks.microsoft365.domains import Domains
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.items.mailbox_changes import GraphChanges
from blocks.microsoft365.mail_rules import MailJudgement
from blocks.microsoft365.mailbox_permissions import MailboxPermissions
from blocks.microsoft365.mailboxes import Mailboxes
from blocks.microsoft365.message_traces import message_traces
from blocks.microsoft365.migration import Migration
from blocks.microsoft365.permissions import CMDLETS, findings
from blocks.microsoft365.recipients import Recipients
from blocks.microsoft365.users import Users
from blocks.partner.access import Assignments
from blocks.partner.relationships import DEFAULT_ROLES, Relationships
from lab.cloud.contract import CmdletContract, GraphContract
from lab.cloud.errors import ApiError, CmdletError
from mailmove.clock import now
from mailmove.errors import NotYet
from mailmove.inventory.full import Grant
from mailmove.tenant_state import DomainHolder, Endpoint

TLS = ssl.create_default_context()
NAMES = {"domains", "subscribedSkus", "users", "admin", "tenantRelationships", "organization"}
SKU = {
    "skuPartNumber": "SKU",
    "skuId": "00000000-0000-0000-0000-000000000001",
    "prepaidUnits": {"enabled": 9},
    "consumedUnits": 1,
}


class Recorder:
    """Says yes to everything, remembers everything. `absent`: whose first look must find nothing."""

    def __init__(self) -> None:
        self.graph: list[tuple[str, str, dict[str, str], Any]] = []
        self.cmdlets: list[tuple[str, dict[str, Any]]] = []
        self.status = "created"
        self.absent = {
            "domains/new.example",
            "Get-MigrationEndpoint new",
            "Get-MigrationEndpoint other",
            "Get-MigrationBatch new",
            "Get-DkimSigningConfig new",
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/adminapi/beta/tid/$batch"):
            calls = [(one["id"], one["body"]["CmdletInput"]) for one in json.loads(request.content)["requests"]]
            answers = [(number, self._cmdlet(call["CmdletName"], call["Parameters"])) for number, call in calls]
            return httpx.Response(200, json={"responses": [
                {"id": number, "status": one.status_code, "body": one.json()} for number, one in answers
            ]})  # fmt: skip
        if request.url.path.endswith("/InvokeCommand"):
            call = json.loads(request.content)["CmdletInput"]
            return self._cmdlet(call["CmdletName"], call["Parameters"])
        if "EXOModuleFile" in request.url.path:
            return httpx.Response(200, json={"value": [{"exportedCmdlets": list(CMDLETS)}]})
        path = unquote(request.url.path).removeprefix("/v1.0/")
        body = json.loads(request.content) if request.content else None
        self.graph.append((request.method, path, dict(request.url.params), body))
        return self._graph(request.method, path)

    def _cmdlet(self, name: str, parameters: dict[str, Any]) -> httpx.Response:
        self.cmdlets.append((name, parameters))
        identity = parameters.get("Identity", "new")
        if f"{name} {identity}" in self.absent:
            self.absent.remove(f"{name} {identity}")
            return httpx.Response(
                404, json={"error": {"details": [{"message": "E|x.ManagementObjectNotFoundException|"}]}}
            )
        row = {
            "Identity": identity,
            "Domain": identity,
            "DomainName": "initial.example",
            "Status": "Failed",
            "ExchangeServer": "s",
            "RpcProxyServer": "p.example",
            "Authentication": "Basic",
            "RecipientTypeDetails": "UserMailbox",
            "PrimarySmtpAddress": "a@b.example",
            "EmailAddresses": ["SMTP:a@b.example", "X500:/o=Old/cn=a"],
            "User": "c@b.example",
            "Trustee": "c@b.example",
            "AccessRights": ["FullAccess", "SendAs"],
            "GrantSendOnBehalfTo": ["c@b.example"],
            "Enabled": False,
        }
        return httpx.Response(200, json={"value": [row]})

    def _graph(self, method: str, path: str) -> httpx.Response:
        if path in self.absent:
            self.absent.remove(path)
            return httpx.Response(404, json={"error": {"code": "Request_ResourceNotFound", "message": ""}})
        if path.endswith("/requests"):
            self.status = "terminated" if self.status == "active" else "approvalPending"
        one = {
            "id": "new.example",
            "isVerified": False,
            "supportedServices": [],
            "status": self.status,
            "@odata.etag": "e",
        }
        if method == "GET" and path.startswith("users/") and "/" not in path[6:]:
            if "@" in path:
                return httpx.Response(404, json={"error": {"code": "Request_ResourceNotFound", "message": ""}})
            user = {"id": "u", "assignedLicenses": [], "createdDateTime": "2026-11-26T00:00:00Z"}
            return httpx.Response(200, json=user)
        last = path.rpartition("/")[2]
        if method != "GET" or last in {"new.example", "rel", "u"} or path.rpartition("/")[0].endswith("mailFolders"):
            return httpx.Response(204 if method == "DELETE" else 200, json=one if method != "DELETE" else None)
        found = {
            **one, "id": "u", "displayName": "x", "createdDateTime": "2026-11-26T00:00:00Z", "assignedLicenses": [],
            "@odata.type": "#microsoft.graph.domainDnsSrvRecord", "userPrincipalName": "x@new.example",
            "accessContainer": {"accessContainerId": "another group"},
        }  # fmt: skip
        if last == "delta":
            return httpx.Response(200, json={"value": [], "@odata.deltaLink": f"https://graph.test/v1.0/{path}"})
        rows = {"subscribedSkus": [SKU], "childFolders": []}.get(last, [found])
        if last in {"messageTraces", "messages", "events", "contacts", "delegatedAdminRelationships"}:
            rows = []
        return httpx.Response(200, json={"value": rows})


class Account:
    def migration_account(self) -> tuple[str, SecretStr]:
        return "CONTOSO\\mover", SecretStr("pa55")


def key_pem() -> str:
    public = rsa.generate_private_key(65537, 2048).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="module")
def recorded() -> Recorder:
    recorder = Recorder()
    transport = httpx.MockTransport(recorder)
    graph = JsonClient("Graph", "https://graph.test/v1.0", lambda claims: "t", TLS, transport=transport)
    http = JsonClient("Exchange", "https://outlook.test", lambda claims: "t", TLS, transport=transport)
    exchange = ExchangeAdmin(http, "tid", lambda: "anchor")
    migration, domains = Migration(exchange, key_pem()), Domains(graph, exchange, lambda name: DomainHolder())

    domains.add("new.example")
    for act in (domains.verify, domains.enable_mail, domains.remove):
        with pytest.raises(NotYet):
            act("new.example")
    with pytest.raises(NotYet):
        Users(graph).set_licence("anna@new.example", "GB", frozenset({"SKU"}))
    Users(graph).set_password("anna@new.example", SecretStr("Abc-12345"), must_change=True)
    Users(graph).password_dates("anna@new.example")
    Recipients(exchange, graph).all()
    Recipients(exchange, graph).synchronised()
    Recipients(exchange, graph).members(["all@new.example"])
    Recipients(exchange, graph).contacts()
    changes = GraphChanges(graph)
    for folder in changes.folders("anna@new.example"):
        list(changes.changes("anna@new.example", folder, None))
    message_traces(graph, now() - timedelta(days=1))

    found = Endpoint(name="new", exchange_server="s", rpc_proxy_server="p.example", email_address="a@b.example")
    for wanted in (found, found.model_copy(update={"name": "other", "email_address": ""})):
        migration.create_endpoint(wanted, Account())  # type: ignore[arg-type]
    migration.create_batch("new", "new")
    migration.start_batch("new")
    migration.sync_now("new")
    migration.users("new")
    migration.test_endpoint("new")
    migration.skipped_items("a@b.example")
    for name in ("remove_batch", "remove_endpoint"):
        with pytest.raises(NotYet):
            getattr(migration, name)("new")
    Mailboxes(exchange).kinds()
    with pytest.raises(NotYet):
        Mailboxes(exchange).set_kind("a@b.example", "Shared")
    with pytest.raises(NotYet):
        Mailboxes(exchange).change_x500(
            "a@b.example", add=frozenset({"/o=New/cn=a"}), remove=frozenset({"/o=Old/cn=a"})
        )
    for right in ("full_access", "send_as", "send_on_behalf"):
        with pytest.raises(NotYet):
            MailboxPermissions(exchange).add(Grant(mailbox="a@b.example", right=right, trustee="d@b.example"))  # type: ignore[arg-type]
        with pytest.raises(NotYet):
            MailboxPermissions(exchange).remove(Grant(mailbox="a@b.example", right=right, trustee="c@b.example"))  # type: ignore[arg-type]
    for act in (Dkim(exchange).prepare, lambda domain: Dkim(exchange).set_signing(domain, True)):
        with pytest.raises(NotYet):
            act("new")
    assert not domains.accepts_mail("new.example")
    MailJudgement(exchange).read()
    findings(graph, lambda: "opaque", exchange)

    relationships = Relationships(graph, DEFAULT_ROLES, "P90D")
    relationships.invite("Mailmove")
    for status in ("active", "created"):
        recorder.status = status
        try:
            relationships.withdraw("rel")
        except NotYet:
            assert status == "created"
    with pytest.raises(NotYet):
        Assignments(graph, DEFAULT_ROLES).assign("rel", "group")
    return recorder


def test_every_graph_call_is_in_the_schema(recorded: Recorder) -> None:
    contract = GraphContract()
    for method, path, query, body in recorded.graph:
        contract.check(method, path.split("/"), query, body)
    assert {path.split("/")[0] for _, path, _, _ in recorded.graph} == NAMES
    acts = {(method, path.split("/")[-1]) for method, path, _, _ in recorded.graph if method != "GET"}
    assert acts == {
        ("POST", "domains"), ("POST", "verify"), ("PATCH", "new.example"), ("DELETE", "new.example"),
        ("PATCH", "u"), ("POST", "assignLicense"),
        ("POST", "delegatedAdminRelationships"), ("POST", "requests"), ("DELETE", "rel"), ("POST", "accessAssignments"),
    }  # fmt: skip


def test_every_cmdlet_is_in_its_documented_syntax(recorded: Recorder) -> None:
    contract = CmdletContract()
    for name, parameters in recorded.cmdlets:
        contract.check(name, parameters)
    # What findings() asks the rights for is what is used, and nothing else.
    assert {name for name, _ in recorded.cmdlets} == {
        *CMDLETS, *JUDGING, "Get-Mailbox", "Get-MigrationBatch", "Get-MigrationEndpoint"
    }  # fmt: skip


JUDGING = {
    "Get-OrganizationConfig", "Get-InboundConnector", "Get-OnPremServerReportInfo", "Get-TenantExemptionInfo",
    "Get-AntiPhishPolicy", "Get-HostedContentFilterPolicy", "Get-QuarantinePolicy",
}  # fmt: skip
"""Whose right is not asked for: what they would show is only said, and said to be unseen without it."""

MENTIONED = {"Enable-OrganizationCustomization"}
"""Cmdlets that the source names and never sends: this one is for a person to run."""


def undocumented(root: Path = ROOT) -> list[str]:
    """Cmdlets and parameters written in the product's source that Exchange Online does not have."""
    known = CmdletContract().cmdlets
    found = [f"{where}: {name}" for name, where in cmdlets_named(root).items() if name not in {*known, *MENTIONED}]
    for place in places(root):
        of_cmdlet = {parameter for one in known.get(place.cmdlet, {}).values() for parameter in one}
        found += [f"{place}: -{one}" for one in place.parameters if place.cmdlet in known and one not in of_cmdlet]
    return found


def test_every_cmdlet_and_parameter_in_the_source_is_documented() -> None:
    assert undocumented() == []
    assert len(places()) > 40 and len(cmdlets_named()) > 10, "the scan has gone blind"


def test_a_made_up_call_planted_in_the_source_is_found(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(
        "from blocks.microsoft365.exchange_admin import ExchangeAdmin\n"
        "def act(exchange: ExchangeAdmin) -> None:\n"
        "    exchange.run('New-CutoverBatch', {'Name': 'a'}, wanted='a batch')\n"
        "    exchange.run('Set-Mailbox', {'Identity': 'a', 'Colour': 'red'}, wanted='a red mailbox')\n"
    )
    assert undocumented(tmp_path) == ["planted.py:3: New-CutoverBatch", "planted.py:4 Set-Mailbox: -Colour"]
    assert not any(at_work(place, set()) for place in places(tmp_path)), "and nobody has tried it"


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "domains/a/dnsRecords", {}, None),
        ("PATCH", "domains/a", {}, {"supportedService": ["Email"]}),
        ("GET", "users", {"$select": "id,licences"}, None),
        ("GET", "users", {"$filter": "smtp eq 'a'"}, None),
        ("POST", "domains/a/check", {}, {}),
        ("POST", "tenantRelationships/delegatedAdminRelationships/a/requests", {}, {"action": "lock"}),
        (
            "POST",
            "tenantRelationships/delegatedAdminRelationships/a/accessAssignments",
            {},
            {"accessContainer": {"accessContainerType": "group"}},
        ),
        ("POST", "users/a/assignLicense", {}, {"addLicences": []}),
    ],
)
def test_a_made_up_graph_call_fails(method: str, path: str, query: dict[str, str], body: Any) -> None:
    with pytest.raises(ApiError):
        GraphContract().check(method, path.split("/"), query, body)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("New-CutoverBatch", {}),
        ("New-MigrationBatch", {"Name": "a", "SourceEndpoint": "b", "Cutover": True}),
        ("Set-Mailbox", {"Identity": "a", "Type": "Common"}),
        ("New-MigrationEndpoint", {"ExchangeOutlookAnywhere": True, "Name": "a"}),
        ("Add-MailboxPermission", {"Identity": "a", "User": "b", "AccessRights": ["OpenAll"]}),
        ("Remove-RecipientPermission", {"Identity": "a", "Trustee": "b", "AccessRights": ["SendAs"], "Quietly": True}),
    ],
)
def test_a_made_up_cmdlet_call_fails(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(CmdletError):
        CmdletContract().check(name, parameters)
