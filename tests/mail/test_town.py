"""A whole night by hand in a small town, without the product: does the lab itself add up?"""

from __future__ import annotations

import json
import threading

from mail_world import eventually

from blocks.firewall.aws_security_group import AwsSecurityGroup
from lab.cloud.tenant import Batch, CloudDomain, Gdap, MigrationEndpoint
from lab.dns.zone_data import rrset
from lab.mail_store import Mailbox
from lab.town import DOMAIN, Town
from lab.town_zones import MX_ZONE
from mailmove.plan.load import plan_from
from mailmove.smtp.port_check import check_port


def small(**settings: object) -> Town:
    plain = {"users": 2, "messages": 40, "ttl": 1, "mail_per_second": 12.0, "mta_retry_seconds": 0.3}
    plain |= {"cycle_seconds": 0.5, "senders": 4, "approve_after": 0.2}
    return Town(**{**plain, **settings})  # type: ignore[arg-type]


def move_mailboxes(town: Town) -> Batch:
    """What the product would ask of the tenant, put there by hand."""
    town.old.state.set_outlook_anywhere(
        {
            "ExternalHostname": f"mail.{DOMAIN}",
            "ClientAuthenticationMethod": "Basic",
            "IISAuthenticationMethods": ["Basic"],
            "SSLOffloading": False,
        }
    )
    account = town.settings["exchange"]
    tenant = town.cloud.tenant
    with tenant.lock:
        tenant.domains[DOMAIN] = CloudDomain(DOMAIN, verified=True, services=["Email"])
        tenant.endpoints["oa"] = MigrationEndpoint(
            "oa", "SBS2008", f"mail.{DOMAIN}", "Basic", account["username"], account["password"]
        )
        tenant.batches["b"] = Batch("b", "oa", status="Starting")
    town.cloud.migration.wake()
    return tenant.batches["b"]


def close_the_door(town: Town) -> None:
    aws = town.settings["aws"]
    block = AwsSecurityGroup.model_validate(
        {
            "group_id": aws["group_id"],
            "credentials": {
                "aws_access_key_id": aws["access_key_id"],
                "aws_secret_access_key": aws["secret_access_key"],
                "region_name": aws["region"],
                "aws_client_parameters": {"endpoint_url": aws["endpoint_url"]},
            },
        }
    )
    block.set_allowed(town.places.smtp_port, [])
    eventually(lambda: check_port(town.places.old_server, town.places.smtp_port).closed)


def test_a_night_by_hand_adds_up() -> None:
    with small() as town:
        eventually(lambda: sum(record.outcome == "delivered" for record in town.senders.records()) >= 6)
        batch = move_mailboxes(town)
        eventually(lambda: batch.status == "Synced", 30)
        town.dns.edit(DOMAIN, rrset(DOMAIN, "MX", 1, f"0 {DOMAIN.replace('.', '-')}.k-v1.{MX_ZONE}."))
        new = town.places.cloud
        eventually(lambda: sum(record.server == new for record in town.senders.records()) >= 6)
        town.senders.route_printers_by_mx()
        close_the_door(town)
        assert town.senders.drain(20)
        drained = batch.last_synced
        eventually(lambda: batch.last_synced is not None and drained is not None and batch.last_synced > drained, 20)
        eventually(lambda: town.account().adds_up, 10)  # a cycle that had begun before is followed by another
        totals = town.account().totals
    assert totals["moved"] > 40
    assert totals["swept"] >= 5
    assert totals["arrived new"] >= 6


def test_an_old_door_dropped_too_early_loses_nothing() -> None:
    """Field note: a refused connection makes senders queue, look the MX up again, and find the cloud."""
    with small(dns="rfc2136", printers=0, ttl=2) as town:
        batch = move_mailboxes(town)
        eventually(lambda: batch.status == "Synced", 30)
        close_the_door(town)
        eventually(lambda: sum(record.attempts >= 2 for record in town.senders.records()) >= 3)
        town.dns.edit(DOMAIN, rrset(DOMAIN, "MX", 1, f"0 {DOMAIN.replace('.', '-')}.k-v1.{MX_ZONE}."))
        assert town.senders.drain(30)
        retried = [record for record in town.senders.records() if record.attempts >= 2]
        assert {record.server for record in retried if record.outcome == "delivered"} == {town.places.cloud}
        eventually(lambda: town.account().adds_up, 20)


def test_the_accountant_sees_what_a_night_left_behind() -> None:
    with small(mail_per_second=0.0) as town:
        batch = move_mailboxes(town)
        eventually(lambda: batch.status == "Synced" and town.account().adds_up, 30)
        address, box = next((a, b) for a, b in town.cloud.store.mailboxes.items() if b.items)
        gone = next(item for item in box.items.values() if item.message_id)
        del box.items[gone.id]
        kept = next(item for item in box.items.values() if item.message_id)
        town.cloud.store.put(address, kept.mime)
        books = town.account()
        assert not books.adds_up
        assert [entry.identity for entry in books.of("lost")] == [gone.message_id]
        assert [entry.identity for entry in books.of("duplicated")] == [kept.message_id]


def test_picture_plan_and_settings() -> None:
    before = threading.active_count()
    with small(mail_per_second=0.0, seed=7) as town:
        first = town.picture()
        assert json.loads(json.dumps(first)) == first
        assert json.loads(json.dumps(town.settings)) == town.settings
        plan = plan_from(town.plan())
        assert plan.propagation.dns_port == town.places.dns_port
        assert plan_from(town.plan(customer="fabrikam")).customer == "fabrikam"
        town.dns.edit(DOMAIN, rrset(DOMAIN, "MX", 9, f"10 mail.{DOMAIN}."))
        assert town.picture() != first
        town.dns.edit(DOMAIN, rrset(DOMAIN, "MX", 1, f"10 mail.{DOMAIN}."))
        assert town.picture() == first
    eventually(lambda: threading.active_count() <= before)


def test_the_customer_approves_after_a_while() -> None:
    with small(mail_per_second=0.0) as town:
        invitation = Gdap("Mailmove northwind", "P90D", ["role"], "PT0S", status="approvalPending")
        with town.cloud.tenant.lock:
            town.cloud.tenant.relationships[invitation.id] = invitation
        eventually(lambda: invitation.status == "active")


def test_hidden_mailboxes_are_accounted_as_staying() -> None:
    with small(mail_per_second=0.0) as town:
        ghost = Mailbox(f"ghost@{DOMAIN}", "Ghost", hidden=True)
        town.old.store.add_mailbox(ghost)
        town.old.store.put(ghost.address, b"Message-ID: <g@x>\r\nSubject: boo\r\n\r\n")
        town.seeded[ghost.address] = town.old.store.snapshot(ghost.address)
        batch = move_mailboxes(town)
        eventually(lambda: batch.status == "Synced" and town.account().adds_up, 30)
        reasons = {entry.reason for entry in town.account().of("stays at the old server")}
    assert "hidden mailbox Ghost" in reasons
