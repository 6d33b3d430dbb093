"""Objects on the wire, spoiled in every way: a value of its type, or an error of Mailmove; nothing else leaves."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from psrpcore import PSRPPayload  # noqa: F401  # psrpcore registers its types when it is imported
from psrpcore.types import serialize

from blocks.exchange.powershell import values
from blocks.exchange.powershell.certificates import _read
from blocks.exchange.powershell.from_clixml import NotClixml, Row, properties
from blocks.exchange.powershell.recipients import disconnected, mailboxes, server_version, statistics
from blocks.exchange.powershell.values import Account
from lab.exchange.powershell.objects import Wire, account, directory_id, enumeration, switch
from mailmove.errors import Blocked, MailmoveError

MUTATIONS = 300
READERS: dict[str, tuple[Callable[..., Any], type | tuple[type, ...]]] = {
    "Deny": (values.flag, bool),
    "ItemCount": (values.count, (int, type(None))),
    "TotalItemSize": (values.size, (int, type(None))),
    "DisconnectDate": (values.moment, (datetime, type(None))),
    "AccessRights": (values.names, tuple),
    "EmailAddresses": (values.texts, tuple),
    "User": (values.account, Account),
    "Identity": (values.text, str),
    "RawData": (values.octets, bytes),
}
WORDS = ("", "x", "-1", "99999999999999999999", "\u00a0", "NaN", "2026-99-99T00:00:00Z", "==")
TAGS = ("S", "B", "I32", "DT", "BA", "Nil", "Obj", "Ref", "D", "LST", "DCT", "TN", "X", "G", "Db", "C")


def recorded(deep: bool) -> str:
    """One object with a property of each kind, as the lab's server sends it."""
    row = {
        "Identity": directory_id("kunde.example/Company/Anna"),
        "User": account("KUNDE\\bert", "S-1-5-21-1-2-3-1104"),
        "AccessRights": [enumeration("MailboxRights", "FullAccess", 1)],
        "Deny": switch(False),
        "IsInherited": False,
        "ItemCount": 7,
        "TotalItemSize": "4.264 KB (4,366 bytes)",
        "DisconnectDate": datetime.fromisoformat("2026-11-02T03:00:00+00:00"),
        "EmailAddresses": ["SMTP:anna@kunde.example", "smtp:a@kunde.example"],
        "PrimarySmtpAddress": "anna@kunde.example",
        "LegacyDN": "/o=k/cn=anna",
        "RawData": b"\x30\x03\x02\x01\x05",
        "AdminDisplayVersion": "Version 14.3 (Build 123.4)",
    }
    return ET.tostring(serialize(Wire(deep).row("X", row), cipher=None), encoding="unicode")


def spoiled(text: str, dice: random.Random) -> str:
    """The same with an element dropped, doubled, emptied, of another type, in another place; or cut off."""
    if dice.random() < 0.1:
        return text[: dice.randrange(len(text))]
    root = ET.fromstring(text)
    for _ in range(dice.randrange(1, 4)):
        parents = [element for element in root.iter() if len(element)]
        if not parents:
            break
        parent = dice.choice(parents)
        child = dice.choice(list(parent))
        what = dice.randrange(7)
        if what == 0:
            parent.remove(child)
        elif what == 1:
            parent.append(child)
        elif what == 2:
            child.clear()
        elif what == 3:
            child.tag = dice.choice(TAGS)
        elif what == 4:
            child.text = dice.choice(
                ("", "x", "-1", "99999999999999999999", "\u00a0", "NaN", "2026-99-99T00:00:00Z", "==")
            )
        elif what == 5:
            child.attrib = {"RefId": str(dice.randrange(9)), "N": dice.choice(tuple(READERS))}
        else:
            parent.insert(0, ET.Element(dice.choice(TAGS), {"N": dice.choice(tuple(READERS))}))
    return ET.tostring(root, encoding="unicode")


@pytest.mark.parametrize("deep", [True, False])
def test_a_spoiled_object_is_a_value_of_its_type_or_an_error(deep: bool) -> None:
    whole, read = recorded(deep), 0
    for seed in range(MUTATIONS):
        text = spoiled(whole, random.Random(seed))
        try:
            row = properties(text)
        except NotClixml:
            continue
        for name, (reader, kind) in READERS.items():
            try:
                value = reader(row, name)
            except Blocked as error:
                assert name in error.wanted and error.code == "UnreadValue", text
            else:
                assert isinstance(value, kind), text
                read += 1
        for use in (
            lambda row: mailboxes([row], statistics([row], []), []),
            lambda row: mailboxes([row], statistics([row])),
            lambda row: disconnected([row], []),
            server_version,
            _read,
        ):
            try:
                use(row)
            except MailmoveError:
                continue
    assert read > MUTATIONS * 3, "most of what is spoiled in one place is read in the others"


def test_what_is_whole_is_read_whole() -> None:
    for deep in (True, False):
        row = Row(properties(recorded(deep)))
        assert values.flag(row, "Deny") is False
        assert values.names(row, "AccessRights") == ("FullAccess",)
        assert values.size(row, "TotalItemSize") == 4366
        assert values.account(row, "User") == Account("KUNDE\\bert", "S-1-5-21-1-2-3-1104" if deep else None)
        assert values.text(row, "Identity") == "kunde.example/Company/Anna"
