"""What items of every class have in common: times, texts, categories, people, files; all drawn from a seed."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream.compressed_rtf import crc
from lab.cloud.item_stream.entry_ids import ADDRESS_BOOK
from lab.cloud.item_stream.from_item import one_off, put
from lab.cloud.item_stream.named_properties import COMMON, PUBLIC_STRINGS, TASK, Name
from lab.cloud.item_stream.stored import Attachment, Key, Properties, StoredProperties

Values = dict[Key, Any]
FIRST = datetime(2007, 4, 1, 6, 0, tzinfo=UTC)
_DAYS = 18 * 365
_WORDS = (
    "Angebot", "Lieferung", "Grüße", "Übersicht", "invoice", "meeting", "日程", "договор", "déjà vu", "straße", "🎉",
    "protocol", "budget", "quarter", "naïve", "見積書", "Łódź", "O'Neill", "A & B", "<draft>",
)  # fmt: skip
_CATEGORIES = ("Red Category", "Grün", "Kunde; wichtig", "顧客", "Ideas")
GROUP = "/o=First Organization/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn="
_PAGES = {65001: "utf-8", 1252: "cp1252", 28591: "latin-1", 1251: "cp1251"}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


@dataclass(frozen=True)
class Person:
    """Inside: in the server's directory, with a legacy DN."""

    name: str
    address: str
    inside: bool = False

    @property
    def dn(self) -> str:
        return GROUP + self.address.partition("@")[0]

    @property
    def kind(self) -> str:
        return "EX" if self.inside else "SMTP"

    @property
    def entry(self) -> bytes:
        if not self.inside:
            return one_off(self.name, self.address)
        return bytes(4) + ADDRESS_BOOK + struct.pack("<II", 1, 0) + self.dn.encode("ascii") + b"\0"

    @property
    def search_key(self) -> bytes:
        return f"{self.kind}:{self.dn if self.inside else self.address}".upper().encode() + b"\0"


OUTSIDE = (
    Person("Contoso Ltd", "orders@contoso.example"), Person("Bert, Fabrikam", "bert@fabrikam.example"),
    Person("Иван Петров", "ivan@northwind.example"), Person("no name", "noname@tailspin.example"),
)  # fmt: skip


@dataclass
class Draft:
    """An item while it is drawn. number: its place in the mailbox, from which everything about it follows."""

    seed: int
    number: int
    owner: Person
    insiders: tuple[Person, ...]
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.seed} {self.number}")

    def text(self, words: int = 4) -> str:
        return " ".join(self.dice.choice(_WORDS) for _ in range(words))

    def moment(self) -> datetime:
        """Of whole seconds, as most clients write them."""
        return FIRST + timedelta(days=self.dice.randrange(_DAYS), seconds=self.dice.randrange(86_400))

    def person(self) -> Person:
        return self.dice.choice((*self.insiders, *OUTSIDE))

    def common(self, item_class: str) -> Values:
        """Of every item. Every tenth has times below a second, which EWS does not show."""
        at = self.moment()
        below = timedelta(microseconds=self.dice.randrange(1, 999_999)) if self.number % 10 == 3 else timedelta()
        subject = f"{self.text(3)} [{self.number}]"
        prefix = self.dice.choice(("", "", "RE: ", "AW: "))
        values: Values = {
            0x001A: item_class, 0x0037: prefix + subject, 0x003D: prefix, 0x0E1D: subject, 0x0070: subject,
            0x0017: self.dice.choice((0, 1, 1, 2)), 0x0036: self.dice.choice((0, 0, 0, 1, 2, 3)), 0x3007: at + below,
            0x3008: at + timedelta(hours=1) + below, 0x0E07: self.dice.choice((0, 1, 1)), 0x3FFD: 1252, 0x3FDE: 65001,
            0x3FF1: 1031, 0x300B: self.dice.randbytes(16), 0x3FFA: self.owner.name, 0x0E06: at, 0x0039: at,
            0x0026: self.dice.choice((-1, 0, 1)),
        }  # fmt: skip
        values[Name(COMMON, 0x8506)] = values[0x0036] == 2
        values[Name(COMMON, 0x8510)] = 272
        if self.dice.random() < 0.4:
            count = self.dice.randrange(1, 3)
            values[Name(PUBLIC_STRINGS, "Keywords")] = tuple(self.dice.sample(_CATEGORIES, count))
        return values

    def body(self, form: str = "") -> Values:
        """form: text, html, rtf, compressed, both; "" any of them."""
        form = form or self.dice.choice(("text", "html", "html", "rtf", "compressed", "both"))
        text = "\r\n".join(self.text(8) for _ in range(self.dice.randrange(1, 20))) + "\r\n"
        if form == "text":
            return {0x1000: text, 0x1016: 1}
        if form in ("rtf", "compressed"):
            return {0x1009: rtf(f"{{\\rtf1\\ansi {self.number}\\par}}", packed=form == "compressed"), 0x1016: 2,
                    0x0E1F: True}  # fmt: skip
        page = self.dice.choice(tuple(_PAGES))
        html = f"<html><body><p>{text}</p></body></html>".encode(_PAGES[page], "xmlcharrefreplace")
        values: Values = {0x1013: html, 0x1016: 3, 0x3FDE: page}
        return values | ({0x1000: text} if form == "both" else {})

    def sender(self, who: Person, on_behalf: Person | None = None) -> Values:
        values: Values = {}
        for person, name, kind, mail, smtp, entry, key in (
            (on_behalf or who, 0x0042, 0x0064, 0x0065, 0x5D02, 0x0041, 0x003B),
            (who, 0x0C1A, 0x0C1E, 0x0C1F, 0x5D01, 0x0C19, 0x0C1D),
        ):
            values |= {
                name: person.name, kind: person.kind, mail: person.dn if person.inside else person.address,
                smtp: person.address, entry: person.entry, key: person.search_key,
            }  # fmt: skip
        return values

    def reminder(self, due: datetime) -> Values:
        minutes = self.dice.choice((0, 15, 45, 1440))
        is_set = self.dice.random() < 0.7
        return {
            Name(COMMON, 0x8501): minutes, Name(COMMON, 0x8502): due, Name(COMMON, 0x8503): is_set,
            Name(COMMON, 0x8560): due - timedelta(minutes=minutes), Name(COMMON, 0x851E): True,
            Name(COMMON, 0x851C): minutes == 45, Name(COMMON, 0x851F): "reminder.wav",
        }  # fmt: skip

    def flagged(self) -> Values:
        """A follow-up flag (MS-OXOFLAG 2.2)."""
        due = self.moment()
        done = self.dice.random() < 0.3
        values: Values = {
            0x1090: 1 if done else 2, 0x0E2B: 8 if done else 9, Name(COMMON, 0x8530): "Zur Nachverfolgung",
            Name(TASK, 0x8104): due, Name(TASK, 0x8105): due + timedelta(days=2), Name(TASK, 0x8101): 2 if done else 0,
            Name(TASK, 0x8102): 1.0 if done else 0.0, Name(TASK, 0x811C): done,
        }  # fmt: skip
        return values | ({0x1091: due.replace(second=0), Name(TASK, 0x810F): due} if done else {0x1095: 6})

    def files(self, most: int = 3) -> list[Attachment]:
        return [
            file(number, f"{self.dice.choice(('größe', 'plan', '会议'))} {number}.bin", self.dice.randbytes(
                self.dice.choice((0, 1, 100, 5000))), "application/octet-stream")
            for number in range(self.dice.randrange(most + 1))
        ]  # fmt: skip


def recipient(row: int, kind: int, who: Person, **more: Any) -> Properties:
    """kind: 1 To, 2 Cc, 3 Bcc. more: x5FFF=3 and the like."""
    values: Values = {
        0x3000: row, 0x0C15: kind, 0x3001: who.name, 0x3002: who.kind, 0x3003: who.dn if who.inside else who.address,
        0x39FE: who.address, 0x0FFF: who.entry, 0x300B: who.search_key, 0x5FF6: who.name, 0x0FFE: 6, 0x3900: 0,
        0x5FFD: 1, 0x5FFF: 0, 0x5FF7: who.entry,
    }  # fmt: skip
    return put(values | {int(name[1:], 16): value for name, value in more.items()})


def file(number: int, name: str, content: bytes, kind: str, **more: Any) -> Attachment:
    values: Values = {
        0x0E21: number, 0x3705: 1, 0x3707: name, 0x3704: name, 0x3703: f".{name.rpartition('.')[2]}", 0x3001: name,
        0x370E: kind, 0x370B: -1, 0x0E20: len(content), 0x3701: (t.BINARY, content), 0x3714: 0, 0x7FFE: False,
    }  # fmt: skip
    return Attachment(put(values | {int(key[1:], 16): value for key, value in more.items()}))


def embedded(number: int, message: StoredProperties, **more: Any) -> Attachment:
    name = message.properties.text(0x0037)
    values: Values = {0x0E21: number, 0x3705: 5, 0x3001: name, 0x370B: -1, 0x3714: 0, 0x7FFE: False}
    return Attachment(put(values | {int(key[1:], 16): value for key, value in more.items()}), message)


def renumbered(files: list[Attachment]) -> tuple[Attachment, ...]:
    """With PidTagAttachNumber from 0 on."""
    return tuple(
        Attachment(Properties({**put({0x0E21: number}), **{k: v for k, v in one.properties.items() if k != 0x0E21}}),
                   one.message)
        for number, one in enumerate(files)
    )  # fmt: skip


def rtf(text: str, *, packed: bool) -> bytes:
    """PidTagRtfCompressed of literals only, or uncompressed (MS-OXRTFCP)."""
    raw = text.encode("ascii")
    if not packed:
        return struct.pack("<II", len(raw) + 12, len(raw)) + b"MELA" + bytes(4) + raw
    body, write = b"", 207
    for start in range(0, len(raw) + 1, 8):
        run = raw[start : start + 8]
        write += len(run)
        if len(run) < 8:
            body += bytes([1 << len(run)]) + run + ((write % 4096) << 4).to_bytes(2, "big")
            break
        body += b"\0" + run
    return struct.pack("<II", len(body) + 12, len(raw)) + b"LZFu" + struct.pack("<I", crc(body)) + body
