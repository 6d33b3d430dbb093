"""Reads every blob in a message that has a reader, and holds the properties of calendar items and contacts together.

Exchange takes a message whose blobs are broken, and then no client can open it ("Invalid global object id",
alcionai/corso pull 5191: ErrorCorruptData at every reading). The lab says so when it comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.cloud.item_stream.appointment_recurrence import read_appointment_recurrence
from lab.cloud.item_stream.compressed_rtf import read_rtf
from lab.cloud.item_stream.contact_addresses import read_email_blocks, read_flat_entries
from lab.cloud.item_stream.cursor import Cursor
from lab.cloud.item_stream.entry_ids import read_entry, read_list_stream, read_members
from lab.cloud.item_stream.global_object_id import read_global_object_id
from lab.cloud.item_stream.named_properties import ADDRESS, APPOINTMENT, MEETING, TASK, Name
from lab.cloud.item_stream.recurrence import read_task_recurrence
from lab.cloud.item_stream.refusal import Fault, StreamRefused
from lab.cloud.item_stream.stored import Key, Properties, StoredProperties, shown
from lab.cloud.item_stream.time_zone import Rule, read_time_zone_definition, read_time_zone_struct

RECUR, ZONE, ZONE_RECUR = Name(APPOINTMENT, 0x8216), Name(APPOINTMENT, 0x8233), Name(APPOINTMENT, 0x8260)
START, END, RECURRING = Name(APPOINTMENT, 0x820D), Name(APPOINTMENT, 0x820E), Name(APPOINTMENT, 0x8223)
GLOBAL_ID, CLEAN_ID = Name(MEETING, 3), Name(MEETING, 0x23)
MEMBERS, ONE_OFFS = Name(ADDRESS, 0x8055), Name(ADDRESS, 0x8054)


def _conversation_index(blob: bytes) -> None:
    """MS-OXOMSG 2.2.1.3: a header of 22 bytes that begins with 1, and 5 for each answer."""
    cursor = Cursor(blob)
    cursor.expect(b"\x01", "the first byte of PidTagConversationIndex")
    if len(blob) < 22 or (len(blob) - 22) % 5:
        cursor.refuse(Fault.BAD_LENGTH, "22 bytes, and 5 for each answer", str(len(blob)), 0)


BLOBS: dict[Key, Callable[[bytes], Any]] = {
    0x1009: read_rtf, 0x0C19: read_entry, 0x0041: read_entry, 0x003F: read_entry, 0x0043: read_entry,
    0x0FFF: read_entry, 0x5FF7: read_entry, 0x004F: read_flat_entries, 0x0071: _conversation_index,
    RECUR: read_appointment_recurrence, Name(TASK, 0x8116): read_task_recurrence, ZONE: read_time_zone_struct,
    ZONE_RECUR: read_time_zone_definition, Name(APPOINTMENT, 0x825E): read_time_zone_definition,
    Name(APPOINTMENT, 0x825F): read_time_zone_definition, GLOBAL_ID: read_global_object_id,
    CLEAN_ID: lambda blob: read_global_object_id(blob, clean=True), Name(ADDRESS, 0x8064): read_list_stream,
}  # fmt: skip


def check_item(message: StoredProperties) -> None:
    """StreamRefused: a blob in it, or in a message in it, that no client could read."""
    for where, inner in message.messages():
        blobs = read_blobs(inner.properties, where)
        for recipient in inner.recipients:
            read_blobs(recipient, f"{where}a recipient: ")
        _calendar(inner, blobs, where)
        if inner.message_class.lower().startswith("ipm.contact"):
            read_email_blocks(inner.properties)
        if MEMBERS in inner.properties:
            _members(inner.properties, where)


def read_blobs(properties: Properties, where: str = "") -> dict[Key, Any]:
    """What is in each blob that has a reader."""
    blobs: dict[Key, Any] = {}
    for key, read in BLOBS.items():
        kept = properties.get(key)
        # Servers send tagged properties that they do not have as nothing.
        if kept is not None and isinstance(kept.value, bytes) and (kept.value or isinstance(key, Name)):
            try:
                blobs[key] = read(kept.value)
            except StreamRefused as refused:
                raise refused.inside(f"{where}{shown(key)}", kept.offset) from None
    return blobs


def _calendar(message: StoredProperties, blobs: dict[Key, Any], where: str) -> None:
    properties = message.properties

    def refuse(key: Key, wanted: str, seen: str, fault: Fault = Fault.BAD_VALUE) -> None:
        offset = properties[key].offset if key in properties else 0
        raise StreamRefused(fault, offset, wanted, seen, f"{where}{shown(key)}")

    is_event = message.message_class.lower().partition(".")[2].partition(".")[0] == "appointment"
    start, end = properties.value(START), properties.value(END)
    for key in (START, END):
        if is_event and key not in properties:
            refuse(key, "a start and an end", "an appointment without", Fault.MISSING)
    if start is not None and end is not None and end < start:
        refuse(END, "an end after its start", f"{(start - end) // 600_000_000} minutes before it")
    if is_event and bool(properties.value(RECURRING)) != (RECUR in properties):
        refuse(RECURRING, "PidLidRecurring where there is a recurrence", str(properties.value(RECURRING)))
    if is_event and RECUR in properties and ZONE not in properties:
        refuse(ZONE, "the time zone of a series", "none", Fault.MISSING)
    zone, definition = blobs.get(ZONE), blobs.get(ZONE_RECUR)
    if zone and definition and _times(definition.effective) != _times(zone):
        refuse(
            ZONE_RECUR, f"the effective rule of PidLidTimeZoneStruct: {_times(zone)}", str(_times(definition.effective))
        )
    ids, clean = blobs.get(GLOBAL_ID), blobs.get(CLEAN_ID)
    if ids and clean and (ids.data, ids.created) != (clean.data, clean.created):
        refuse(CLEAN_ID, "PidLidGlobalObjectId without its day", "another id")


def _times(rule: Rule | None) -> Any:
    """What 2.2.1.41 compares."""
    return rule and (rule.bias, rule.standard_bias, rule.daylight_bias, rule.standard, rule.daylight)


def _members(properties: Properties, where: str) -> None:
    members, one_offs = properties.value(MEMBERS), properties.value(ONE_OFFS) or ()
    try:
        read_members(members, one_offs)
    except StreamRefused as refused:
        raise refused.inside(f"{where}{shown(MEMBERS)}", properties[MEMBERS].offset) from None
