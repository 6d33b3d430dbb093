"""Names for items that have no Internet Message-ID: the same item has the same key on both servers.

Exchange keeps a calendar item's UID and a contact's name and addresses when a mailbox is moved; item ids, change keys
and modification times are new on the other side, so none of them may go into a key.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

_GLOBAL_OBJECT_ID = "040000008200E00074C5B7101A82E008"
_MINUTE = len("2026-11-23T09:00")
_DAY = len(_GLOBAL_OBJECT_ID)  # four bytes follow: year, month, day of an occurrence, or zeros


_UNSAYABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML cannot say and JSON can: EWS's reader has U+FFFD for it."""


def plain(text: str) -> str:
    """Normalize text: NFC, one space between words, lower case; servers differ in these."""
    text = _UNSAYABLE.sub("\ufffd", text)
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def event_key(uid: str, start: datetime | None) -> str:
    """`event|<uid>|<start, UTC, to the minute>`: `event|weekly@example.com|2026-11-23T09:00`.

    The start is left out for a UID that Exchange itself made (MS-OXOCAL 2.2.1.27, Global Object ID): it is unique, and
    the two sides give the start of an all-day event in different time zones. Such a UID may hold the day of one
    occurrence, on one side and not on the other; it is taken out, and several occurrences that a person was invited to
    alone are told apart by their number.

    uid: EWS `CalendarItem/UID`, Graph `event.iCalUId`; where a server gives none, the subject.
    start: of the series for a recurring item, aware; None: the server does not say. ValueError: naive.
    """
    if start is not None and start.tzinfo is None:
        raise ValueError(f"the start {start.isoformat()} of {uid!r} has no time zone")
    alone = uid.upper().startswith(_GLOBAL_OBJECT_ID)
    moment = start.astimezone(UTC).isoformat()[:_MINUTE] if start and not alone else ""
    if alone:
        uid = f"{uid[:_DAY]}{'0' * 8}{uid[_DAY + 8 :]}"
    return f"event|{plain(uid)}|{moment}"


def contact_key(name: str, email: str) -> str:
    """`contact|<display name>|<first e-mail address>`: EWS `DisplayName`, Graph `contact.displayName`."""
    return f"contact|{plain(name)}|{plain(email)}"


def other_key(kind: str, subject: str, received: datetime | None) -> str:
    """`<kind>|<subject>|<received, UTC, to the minute>`, for messages without Message-ID, tasks and notes."""
    moment = received.astimezone(UTC).isoformat()[:_MINUTE] if received else ""
    return f"{kind}|{plain(subject)}|{moment}"
