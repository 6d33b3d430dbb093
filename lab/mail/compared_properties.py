"""What the comparer of stores compares: for each class the properties that matter (MS-OXPROPS and the class's own
specification), and what is never compared, with its reason.

Besides these lists everything else that an item has is compared too; the lists say what must have been seen on the way.
"""

from __future__ import annotations

from lab.cloud.item_stream import named_properties as named
from lab.cloud.item_stream import tags
from lab.cloud.item_stream.named_properties import ADDRESS, APPOINTMENT, COMMON, LOG, MEETING, NOTE, TASK, Name
from lab.cloud.item_stream.stored import Key

_ALL = "001A 0037 003D 0E1D 0070 0017 0036 0026 0E07 3007 0E06 0039 3FDE"
_MESSAGE = (
    f"{_ALL} 0042 0064 0065 0041 003B 0C1A 0C1E 0C1F 0C19 0C1D 1000 1009 1013 1035 0071 007D 1042 1039 0029 0023 1080"
    " 1081 1082 1090 1091 1095 0E2B 004F 0050"
)
_BODY = "1000 1009 1013"
_EVENT = f"{_ALL} {_BODY} 0060 0061"
_TAGS = {
    "IPM.Note": _MESSAGE,
    "IPM.Post": f"{_ALL} {_BODY} 0042 0C1A 0071",
    "REPORT.IPM.Note": f"{_ALL} 0032 0031 0045 0054 004E 0055 1046 0042 0C1A",
    "IPM.Schedule.Meeting": f"{_EVENT} 0042 0C1A 1035 0071",
    "IPM.Appointment": _EVENT,
    "IPM.Contact": f"{_ALL} 1000 3001 3A06 3A11 3A45 3A44 3A05 3A0A 3A4F 3A16 3A17 3A18 3A19 3A4E 3A30 3A46 3A48 3A51"
                   " 3A50 3A58 3A42 3A41 3A4D 3A5D 3A59 3A5C 3A5B 3A5A 3A63 3A5F 3A62 3A61 3A60 3A08 3A09 3A1C 3A1F"
                   " 3A21 3A24 3A25 3A1A 3A1E 3A1D 3A4A",
    "IPM.DistList": f"{_ALL} 1000 3001",
    "IPM.Task": f"{_ALL} {_BODY}",
    "IPM.TaskRequest": f"{_ALL} 1000 0042 0C1A 1035",
    "IPM.StickyNote": f"{_ALL} 1000",
    "IPM.Activity": f"{_ALL} {_BODY}",
}  # fmt: skip
_REMINDER = "8501 8502 8503 8560 8506"
_TIMES = "820D 820E 8205 8208 8213 8214 8215 8216 8217 8218 8223 8231 8232 8233 8234 825E 825F 8260 8201 825A"
_LIDS = {
    "IPM.Note": [(COMMON, _REMINDER), (COMMON, "8530"), (TASK, "8104 8105 811C")],
    "IPM.Schedule.Meeting": [(APPOINTMENT, _TIMES), (MEETING, "0003 0023 0001 001A 0002 0026")],
    "IPM.Appointment": [(COMMON, f"{_REMINDER} 8516 8517"), (APPOINTMENT, _TIMES), (MEETING, "0003 0023")],
    "IPM.Contact": [
        (ADDRESS, "8005 8006 8022 8045 8046 8047 8048 8049 801A 801B 8062 804F 8050 8028 8029 8015 8080 8082 8083 8084"
                  " 8085 8090 8092 8093 8094 8095 80A0 80A2 80A3 80A4 80A5"),
        (COMMON, "8539 8534 8535"),
    ],
    "IPM.DistList": [(ADDRESS, "8005 8053 8054 8055 804C")],
    "IPM.Task": [
        (TASK, "8101 8102 8103 8104 8105 810F 8110 8111 8112 8113 8116 811C 811F 8126 8129 812A"),
        (COMMON, f"{_REMINDER} 8516 8517 853A"),
    ],
    "IPM.StickyNote": [(NOTE, "8B00 8B02 8B03 8B04 8B05")],
    "IPM.Activity": [(LOG, "8700 8712 8706 8708 8707 870C"), (COMMON, "8516 8517 8539 853A")],
}  # fmt: skip


def _table() -> dict[str, frozenset[Key]]:
    table: dict[str, frozenset[Key]] = {}
    for item_class, text in _TAGS.items():
        keys: set[Key] = {int(word, 16) for word in text.split()}
        keys |= {Name(place, int(word, 16)) for place, lids in _LIDS.get(item_class, []) for word in lids.split()}
        table[item_class] = frozenset({*keys, Name(named.PUBLIC_STRINGS, "Keywords")})
    return table


MATTERS = _table()
"""Class -> the properties that matter of its items; of a class below it too."""

_SERVERS_OWN = "the server writes it"
NOT_COMPARED: dict[Key, str] = {
    0x3008: f"{_SERVERS_OWN} when it files the item", 0x3FFA: f"{_SERVERS_OWN} when it files the item",
    0x3FFB: f"{_SERVERS_OWN} when it files the item", 0x300B: "identifies a copy", 0x0FF9: "identifies a copy",
    0x0FF6: "identifies a copy", 0x0E08: "is computed", 0x0E1B: "is computed", 0x0FFE: "is computed",
    0x0FF7: "is computed", 0x1016: "is computed of the bodies", 0x0E1F: "is computed of the bodies",
}  # fmt: skip
"""Of messages."""
NOT_COMPARED_OF_ROWS: dict[Key, str] = {
    tags.ROW_ID: "numbers the rows", 0x5FDF: "numbers the rows", 0x0FF6: "identifies a copy",
    0x0FF9: "identifies a copy", 0x0FFE: "is computed",
}  # fmt: skip
NOT_COMPARED_OF_FILES: dict[Key, str] = {
    tags.ATTACH_NUMBER: "numbers the files", 0x0E20: "is computed", 0x0FF9: "identifies a copy", 0x0FFE: "is computed",
    0x0FF7: "is computed", 0x3007: f"{_SERVERS_OWN} when it files the item",
    0x3008: f"{_SERVERS_OWN} when it files the item",
}  # fmt: skip
FLAGS = 0x0001 | 0x0008
"""Of PidTagMessageFlags: read, unsent. The others are computed, or of the transport."""


def matters(item_class: str) -> frozenset[Key]:
    """The properties that matter of an item; of a class of the company's own: those of a message."""
    name = item_class
    while name:
        for known, keys in MATTERS.items():
            if name.lower() == known.lower():
                return keys
        name = name.rpartition(".")[0]
    return MATTERS["IPM.Note"]
