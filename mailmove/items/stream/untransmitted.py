"""What of an item is not written: what the target's server counts, names or signs itself.

Sources: ranges of property ids (MS-OXPROPS 1.3.3: 0x0E00-0x0FFF, 0x6600-0x67FF and 0x7C00-0x7FFF are not transmitted);
MS-OXCMSG 2.2.1 for those of the first range that are the client's all the same; MS-OXCFXICS 2.2.1.2 (keys of a change).
"""

from __future__ import annotations

from typing import Literal

from mailmove.items.stream.properties import Property, Tag

Part = Literal["item", "recipient", "attachment"]

_RANGES = (range(0x0E00, 0x1000), range(0x6600, 0x6800), range(0x7C00, 0x8000))

_WRITTEN: dict[Part, frozenset[int]] = {
    "item": frozenset({0x0E01, 0x0E06, 0x0E07, 0x0E17, 0x0E1F, 0x0E28, 0x0E29, 0x0E2B, 0x0E2C, 0x0E2D}),
    "recipient": frozenset({0x0E0F, 0x0FFE, 0x0FFF}),
    "attachment": frozenset({0x7FF9, 0x7FFA, 0x7FFB, 0x7FFC, 0x7FFD, 0x7FFE, 0x7FFF}),
}
"""Of those ranges: dates, read state and flags of an item; who a recipient is; whose attachment it is."""

SERVERS_OWN = frozenset(
    {
        0x0FFF,  # EntryId
        0x1016,  # NativeBody, found out from the bodies
        0x3019, 0x301A, 0x301B, 0x301C, 0x301D, 0x3018, 0x301E, 0x301F,  # retention tags of the old organization
        0x300A, 0x300F, 0x3014, 0x3015, 0x3013,  # provider; conversation: computed from topic and index
        0x340D, 0x0FF4, 0x0FF6, 0x0FF7, 0x0FF8, 0x0FF9, 0x0FFA, 0x0FFB, 0x0FFE,  # store, access, record keys
        0x65E0, 0x65E1, 0x65E2, 0x65E3, 0x65E4,  # SourceKey, ParentSourceKey, ChangeKey, PredecessorChangeList
        0x4008, 0x4016, 0x400F,  # meta-properties of the stream itself
    }
)  # fmt: skip
"""Ids that no item brings along, wherever they lie."""

_ROW_AND_NUMBER: dict[Part, frozenset[int]] = {
    "item": frozenset(),
    "recipient": frozenset({0x3000}),
    "attachment": frozenset({0x0E20, 0x0E21}),
}
"""Written by the writer itself, or counted by the server."""


def is_transmitted(part: Part, candidate: Property) -> bool:
    """Is the property written for such a part of an item?"""
    key = candidate.key
    if not isinstance(key, Tag) or key.id in _WRITTEN[part]:
        return True
    if key.id in SERVERS_OWN or key.id in _ROW_AND_NUMBER[part]:
        return False
    return not any(key.id in numbers for numbers in _RANGES)
