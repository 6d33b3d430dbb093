"""What Graph shows of an imported item beyond what the lab's MIME says, and its extended properties.

Sources: graph/api/resources/message, event, contact, singlevaluelegacyextendedproperty (the forms of an id).
"""

from __future__ import annotations

import base64
import re
from typing import Any
from uuid import UUID

from lab.cloud.item_stream.named_properties import ADDRESS, APPOINTMENT, COMMON, Name
from lab.cloud.item_stream.property_types import TIME, time_of
from lab.cloud.item_stream.stored import Key, StoredProperties

_IMPORTANCE = {0: "low", 1: "normal", 2: "high"}
_SENSITIVITY = {0: "normal", 1: "personal", 2: "private", 3: "confidential"}
_BUSY = {0: "free", 1: "tentative", 2: "busy", 3: "oof", 4: "workingElsewhere"}
_FLAG = {1: "complete", 2: "flagged"}
_TAG = re.compile(r"^\w+ 0x([0-9a-f]+)$", re.IGNORECASE)
_NAMED = re.compile(r"^\w+ \{([0-9a-f-]{36})\} (?:id (0x[0-9a-f]+|[0-9]+)|name (.+))$", re.IGNORECASE)


def message_fields(kept: StoredProperties) -> dict[str, Any]:
    value = kept.properties.value
    return {
        "isRead": bool((value(0x0E07) or 0) & 1),
        "importance": _IMPORTANCE.get(value(0x0017), "normal"),
        "categories": list(kept.categories),
        "flag": {"flagStatus": _FLAG.get(value(0x1090), "notFlagged")},
        "hasAttachments": bool(kept.attachments),
    }


def event_fields(kept: StoredProperties) -> dict[str, Any]:
    value = kept.properties.value
    return {
        "importance": _IMPORTANCE.get(value(0x0017), "normal"),
        "sensitivity": _SENSITIVITY.get(value(0x0036), "normal"),
        "categories": list(kept.categories),
        "showAs": _BUSY.get(value(Name(APPOINTMENT, 0x8205)), "unknown"),
        "isAllDay": bool(value(Name(APPOINTMENT, 0x8215))),
        "isReminderOn": bool(value(Name(COMMON, 0x8503))),
        "reminderMinutesBeforeStart": value(Name(COMMON, 0x8501)) or 0,
        "location": {"displayName": value(Name(APPOINTMENT, 0x8208)) or ""},
        "hasAttachments": bool(kept.attachments),
    }


def contact_fields(kept: StoredProperties) -> dict[str, Any]:
    value = kept.properties.value
    return {
        "givenName": value(0x3A06),
        "surname": value(0x3A11),
        "companyName": value(0x3A16),
        "jobTitle": value(0x3A17),
        "mobilePhone": value(0x3A1C),
        "fileAs": value(Name(ADDRESS, 0x8005)),
        "categories": list(kept.categories),
    }


def extended_value(kept: StoredProperties, identity: str) -> str | None:
    """The value of a single-value extended property as Graph spells it; None: the item does not have it."""
    key = _key(identity)
    single = kept.properties.get(key) if key is not None else None
    if single is None or isinstance(single.value, tuple):
        return None
    if single.kind == TIME and isinstance(single.value, int):
        return f"{time_of(single.value):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(single.value, bytes):
        return base64.b64encode(single.value).decode()
    return str(single.value).lower() if isinstance(single.value, bool) else str(single.value)


def _key(identity: str) -> Key | None:
    if match := _TAG.match(identity):
        return int(match[1], 16)
    if (match := _NAMED.match(identity)) and match[1].count("-") == 4:
        number = match[2]
        return Name(UUID(match[1]), match[3] or int(number, 16 if number[:2].lower() == "0x" else 10))
    return None
