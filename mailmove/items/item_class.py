"""Classes of items as people and reports know them: a few families, each with its derived classes."""

from __future__ import annotations

FAMILIES: dict[str, str] = {
    "IPM.Note": "messages",
    "IPM.Note.SMIME": "signed and encrypted messages",
    "IPM.Schedule": "meeting requests and answers",
    "REPORT": "reports",
    "IPM.Post": "posts",
    "IPM.Appointment": "events",
    "IPM.Contact": "contacts",
    "IPM.DistList": "distribution lists",
    "IPM.Task": "tasks",
    "IPM.TaskRequest": "task requests",
    "IPM.StickyNote": "notes",
    "IPM.Activity": "journal entries",
}
"""Class -> for people. One that is derived ('IPM.Contact.Customer') is of the longest that it begins with."""
OTHER = "others"
"""Family of a class that no one here has, and of an item whose class is not known."""
_BY_WORDS = {tuple(name.upper().split(".")): name for name in FAMILIES}


def family_of(item_class: str) -> str:
    """A key of FAMILIES, or OTHER."""
    words = item_class.upper().split(".")
    names = (_BY_WORDS.get(tuple(words[:length])) for length in range(len(words), 0, -1))
    return next((name for name in names if name), OTHER)


def people_call(family: str) -> str:
    return FAMILIES.get(family, "items of other classes")
