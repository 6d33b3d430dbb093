"""What an inventory means: pure, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from blocks.exchange.inventory.large_items import suspects
from blocks.exchange.inventory.relays import relays
from mailmove.evidence import Finding
from mailmove.inventory.findings import findings_of
from mailmove.inventory.full import (
    LARGEST_ITEM,
    Archive,
    Forwarding,
    FullInventory,
    Grant,
    Group,
    LargeItem,
    MailFolder,
    OtherRecipient,
    Phone,
    Relay,
)
from mailmove.inventory.server import NotRead, SourceMailbox

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def box(address: str, kind: str = "user", **more: object) -> SourceMailbox:
    return SourceMailbox.model_validate({"address": address, "display_name": address, "kind": kind, **more})


def found(version: str = "8.3.83.6", **facts: object) -> list[Finding]:
    fields = {"server": "SBS2008", "version": version, "mailboxes": [box("anna@c.example")], **facts}
    return findings_of(FullInventory.model_validate(fields))


def one(version: str = "8.3.83.6", **facts: object) -> Finding:
    [finding] = found(version, **facts)
    return finding


def test_an_ordinary_mailbox_is_no_finding() -> None:
    assert found() == []


@pytest.mark.parametrize(("count", "seen", "blocks"), [(150, "", False), (151, "151", False), (2001, "2,001", True)])
def test_how_many_mailboxes_microsoft_supports(count: int, seen: str, blocks: bool) -> None:
    findings = found(mailboxes=[box(f"{n}@c.example") for n in range(count)])
    assert [finding.seen.split()[0] for finding in findings] == ([seen] if seen else [])
    assert any(finding.blocks for finding in findings) == blocks


@pytest.mark.parametrize("kind", ["shared", "room", "equipment"])
def test_what_is_converted_after_the_move(kind: str) -> None:
    finding = one(mailboxes=[box("info@c.example", kind, size=10)])
    assert kind in finding.seen
    assert "after the first sync" in finding.todo
    assert "needs no licence" in finding.todo
    assert "licence of its own" in one(mailboxes=[box("info@c.example", kind, size=51 * 1024**3)]).todo


@pytest.mark.parametrize(
    ("version", "route"),
    [("8.3.83.6", "no direct route"), ("14.3.123.4", "SP3 RU8, after"), ("15.0.847.32", "batch migration")],
)
def test_public_folders_and_the_routes_of_each_version(version: str, route: str) -> None:
    finding = one(version, mailboxes=[box("jobs@c.example", "public_folder")])
    assert route in finding.todo
    assert "bounces" in finding.means


def test_what_is_left_out_silently_is_said_aloud() -> None:
    assert "without a word" in one(mailboxes=[box("ghost@c.example", hidden=True)]).means
    group = Group(address="g@c.example", display_name="G", kind="distribution", hidden=True)
    assert any("hidden" in finding.seen and finding.subject == "g@c.example" for finding in found(groups=[group]))


def test_groups_by_kind() -> None:
    security = Group(address="s@c.example", display_name="S", kind="security", members=("anna@c.example",))
    assert "before the batch" in one(groups=[security]).todo
    assert "does not carry" in one(groups=[security.model_copy(update={"kind": "dynamic"})]).means
    assert "come along" in one(groups=[security.model_copy(update={"kind": "distribution"})]).means


def test_forwarding_inside_outside_and_by_rule() -> None:
    to = Forwarding(mailbox="anna@c.example", to="anna@gmail.example", keeps_copy=False)
    assert "no copy stays" in one(forwardings=[to]).seen
    assert "outbound spam policy" in one(forwardings=[to]).todo
    inside = to.model_copy(update={"to": "b@c.example", "keeps_copy": True})
    assert "outbound" not in one(forwardings=[inside]).todo
    rule = to.model_copy(update={"rule": "Home", "enabled": False})
    assert "'Home'" in one(forwardings=[rule]).seen
    assert "switched off" in one(forwardings=[rule]).seen


def test_rights_of_a_mailbox_are_one_finding() -> None:
    grants = [
        Grant(mailbox="info@c.example", right="full_access", trustee="a@c.example"),
        Grant(mailbox="info@c.example", right="full_access", trustee="C\\Backup"),
        Grant(mailbox="info@c.example", right="send_as", trustee="a@c.example"),
    ]
    assert one(grants=grants).seen == "full access: a@c.example, C\\Backup; send as: a@c.example"


def test_phones_and_the_one_that_nobody_has_any_more() -> None:
    phone = Phone(mailbox="anna@c.example", device_id="X1", device_type="iPhone", model="iPhone12C8", last_sync=NOW)
    old = phone.model_copy(update={"device_id": "X2", "last_sync": NOW - timedelta(days=61)})
    new, stale = found(phones=[phone, old])
    assert "X1" in new.seen
    assert "again after the switch" in new.todo
    assert "still exists" in stale.todo


def test_the_rest_each_by_name() -> None:
    relay = Relay(client_ip="192.168.1.9", host="COPIER", senders=("c@c.example",), messages=3, last=NOW)
    assert "192.168.1.9" in one(relays=[relay]).seen
    assert "lost" in one(relays=[relay]).means
    assert "forges" in one(relays=[relay.model_copy(update={"client_ip": "8.8.8.8"})]).means
    item = LargeItem(mailbox="anna@c.example", folder="Inbox", subject="Film", size=LARGEST_ITEM + 1)
    assert "'Film' in Inbox is 150.0 MB" in one(large_items=[item]).seen
    assert "'Old'" in one(archives=[Archive(mailbox="anna@c.example", name="Old")]).seen
    other = OtherRecipient(address="x@c.example", display_name="X", kind="TeamMailbox")
    assert "TeamMailbox" in one(others=[other]).seen
    assert "could not be read: no right" in one(not_read=[NotRead(what="rules", why="no right")]).seen
    named = [box("anna@c.example", legacy_exchange_dn="/o=C/cn=anna")]
    assert "and 1 more" in one(mailboxes=named, x500={"anna@c.example": ("/o=Old/cn=a",)}).seen


def row(ip: str, sender: str, host: str = "h", hours: int = 0) -> dict[str, object]:
    at = NOW - timedelta(hours=hours)
    return {"ClientIp": ip, "Sender": sender, "ClientHostname": host, "Source": "SMTP", "Timestamp": at}


def test_relays_are_who_is_inside_or_uses_the_name() -> None:
    rows = [
        row("10.0.0.5", "scanner@c.example"),
        row("10.0.0.5", "alarm@other.example", hours=3),
        row("198.51.100.1", "web@C.EXAMPLE"),
        row("198.51.100.2", "friend@other.example"),
        row("198.51.100.3", "x@evil-c.example"),
        row("10.0.0.6", "a@c.example", host="SRV"),
        {**row("10.0.0.7", "a@c.example"), "Source": "STOREDRIVER"},
    ]
    seen = relays(rows, {"c.example"}, {"srv"})
    assert [(machine.client_ip, machine.messages) for machine in seen] == [("10.0.0.5", 2), ("198.51.100.1", 1)]
    assert seen[0].last == NOW


def test_ews_is_asked_only_where_a_large_item_can_be() -> None:
    boxes = [box("big@c.example"), box("many@c.example", size=LARGEST_ITEM * 9), box("unknown@c.example")]
    folders = {
        "big@c.example": (MailFolder(path="Inbox", items=1, size=LARGEST_ITEM + 1),),
        "many@c.example": tuple(MailFolder(path=f"{n}", items=9, size=LARGEST_ITEM) for n in range(9)),
    }
    assert suspects(boxes, folders) == ["big@c.example", "unknown@c.example"]
