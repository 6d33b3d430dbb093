"""An inventory as a table: one row for each thing found, so that a person can sort, filter and tick off."""

from __future__ import annotations

from typing import Any

from mailmove.inventory.full import FullInventory

Row = dict[str, Any]


def rows_of(inventory: FullInventory) -> list[Row]:
    """JSON values; the columns are kind, name, of (the mailbox it hangs on), details, items and bytes."""
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
                f"{one.kind} group", one.address, details=_joined(one.display_name, "members: " + " ".join(one.members))
            )
            for one in inventory.groups
        ),
        *(
            _row(one.kind, one.address, details=_joined(one.display_name, f"to {one.target}"))
            for one in inventory.contacts
        ),
        *(_row(one.kind, one.address, details=one.display_name) for one in inventory.others),
        *(
            _row("forwarding", one.to, of=one.mailbox, details=one.rule and f"inbox rule {one.rule}")
            for one in inventory.forwardings
        ),
        *(_row(one.right, one.trustee, of=one.mailbox) for one in inventory.grants),
        *(_row("archive", one.name, of=one.mailbox, items=one.items, size=one.size) for one in inventory.archives),
        *(
            _row("large item", one.subject, of=one.mailbox, details=one.folder, size=one.size)
            for one in inventory.large_items
        ),
        *(
            _row(
                "phone", one.device_id, of=one.mailbox, details=_joined(one.device_type, one.model, str(one.last_sync))
            )
            for one in inventory.phones
        ),
        *(
            _row("relay", one.client_ip, details=_joined(one.host, " ".join(one.senders)), items=one.messages)
            for one in inventory.relays
        ),
        *(_row("not read", one.what, details=one.why) for one in inventory.not_read),
    ]


def _row(
    kind: str, name: str, *, of: str = "", details: str = "", items: int | None = None, size: int | None = None
) -> Row:
    return {"kind": kind, "name": name, "of": of, "details": details, "items": items, "bytes": size}


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
