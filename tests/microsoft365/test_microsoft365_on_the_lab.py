"""The tenant's block against the lab's Microsoft, on real sockets."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import dns.message
import dns.query
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest
from cloud_town import DOMAIN, Town
from pydantic import SecretStr

from blocks.microsoft365.microsoft365 import Microsoft365
from mailmove.clock import now
from mailmove.errors import Blocked, MailmoveError, NotYet, Refused, Throttled, Transient
from mailmove.items.item import Item
from mailmove.tenant_state import Endpoint

T = TypeVar("T")
OA = Endpoint(
    name="oa",
    exchange_server="sbs2008.local",
    rpc_proxy_server=f"mail.{DOMAIN}",
    email_address=f"anna@{DOMAIN}",
)
SKU = "O365_BUSINESS_ESSENTIALS"


class Account:
    """The one thing of a source that the tenant's block asks for."""

    def __init__(self, town: Town, password: str | None = None) -> None:
        admin = town.company.admin
        self.answer = admin, SecretStr(password or town.company.accounts[admin])

    def migration_account(self) -> tuple[str, SecretStr]:
        return self.answer


def patiently(ask: Callable[[], T], good: Callable[[T], bool], seconds: float = 30) -> T:
    """Ask until the answer is good; Transient errors are asked again, as a task would."""
    until = time.monotonic() + seconds
    while True:
        seen: object
        try:
            answer = ask()
            if good(answer):
                return answer
            seen = answer
        except Transient as error:
            seen = error
        assert time.monotonic() < until, f"not in {seconds} s: {seen}"
        time.sleep(0.1)


def publish(town: Town, name: str, value: str) -> None:
    """Add a TXT record as the customer's administrator would."""
    key = town.dns.tsig_key
    update = dns.update.UpdateMessage(
        DOMAIN, keyring=dns.tsigkeyring.from_text({key.name: key.secret}), keyname=key.name, keyalgorithm=key.algorithm
    )
    update.add(name, 60, "TXT", value)
    dns.query.tcp(update, town.places.name_servers[0], port=town.places.dns_port, timeout=5)


def verified(town: Town) -> Microsoft365:
    tenant = town.tenant()
    [txt] = tenant.domains.add(DOMAIN).verification
    publish(town, txt.name, txt.values[0])
    patiently(lambda: tenant.domains.verify(DOMAIN), lambda domain: domain.verified)
    return tenant


def open_old_server(town: Town) -> None:
    town.old.state.set_outlook_anywhere(
        {
            "ExternalHostname": f"mail.{DOMAIN}",
            "ClientAuthenticationMethod": "Basic",
            "IISAuthenticationMethods": ["Basic"],
            "SSLOffloading": False,
        }
    )


def test_a_domain_lives_and_goes(town: Town) -> None:
    tenant = town.tenant()
    assert tenant.domains.get(DOMAIN) is None
    added = tenant.domains.add(DOMAIN)
    assert tenant.domains.add(DOMAIN) == added
    assert not added.verified
    [txt] = added.verification
    assert (txt.name, txt.type) == (f"{DOMAIN}.", "TXT")
    assert txt.values[0].startswith('"MS=ms')
    with pytest.raises(NotYet):
        tenant.domains.verify(DOMAIN)
    publish(town, txt.name, txt.values[0])
    patiently(lambda: tenant.domains.verify(DOMAIN), lambda domain: domain.verified)
    assert tenant.domains.verify(DOMAIN).verified  # twice changes nothing
    enabled = tenant.domains.enable_mail(DOMAIN)
    assert tenant.domains.enable_mail(DOMAIN) == enabled
    assert {(rrset.name, rrset.type): rrset.values for rrset in enabled.service_records} == {
        (f"{DOMAIN}.", "MX"): ("0 northwind-example.k-v1.mx.microsoft.example.",),
        (f"{DOMAIN}.", "TXT"): ('"v=spf1 include:spf.protection.outlook.com -all"',),
        (f"autodiscover.{DOMAIN}.", "CNAME"): ("autodiscover.outlook.com.",),
    }
    town.cloud.add_user(f"anna@{DOMAIN}")
    with pytest.raises(Blocked, match="references"):
        tenant.domains.remove(DOMAIN)
    town.cloud.tenant.users.pop(f"anna@{DOMAIN}")
    tenant.domains.remove(DOMAIN)
    tenant.domains.remove(DOMAIN)
    assert tenant.domains.get(DOMAIN) is None


def test_a_batch_moves_the_mailboxes_and_goes(town: Town) -> None:
    tenant = verified(town)
    with pytest.raises(Blocked, match="connect"):
        tenant.migration.create_endpoint(OA, Account(town))  # type: ignore[arg-type]  # Outlook Anywhere is still off
    open_old_server(town)
    assert tenant.migration.endpoint("oa") is None
    made = tenant.migration.create_endpoint(OA, Account(town))  # type: ignore[arg-type]
    assert made == OA
    assert tenant.migration.create_endpoint(OA, Account(town)) == OA  # type: ignore[arg-type]
    with pytest.raises(Blocked, match="one of that name"):
        tenant.migration.create_endpoint(OA.model_copy(update={"rpc_proxy_server": "other.example"}), Account(town))  # type: ignore[arg-type]

    assert tenant.migration.batch("night") is None
    assert tenant.migration.create_batch("night", "oa").status == "Created"
    assert tenant.migration.create_batch("night", "oa").status == "Created"
    with pytest.raises(Blocked, match="cutover"):
        tenant.migration.create_batch("second", "oa")
    tenant.migration.start_batch("night")
    tenant.migration.start_batch("night")
    batch = patiently(lambda: tenant.migration.batch("night"), lambda one: one is not None and one.status == "Synced")
    assert batch is not None
    moving = {box.address for box in town.company.mailboxes if box.kind != "public_folder"}
    users = {user.address: user for user in tenant.migration.users("night")}
    assert set(users) == moving
    assert (batch.total, batch.synced, batch.failed) == (len(moving), len(moving), 0)
    assert all(user.last_synced is not None and not user.error for user in users.values())

    _items_arrived(town, tenant)
    _swept(town, tenant)
    _converted_and_licensed(town, tenant)

    with pytest.raises(Blocked):
        tenant.migration.remove_endpoint("oa")
    patiently(lambda: tenant.migration.remove_batch("night"), lambda _: True)
    assert tenant.migration.batch("night") is None
    tenant.migration.remove_batch("night")
    tenant.migration.remove_endpoint("oa")
    tenant.migration.remove_endpoint("oa")
    assert town.cloud.picture()["endpoints"] == {}


def items_of(tenant: Microsoft365, address: str) -> list[Item]:
    """Every item that a person sees in a mailbox."""
    changes = tenant.items.changes()
    pages = [(folder, page) for folder in changes.folders(address) for page in changes.changes(address, folder, None)]
    return [item for folder, page in pages if folder.standing != "recoverable" for item in page.items]


def _items_arrived(town: Town, tenant: Microsoft365) -> None:
    address = f"anna@{DOMAIN}"
    found: list[Item] = items_of(tenant, address)
    old = town.old.store.snapshot(address)
    kinds = [item.kind for item in old]
    assert {kind: sum(item.kind == kind for item in found) for kind in set(kinds)} == {
        kind: kinds.count(kind) for kind in set(kinds)
    }
    assert {item.message_id for item in found if item.message_id} == {
        item.message_id for item in old if item.message_id
    }
    assert {item.folder for item in found if item.kind == "message"} == {
        tuple(item.folder.split("/")) for item in old if item.kind == "message"
    }
    assert all(item.identity for item in found)


def _swept(town: Town, tenant: Microsoft365) -> None:
    address = f"anna@{DOMAIN}"
    town.old.store.put(address, b"Message-ID: <late@x.example>\r\nSubject: late\r\n\r\nlate\r\n")
    tenant.migration.sync_now("night")
    patiently(
        lambda: [item.message_id for item in items_of(tenant, address)],
        lambda ids: "<late@x.example>" in ids,
    )


def _converted_and_licensed(town: Town, tenant: Microsoft365) -> None:
    shared = f"info@{DOMAIN}"
    assert tenant.mailboxes.kinds()[shared] == "Regular"
    tenant.mailboxes.set_kind(shared, "Shared")
    tenant.mailboxes.set_kind(shared, "Shared")
    assert tenant.mailboxes.kinds()[shared] == "Shared"

    anna = f"anna@{DOMAIN}"
    assert tenant.users.licence_of(anna) == (None, frozenset())
    tenant.users.set_licence(anna, "GB", frozenset({SKU}))
    tenant.users.set_licence(anna, "GB", frozenset({SKU}))
    assert tenant.users.licence_of(anna) == ("GB", frozenset({SKU}))
    [licence] = [one for one in tenant.users.licences() if one.sku == SKU]
    assert (licence.owned, licence.used) == (150, 1)
    with pytest.raises(Blocked, match="ENTERPRISEPACK"):
        tenant.users.set_licence(anna, "GB", frozenset({"ENTERPRISEPACK"}))
    tenant.users.set_licence(anna, None, frozenset())
    assert tenant.users.licence_of(anna) == ("GB", frozenset()), "no location is taken back"
    town.cloud.set_licences(SKU, 0)
    with pytest.raises(Blocked):
        tenant.users.set_licence(anna, "GB", frozenset({SKU}))
    with pytest.raises(Blocked, match="0 such users"):
        tenant.users.licence_of("o'nobody@northwind.example")


def test_wrong_password_of_the_migration_account_is_for_a_person(town: Town) -> None:
    tenant = verified(town)
    open_old_server(town)
    with pytest.raises(Blocked) as caught:
        tenant.migration.create_endpoint(OA, Account(town, "wrong-pa55"))  # type: ignore[arg-type]
    assert "wrong-pa55" not in str(caught.value)
    assert tenant.migration.endpoint("oa") is None


def test_graph_tells_what_time_it_has(town: Town) -> None:
    assert abs(town.tenant().clock() - now()) < timedelta(seconds=5)


def test_traces_tell_by_which_address_mail_came(town: Town) -> None:
    tenant = town.tenant()
    began = now() - timedelta(days=25)
    for days, sender in ((20, "192.0.2.20"), (12, "192.0.2.12"), (0, "192.0.2.1")):
        at = (now() - timedelta(days=days, seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        town.cloud.tenant.traces.append(
            {
                "id": f"trace-{days}",
                "messageId": f"<{days}@x.example>",
                "recipientAddress": f"Anna@{DOMAIN}",
                "fromIP": sender,
                "receivedDateTime": at,
                "status": "delivered",
            }
        )
    assert [trace.from_ip for trace in tenant.messages.traces(began)] == ["192.0.2.20", "192.0.2.12", "192.0.2.1"]
    assert [trace.recipient for trace in tenant.messages.traces(now() - timedelta(days=1))] == [f"anna@{DOMAIN}"]


def test_passing_faults_of_graph_are_not_noticed(town: Town) -> None:
    tenant = town.tenant()
    for fault in ("graph.throttled", "graph.unavailable", "graph.claims", "graph.truncated", "login.claims_challenge"):
        town.faults.set(fault, times=1)
        assert [one.sku for one in tenant.users.licences()] == [SKU], fault
        assert not town.faults.take(fault), f"{fault} never struck"


def test_a_passing_fault_of_exchange_is_waited_out_and_named_when_it_stays(town: Town) -> None:
    slept: list[float] = []
    tenant = town.tenant()
    tenant._parts().exchange._http.sleep = slept.append
    kinds: dict[str, type[MailmoveError]] = {"admin.throttled_text": Throttled, "admin.transient_400": Transient}
    for fault, kind in kinds.items():
        slept.clear()
        town.faults.set(fault, times=1)
        assert tenant.mailboxes.kinds() == {}
        assert len(slept) == 1
        town.faults.set(fault)
        with pytest.raises(kind):
            tenant.mailboxes.kinds()
        town.faults.clear(fault)


def test_both_ways_of_signing_in_and_what_is_said_when_one_is_wrong(town: Town) -> None:
    assert town.tenant(certificate=None, client_secret=SecretStr(town.cloud.app.secret)).users.licences()
    with pytest.raises(Refused, match="secret") as caught:
        town.tenant(certificate=None, client_secret=SecretStr("s3cr3t-wrong")).users.licences()
    assert "s3cr3t-wrong" not in str(caught.value)
    with pytest.raises(Refused, match="no such tenant"):
        town.tenant(tenant_id="00000000-0000-0000-0000-000000000000").users.licences()
    with pytest.raises(Refused):
        town.tenant(client_id="00000000-0000-0000-0000-000000000000").users.licences()
    with pytest.raises(Blocked, match="PEM"):
        town.tenant(certificate=SecretStr("no pem")).users.licences()
    with pytest.raises(Blocked, match="neither"):
        town.tenant(certificate=None).users.licences()
    with pytest.raises(Blocked, match="does not trust"):
        town.tenant(extra_ca=None).users.licences()


def test_findings_name_the_permission_that_is_missing(town: Town) -> None:
    assert town.tenant().findings() == []
    town.cloud.app.roles -= {"Domain.ReadWrite.All", "ExchangeMessageTrace.Read.All", "Exchange.ManageAsApp"}
    found = town.tenant(exchange_public_key=None).findings()
    assert [(one.subject, one.blocks) for one in found] == [
        ("Domain.ReadWrite.All", True),
        ("ExchangeMessageTrace.Read.All", True),
        ("Exchange.ManageAsApp and the Exchange Administrator role", True),
        ("exchange_public_key", True),
    ]
    [alone] = town.tenant(tenant_id="00000000-0000-0000-0000-000000000000").findings()
    assert alone.subject == "Sign-in"
    assert alone.blocks
