"""An inventory as a table: a row for each mailbox, group, phone and so on, so that a person can sort and filter."""

from __future__ import annotations

from typing import Any

from mailmove.inventory.full import FullInventory

Row = dict[str, Any]


def rows_of(inventory: FullInventory) -> list[Row]:
    """Rows of JSON values; the columns are kind, name, of (the mailbox it belongs to), details, items and bytes."""
    return [
        *(
            _row(
                box.kind,
                box.address,
                details=_joined(
                    box.display_name,
                    "hidden" if box.hidden else "",
                    f"also {' '.join(box.aliases)}" if box.aliases else "",
                    f"X500 {' '.join((box.legacy_exchange_dn, *inventory.x500.get(box.address, ()))).strip()}",
                    f"{len(inventory.folders.get(box.address, ()))} folders",
                ),
                items=box.item_count,
                size=box.size,
            )
            for box in inventory.mailboxes
        ),
        *(
            _row(
                f"{group.kind} group",
                group.address,
                details=_joined(group.display_name, "members: " + " ".join(group.members)),
            )
            for group in inventory.groups
        ),
        *(
            _row(contact.kind, contact.address, details=_joined(contact.display_name, f"to {contact.target}"))
            for contact in inventory.contacts
        ),
        *(_row(recipient.kind, recipient.address, details=recipient.display_name) for recipient in inventory.others),
        *(
            _row(
                "forwarding",
                forwarding.to,
                of=forwarding.mailbox,
                details=forwarding.rule and f"inbox rule {forwarding.rule}",
            )
            for forwarding in inventory.forwardings
        ),
        *(_row(grant.right, grant.trustee, of=grant.mailbox) for grant in inventory.grants),
        *(
            _row("archive", archive.name, of=archive.mailbox, items=archive.items, size=archive.size)
            for archive in inventory.archives
        ),
        *(
            _row(
                "disconnected mailbox",
                box.display_name,
                of=box.mailbox,
                details=box.reason,
                items=box.items,
                size=box.size,
            )
            for box in inventory.disconnected
        ),
        *(_row("accepted domain", domain.name, details=domain.kind) for domain in inventory.accepted_domains),
        *(
            _row(
                "send connector",
                connector.name,
                details=_joined(" ".join(connector.address_spaces), " ".join(connector.smart_hosts)),
            )
            for connector in inventory.send_connectors
        ),
        *(
            _row(
                "receive connector",
                connector.name,
                details=_joined(" ".join(connector.bindings), " ".join(connector.remote_ranges)),
            )
            for connector in inventory.receive_connectors
        ),
        *(_row("transport rule", rule.name, details=" ".join(rule.to)) for rule in inventory.transport_rules),
        *(
            _row("large item", item.subject, of=item.mailbox, details=item.folder, size=item.size)
            for item in inventory.large_items
        ),
        *(
            _row(
                "phone",
                phone.device_id,
                of=phone.mailbox,
                details=_joined(phone.device_type, phone.model, str(phone.last_sync)),
            )
            for phone in inventory.phones
        ),
        *(
            _row("relay", relay.client_ip, details=_joined(relay.host, " ".join(relay.senders)), items=relay.messages)
            for relay in inventory.relays
        ),
        *(_row("not read", part.what, details=part.why) for part in inventory.not_read),
    ]


def _row(
    kind: str, name: str, *, of: str = "", details: str = "", items: int | None = None, size: int | None = None
) -> Row:
    return {"kind": kind, "name": name, "of": of, "details": details, "items": items, "bytes": size}


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
