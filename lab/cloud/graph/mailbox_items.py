"""Graph's mailbox export: items of a folder whatever their class, and their streams.

Sources: graph/api/mailboxfolder-list-items, graph/api/resources/mailboxitem, graph/api/mailbox-exportitems ("up to 20
items in a single export request"), graph/api/resources/exportitemresponse.
"""

from __future__ import annotations

import base64
from typing import Any

from lab.cloud.errors import ApiError
from lab.cloud.graph.folder_kinds import kinds_by_path
from lab.cloud.graph.mail import folder_path, no_item
from lab.cloud.item_stream.from_item import properties_of
from lab.cloud.item_stream.stored import StoredProperties
from lab.cloud.item_stream.writer import write_stream
from lab.cloud.tenant import Tenant, utc
from lab.cloud.wire import Call, Reply, page_of
from lab.mail_store import StoredItem

MOST_EXPORTED = 20
_VERSION = (15, 20, 4566)  # as Exchange Online writes it in its own example


def stored_of(tenant: Tenant, item: StoredItem) -> StoredProperties:
    """All properties of an item of the tenant's. ValueError: the lab cannot say it in properties."""
    return tenant.stored.get(item.id) or properties_of(item)


def items(tenant: Tenant, call: Call, address: str, folder: str) -> Reply:
    path = folder_path(folder)
    if path not in kinds_by_path(tenant, address):
        raise no_item()
    held = [item for item in tenant.store.snapshot(address) if item.folder == path]

    def row(item: StoredItem) -> dict[str, Any]:
        kept = stored_of(tenant, item)
        return {
            "id": item.id,
            "type": kept.message_class,
            "size": item.size,
            "changeKey": "AQ==",
            "categories": list(kept.categories),
            "createdDateTime": utc(kept.properties.moment(0x3007) or item.received),
            "lastModifiedDateTime": utc(kept.properties.moment(0x3008) or item.received),
        }

    return page_of(call, held, row, size=10, most=1000)


def export(tenant: Tenant, call: Call, address: str) -> Reply:
    """A stream for each id, or an error in its place."""
    wanted = (call.body or {}).get("ItemIds") or (call.body or {}).get("itemIds")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= MOST_EXPORTED:
        raise ApiError(400, "ErrorInvalidRequest", f"Between 1 and {MOST_EXPORTED} ids are wanted.")
    held = {item.id: item for item in tenant.store.snapshot(address)}
    rows: list[dict[str, Any]] = []
    for identity in wanted:
        item = held.get(str(identity))
        if item is None:
            error = {"code": "ErrorItemNotFound", "message": "The specified object was not found in the store."}
            rows.append({"itemId": identity, "changeKey": None, "data": None, "error": error})
            continue
        stream = write_stream(stored_of(tenant, item), _VERSION)
        rows.append({"itemId": identity, "changeKey": "AQ==", "data": base64.b64encode(stream).decode()})
    return Reply(200, {"value": rows})
