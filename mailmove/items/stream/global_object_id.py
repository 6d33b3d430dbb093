"""Identity of a meeting on all calendars (MS-OXOCAL 2.2.1.27, 2.2.1.28), and of a UID (MS-OXCICAL 2.1.3.1.1.20.26)."""

from __future__ import annotations

import binascii
import struct
from datetime import date, datetime

from mailmove.items.stream.faults import unwritable
from mailmove.items.stream.values import ticks

_SIGN = bytes.fromhex("040000008200e00074c5b7101a82e008")
_UID_SIGN = b"vCal-Uid\x01\x00\x00\x00"
_INSTANCE = slice(16, 20)
_HEAD = 40
"""Bytes before the data."""


def global_object_id(data: bytes, created: datetime | None = None, instance: date | None = None) -> bytes:
    """instance: the day of the occurrence that it names; None: the series or the single meeting."""
    moment = struct.pack("<Q", ticks(created)) if created else bytes(8)
    return _SIGN + _day(instance) + moment + bytes(8) + struct.pack("<I", len(data)) + data


def id_of_uid(uid: str, instance: date | None = None) -> bytes:
    """Of an iCalendar UID: a UID that is such an id in hexadecimal is that id, any other one is wrapped."""
    try:
        known = bytes.fromhex(uid)
    except ValueError:
        known = b""
    if is_global_object_id(known):
        return known[: _INSTANCE.start] + _day(instance) + known[_INSTANCE.stop :]
    if not uid or "\0" in uid:
        raise unwritable("the UID of an event", "none, or one with a null in it", "UidUnfit")
    try:
        return global_object_id(_UID_SIGN + uid.encode() + b"\0", instance=instance)
    except UnicodeError:
        raise unwritable("the UID of an event", "half a character", "UidUnfit") from None


def clean(identity: bytes) -> bytes:
    """PidLidCleanGlobalObjectId: the same for the series and all of its occurrences."""
    if not is_global_object_id(identity):
        shown = binascii.hexlify(identity[:4]).decode()
        raise unwritable("a global object id", f"{len(identity)} bytes, beginning {shown}", "UidUnfit")
    return identity[: _INSTANCE.start] + bytes(4) + identity[_INSTANCE.stop :]


def is_global_object_id(identity: bytes) -> bool:
    """Is it one, with its data whole?"""
    if len(identity) < _HEAD or identity[: len(_SIGN)] != _SIGN:
        return False
    (length,) = struct.unpack_from("<I", identity, _HEAD - 4)
    return bool(length == len(identity) - _HEAD)


def _day(instance: date | None) -> bytes:
    """Year with its high byte first, month, day."""
    return struct.pack(">HBB", instance.year, instance.month, instance.day) if instance else bytes(4)
