"""Contacts, distribution lists, tasks and their requests, notes, journal entries (MS-OXOCNTC, MS-OXOTASK, MS-OXONOTE,
MS-OXOJRNL)."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream.compressed_rtf import crc
from lab.cloud.item_stream.entry_ids import WRAPPED
from lab.cloud.item_stream.from_item import one_off, put
from lab.cloud.item_stream.named_properties import ADDRESS, COMMON, LOG, NOTE, PUBLIC_STRINGS, TASK, Name
from lab.cloud.item_stream.stored import StoredProperties
from lab.mailbox_content.draft import PNG, Draft, Person, Values, embedded, file, recipient, renumbered
from lab.mailbox_content.recurrences import KINDS, days_of, pattern_blob

_NAMES = (("Anna", "Berg"), ("Łukasz", "Żółtowski"), ("太郎", "山田"), ("Siobhán", "O'Neill"), ("محمد", "علي"))


def contact(draft: Draft) -> StoredProperties:
    """With up to three addresses of either kind, a picture, phones, places, own fields; some of their own class."""
    dice = draft.dice
    given, surname = dice.choice(_NAMES)
    name = f"{given} {surname} {draft.number}"
    values = draft.common(dice.choice(("IPM.Contact", "IPM.Contact", "IPM.Contact.Northwind"))) | draft.body("text")
    values |= {
        0x3001: name, 0x3A06: given, 0x3A11: surname, 0x0037: name, 0x0E1D: name, 0x003D: "", 0x3A45: "Dr.",
        0x3A44: "M.", 0x3A05: "jun.", 0x3A0A: "A.B.", 0x3A4F: "Nick", 0x3A16: "Contoso & Co", 0x3A17: "Chefin",
        0x3A18: "Entwicklung", 0x3A19: "Büro 7", 0x3A4E: "Manager M", 0x3A30: "Assistant A", 0x3A46: "Beruf",
        0x3A48: "Partner P", 0x3A51: "https://contoso.example/", 0x3A50: "https://home.example/", 0x1080: 512,
        0x3A58: ("Kind 1", "Kind 2"), 0x3A42: draft.moment(), 0x3A41: draft.moment(), 0x3A4D: dice.randrange(3),
        Name(ADDRESS, 0x8005): f"{surname}, {given}", Name(ADDRESS, 0x8006): 0x8017, Name(ADDRESS, 0x8022): 2,
        Name(ADDRESS, 0x8045): "Straße 1\r\nHinterhaus", Name(ADDRESS, 0x8046): "Köln", Name(ADDRESS, 0x8047): "NRW",
        Name(ADDRESS, 0x8048): "50667", Name(ADDRESS, 0x8049): "Deutschland",
        Name(ADDRESS, 0x801B): "Straße 1\r\nHinterhaus\r\n50667 Köln", Name(ADDRESS, 0x801A): "Heim 2, 1010 Wien",
        0x3A5D: "Heim 2", 0x3A59: "Wien", 0x3A5C: "W", 0x3A5B: "1010", 0x3A5A: "Österreich", 0x3A63: "Other 3",
        0x3A5F: "Zürich", 0x3A62: "ZH", 0x3A61: "8001", 0x3A60: "Schweiz", Name(ADDRESS, 0x8062): "im:anna",
        Name(ADDRESS, 0x804F): "Feld 1", Name(ADDRESS, 0x8050): "Feld 2", Name(COMMON, 0x8539): ("Contoso", "Fabrikam"),
        Name(PUBLIC_STRINGS, "Kundennummer"): (t.STRING, f"K{draft.number}"), 0x3A4A: "C-1",
        Name(COMMON, 0x8534): (t.STRING, "12 km"), Name(COMMON, 0x8535): (t.STRING, "Abrechnung"),
    }  # fmt: skip
    for number, phone in enumerate((0x3A08, 0x3A09, 0x3A1C, 0x3A1F, 0x3A21, 0x3A24, 0x3A25, 0x3A1A, 0x3A1E, 0x3A1D)):
        values[phone] = f"+49 221 {draft.number}{number}"
    values |= _addresses(draft)
    files = []
    if dice.random() < 0.4:
        values[Name(ADDRESS, 0x8015)] = True
        files.append(file(0, "ContactPicture.jpg", PNG + dice.randbytes(500), "image/jpeg", x7FFF=True))
    if dice.random() < 0.2:
        values |= draft.flagged()
    return StoredProperties(put(values), (), renumbered(files))


def _addresses(draft: Draft) -> Values:
    blocks = draft.dice.sample((0, 1, 2), draft.dice.randrange(0, 4))
    values: Values = {
        Name(ADDRESS, 0x8028): tuple(sorted(blocks)), Name(ADDRESS, 0x8029): sum(1 << block for block in blocks)
    }  # fmt: skip
    if not blocks:
        return {Name(ADDRESS, 0x8029): 0}
    for block in blocks:
        who, base = draft.person(), 0x8080 + block * 0x10
        address = who.dn if who.inside else who.address
        values |= {
            Name(ADDRESS, base): f"{who.name} ({who.address})", Name(ADDRESS, base + 2): who.kind,
            Name(ADDRESS, base + 3): address, Name(ADDRESS, base + 4): who.address, Name(ADDRESS, base + 5): who.entry,
        }  # fmt: skip
    return values


def distribution_list(draft: Draft) -> StoredProperties:
    """Of people of the directory and of one-off addresses (MS-OXOCNTC 2.2.2)."""
    name = f"Verteiler {draft.text(1)} {draft.number}"
    people = [draft.person() for _ in range(draft.dice.randrange(1, 12))]
    members = tuple(_member(who) for who in people)
    values = draft.common("IPM.DistList") | draft.body("text")
    values |= {
        0x3001: name, 0x0037: name, 0x0E1D: name, 0x003D: "", Name(ADDRESS, 0x8005): name, Name(ADDRESS, 0x8053): name,
        Name(ADDRESS, 0x8055): members, Name(ADDRESS, 0x804C): _signed(crc(b"".join(members))), 0x1080: 514,
        Name(ADDRESS, 0x8054): tuple(one_off(who.name, who.address) for who in people),
    }  # fmt: skip
    return StoredProperties(put(values))


def _member(who: Person) -> bytes:
    return bytes(4) + WRAPPED + b"\xb5" + who.entry if who.inside else one_off(who.name, who.address)


def _signed(number: int) -> int:
    return int(struct.unpack("<i", struct.pack("<I", number))[0])


def task(draft: Draft) -> StoredProperties:
    dice = draft.dice
    values = draft.common("IPM.Task") | draft.body() | _task(draft)
    kind = dice.choice(KINDS)
    if dice.random() < 0.4:
        slides, shown = dice.random() < 0.4, days_of(kind, _midnight(draft), 8)
        values |= {
            Name(TASK, 0x8126): True, Name(TASK, 0x8116): pattern_blob(
                kind, shown[0], None if slides else shown[-1], count=10 if slides else len(shown), slides=slides
            ),
        }  # fmt: skip
    if dice.random() < 0.3:
        values |= draft.reminder(draft.moment())
    return StoredProperties(put(values), (), renumbered(draft.files(1)))


def _midnight(draft: Draft) -> datetime:
    return draft.moment().replace(tzinfo=None, hour=0, minute=0, second=0)


def _task(draft: Draft) -> Values:
    status, start = draft.dice.randrange(5), _midnight(draft).replace(tzinfo=UTC)
    done: Values = {Name(TASK, 0x810F): start + timedelta(days=1)} if status == 2 else {}
    return done | {
        Name(TASK, 0x8101): status, Name(TASK, 0x8102): {0: 0.0, 2: 1.0}.get(status, 0.25), 0x1080: 1280,
        Name(TASK, 0x8104): start, Name(TASK, 0x8105): start + timedelta(days=3), Name(COMMON, 0x8516): start,
        Name(COMMON, 0x8517): start + timedelta(days=3), Name(TASK, 0x811C): status == 2, Name(TASK, 0x8126): False,
        Name(TASK, 0x8110): 60, Name(TASK, 0x8111): 480, Name(TASK, 0x8112): 3, Name(TASK, 0x8113): 1,
        Name(TASK, 0x811F): draft.owner.name, Name(TASK, 0x8129): 0, Name(TASK, 0x812A): 0, Name(TASK, 0x811A): 0,
        Name(TASK, 0x8103): False, Name(TASK, 0x8119): False, Name(TASK, 0x8123): draft.number,
        Name(TASK, 0x8122): draft.owner.name, Name(COMMON, 0x8518): 0, Name(COMMON, 0x853A): ("Bert", "Ольга"),
    }  # fmt: skip


def task_request(draft: Draft) -> StoredProperties:
    """A message with the task in it (MS-OXOTASK 2.2.3)."""
    item_class = draft.dice.choice(("IPM.TaskRequest", "IPM.TaskRequest.Accept", "IPM.TaskRequest.Decline"))
    values = draft.common(item_class) | draft.sender(draft.person()) | draft.body("text")
    values |= {0x1035: f"<task.{draft.number}@contoso.example>", Name(COMMON, 0x8518): 1, 0x1080: -1}
    inside: Values = {0x001A: "IPM.Task", 0x0037: f"Task in {draft.number}", 0x0E07: 1, 0x1000: "do it"}
    files = (embedded(0, StoredProperties(put(inside | _task(draft))), x7FFE=True),)
    return StoredProperties(put(values), (recipient(0, 1, draft.owner),), files)


def note(draft: Draft) -> StoredProperties:
    values = draft.common("IPM.StickyNote") | draft.body("text")
    colour = draft.dice.randrange(5)
    values |= {
        Name(NOTE, 0x8B00): colour, Name(NOTE, 0x8B02): 200, Name(NOTE, 0x8B03): 166, Name(NOTE, 0x8B04): 80,
        Name(NOTE, 0x8B05): -80, 0x1080: 0x300 + colour,
    }  # fmt: skip
    return StoredProperties(put(values))


def journal(draft: Draft) -> StoredProperties:
    start = draft.moment()
    values = draft.common("IPM.Activity") | draft.body()
    values |= {
        Name(LOG, 0x8700): "Phone call", Name(LOG, 0x8712): "Telefonat", Name(LOG, 0x8706): start,
        Name(LOG, 0x8708): start + timedelta(minutes=25), Name(LOG, 0x8707): 25, Name(LOG, 0x870C): 0, 0x1080: 0x60A,
        Name(COMMON, 0x8516): start, Name(COMMON, 0x8517): start + timedelta(minutes=25),
        Name(COMMON, 0x8539): ("Contoso",), Name(COMMON, 0x853A): ("Bert",),
    }  # fmt: skip
    return StoredProperties(put(values), (), renumbered(draft.files(1)))
