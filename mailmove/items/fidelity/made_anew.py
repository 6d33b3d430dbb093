"""Properties that the target makes anew, and words for those that people know. Data.

Sources: MS-OXCMSG 2.2.1 (who counts what), MS-OXOMSG 2.2.1 (ids of address books), `items/stream/untransmitted.py`.
"""

from __future__ import annotations

from mailmove.items.stream.known.any_item import BODIES, FLAGGED_AS_TASK, FLAGS, REMINDER
from mailmove.items.stream.properties import Key, Tag

MADE_ANEW: frozenset[Key] = frozenset(
    Tag(number)
    for number in (
        0x3007, 0x3008, 0x3FF8, 0x3FFA,  # made and changed: when, by whom
        0x0E17, 0x0E28, 0x0E29, 0x0E2C, 0x0E2D,  # status, and state of one program's profile
        0x003F, 0x0041, 0x0043, 0x0046, 0x004F, 0x0C19,  # entry ids, of the old address book
        0x003B, 0x0051, 0x0052, 0x0053, 0x0C1D, 0x300B,  # search keys of these, and of the item
        0x0047, 0x007F, 0x1082,  # ids of a submission; when it was answered, which changes with the flag
        0x1016, 0x0E1F, 0x3FDE, 0x3FFD,  # form of the body
        0x4076, 0x4079, 0x4083,  # what each server thinks of the sender
        0x3016, 0x0071, 0x0070, 0x003D,  # conversation and prefix, computed from the subject
    )
)  # fmt: skip
"""Of these nothing is said: they differ, and nothing is lost."""

ADDRESSES: dict[Key, Key] = {
    Tag(0x0065): Tag(0x0064),
    Tag(0x0076): Tag(0x0075),
    Tag(0x0078): Tag(0x0077),
    Tag(0x0C1F): Tag(0x0C1E),
}
"""Address -> its type; one of the type EX is a name in the old organization, and is another at the target."""

MESSAGE_FLAGS: Key = Tag(0x0E07)
FLAGS_KEPT = 0x0001 | 0x0008
"""Read, and not sent yet (MS-OXCMSG 2.2.1.6); the other bits are counted from the item."""

TEXT, HTML, RTF = Tag(0x1000), Tag(0x1013), Tag(0x1009)
"""Bodies; a server makes each from the others."""

WORDS: dict[Key, str] = {
    **{each.key: "body" for each in BODIES},
    **{each.key: "flag" for each in (*FLAGS, *FLAGGED_AS_TASK)},
    **{each.key: "reminder" for each in REMINDER},
    MESSAGE_FLAGS: "read state",
    Tag(0x0017): "importance",
    Tag(0x0026): "priority",
    Tag(0x0036): "privacy",
    Tag(0x0037): "subject",
    Tag(0x0039): "date sent",
    Tag(0x0E06): "date received",
    Tag(0x007D): "header",
    Tag(0x001A): "class",
}
"""What people call them; any other has the name of MS-OXPROPS."""
