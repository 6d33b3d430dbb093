"""The two filters by which one item is looked up in a mailbox; the lab answers them without reading all of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from lab.cloud.errors import ApiError
from lab.cloud.item_stream.graph_rows import extended_value
from lab.cloud.tenant import Tenant
from lab.cloud.wire import Call
from lab.mail_store import StoredItem

_PROPERTY = re.compile(
    r"^singleValueExtendedProperties/any\((\w+): ?\1/id eq '((?:[^']|'')*)' and \1/value eq '((?:[^']|'')*)'\)$",
    re.IGNORECASE,
)
_MESSAGE_ID = re.compile(r"^internetMessageId eq '((?:[^']|'')*)'$")


def narrowed(
    items: list[StoredItem], call: Call, properties: dict[str, dict[str, str]]
) -> tuple[list[StoredItem], Call]:
    """The items that the call's $filter lets through, and the call as filtered; any other filter is left alone."""
    text = call.query.get("$filter", "").strip()
    if match := _PROPERTY.match(text):
        name, value = (group.replace("''", "'") for group in match.groups()[1:])
        items = [item for item in items if properties.get(item.id, {}).get(name.lower()) == value]
    elif match := _MESSAGE_ID.match(text):
        wanted = match[1].replace("''", "'").lower()
        items = [item for item in items if item.message_id.lower() == wanted]
    else:
        return items, call
    return items, replace(call, filtered=True)


def newest_first(call: Call) -> bool:
    """As Outlook shows them, where no order is asked for: mail that arrives between two pages moves the rest down.

    ApiError InefficientFilter: the $filter does not begin with what the list is ordered by (graph/api/
    user-list-messages, "Using filter and orderby in the same query").
    """
    name, _, way = call.query.get("$orderby", "receivedDateTime desc").partition(" ")
    if name != "receivedDateTime" or way not in ("", "asc", "desc"):
        raise ApiError(501, "NotImplemented", f"The lab does not play $orderby={call.query['$orderby']}.")
    filtered = call.query.get("$filter", "").strip()
    if "$orderby" in call.query and filtered and not filtered.startswith(name):
        raise ApiError(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.")
    return way == "desc"


def expanded(row: dict[str, Any], call: Call, tenant: Tenant) -> dict[str, Any]:
    """With the extended property that $expand asks for, where the item has it."""
    expansion = re.match(r"^singleValueExtendedProperties\(\$filter=id eq '([^']*)'\)$", call.query.get("$expand", ""))
    value = tenant.properties.get(row["id"], {}).get(expansion[1].lower()) if expansion else None
    kept = tenant.stored.get(row["id"])
    if expansion and value is None and kept is not None:
        value = extended_value(kept, expansion[1])
    if expansion and value is not None:
        row["singleValueExtendedProperties"] = [{"id": expansion[1], "value": value}]
    return row
