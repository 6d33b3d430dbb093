"""Which properties an item of a class may have: what is asked for, and what is held against the target afterwards."""

from __future__ import annotations

import functools

from mailmove.items.stream.known.any_item import ANY_ITEM
from mailmove.items.stream.known.calendar import CALENDAR
from mailmove.items.stream.known.contact import CONTACT, DISTRIBUTION_LIST
from mailmove.items.stream.known.mail import FEED, ORIGINAL, REPORT, SHARED_FOLDER, VOICE
from mailmove.items.stream.known.work import JOURNAL, NOTES, TASKS
from mailmove.items.stream.properties import Property

_OF_CLASS: dict[str, tuple[Property, ...]] = {
    "IPM.NOTE": ORIGINAL,
    "IPM.NOTE.MICROSOFT.VOICEMAIL": (*ORIGINAL, *VOICE),
    "IPM.NOTE.MICROSOFT.FAX": (*ORIGINAL, *VOICE),
    "IPM.NOTE.MICROSOFT.MISSED": (*ORIGINAL, *VOICE),
    "IPM.NOTE.RPMSG": (*ORIGINAL, *VOICE),
    "IPM.SHARING": (*ORIGINAL, *SHARED_FOLDER),
    "IPM.SCHEDULE": (*ORIGINAL, *CALENDAR),
    "IPM.APPOINTMENT": CALENDAR,
    "IPM.OLE.CLASS": CALENDAR,  # a changed occurrence, inside its series
    "IPM.CONTACT": CONTACT,
    "IPM.DISTLIST": DISTRIBUTION_LIST,
    "IPM.TASK": TASKS,
    "IPM.TASKREQUEST": (*ORIGINAL, *TASKS),
    "IPM.STICKYNOTE": NOTES,
    "IPM.ACTIVITY": JOURNAL,
    "IPM.POST": ORIGINAL,
    "IPM.POST.RSS": (*ORIGINAL, *FEED),
    "REPORT": (*ORIGINAL, *REPORT),
    "REPORT.IPM.SCHEDULE": (*ORIGINAL, *REPORT, *CALENDAR),
    "REPORT.IPM.TASKREQUEST": (*ORIGINAL, *REPORT, *TASKS),
}
"""Class, in capitals -> what its items have besides ANY_ITEM. Signed and encrypted mail has none of its own."""


@functools.cache
def properties_of(item_class: str) -> tuple[Property, ...]:
    """For a class, or a custom class derived from it ('IPM.Contact.Customer'); an unknown one has what a message has.

    Each once. Properties that a company has made itself are not among them: name them besides.
    """
    words = item_class.upper().split(".")
    for length in range(len(words), 0, -1):
        special = _OF_CLASS.get(".".join(words[:length]))
        if special is not None:
            return tuple(dict.fromkeys((*ANY_ITEM, *special)))
    return (*ANY_ITEM, *ORIGINAL)
