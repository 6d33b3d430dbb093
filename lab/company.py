"""Makes the customer: its people, mailboxes and twenty years of mail, the same for the same seed."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lab.company_directory import small_directory
from lab.directory import Directory
from lab.item_parts import Attachment, ContactParts, EventParts, contact_mime, event_mime, message_mime
from lab.mail_store import Mailbox, StoredItem

_NAMES = (
    "Anna Berg", "Łukasz Żółtowski", "José Núñez", "Siobhán O'Neill", "Zoë Brontë", "Ольга Иванова", "山田 太郎",
    "Jürgen Groß", "Mary-Jane Smith", "Ebru Yılmaz", "Søren Ødegård", "Nguyễn Thị Hoa", "George Brown", "Priya Nair",
    "محمد علي", "Åsa Öström",
)  # fmt: skip
_LOCALS = (
    "anna", "lukasz", "jose", "siobhan.oneill", "zoe", "olga", "taro", "juergen", "mary-jane", "ebru", "soren", "hoa",
    "george", "priya", "mohammed", "asa",
)  # fmt: skip
_SHARED = (("info", "Information"), ("sales", "Sales – Vertrieb"), ("accounts", "Accounts"), ("support", "Support"))
_PUBLIC = (("feedback", "Feedback"), ("jobs", "Jobs & Karriere"), ("press", "Press"))
_FOLDERS = (
    "Inbox", "Inbox", "Inbox", "Inbox", "Sent Items", "Sent Items", "Deleted Items", "Inbox/Projekte",
    "Inbox/Projekte/Übersicht 2007", "Kunden & Verträge", "Архив", "Archive/2008/Q1",
)  # fmt: skip
_SUBJECTS = (
    "Invoice {n}", "Re: Angebot für Büromöbel ({n})", "Lunch?", "FW: meeting notes {n}", "Отчёт № {n}", "見積書 {n}",
    "Your order #{n} has shipped", "AW: Rückfrage – Vertrag {n}", "Déjà vu: réunion du {n}",
    "🎉 Birthday cake, room {n}",
)  # fmt: skip
_OUTSIDERS = (("Contoso Ltd", "orders@contoso.example"), ("Fabrikam", "hello@fabrikam.example"))
_END = datetime(2026, 11, 1, tzinfo=UTC)
_GROUP = "/o=First Organization/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn="


@dataclass(frozen=True)
class Company:
    """domains: the first is the main one. accounts: sign-in name -> password; `admin` may open every mailbox."""

    domains: tuple[str, ...]
    mailboxes: tuple[Mailbox, ...]
    accounts: dict[str, str]
    admin: str
    directory: Directory = field(default_factory=Directory)

    def mailbox(self, address: str) -> Mailbox:
        return next(box for box in self.mailboxes if box.address == address)


def make_company(
    seed: int = 2008,
    *,
    users: int = 14,
    shared: int = 3,
    public_folders: int = 2,
    messages: int = 3000,
    domain: str = "northwind.example",
) -> Company:
    """A company with that many user mailboxes, shared mailboxes, mail-enabled public folders, and messages in all."""
    dice = random.Random(seed)
    boxes = [_mailbox("user", _numbered(_LOCALS, i), _numbered(_NAMES, i), domain) for i in range(users)]
    boxes += [_mailbox("shared", *_numbered_pair(_SHARED, i), domain) for i in range(shared)]
    folders = [_mailbox("public_folder", *_numbered_pair(_PUBLIC, i), domain) for i in range(public_folders)]
    _Writer(dice, domain, boxes, folders).fill(messages)
    admin = f"administrator@{domain}"
    accounts = {box.address: f"pw-{dice.getrandbits(40):010x}" for box in boxes if box.kind == "user"}
    accounts[admin] = f"Adm1n-{dice.getrandbits(40):010x}"
    directory = small_directory(domain, [box.address for box in boxes])
    return Company((domain,), (*boxes, *folders), accounts, admin, directory)


def _numbered(words: tuple[str, ...], index: int) -> str:
    turn, place = divmod(index, len(words))
    return words[place] + (str(turn + 1) if turn else "")


def _numbered_pair(pairs: tuple[tuple[str, str], ...], index: int) -> tuple[str, str]:
    return _numbered(tuple(p[0] for p in pairs), index), _numbered(tuple(p[1] for p in pairs), index)


def _mailbox(kind: str, local: str, name: str, domain: str) -> Mailbox:
    aliases = (f"{local.replace('.', '')}.office@{domain}",)
    return Mailbox(f"{local}@{domain}", name, kind, aliases, _GROUP + local)


class _Writer:
    """Fills mailboxes with items; every choice comes from the dice."""

    def __init__(self, dice: random.Random, domain: str, boxes: list[Mailbox], folders: list[Mailbox]) -> None:
        self.dice, self.domain, self.boxes, self.folders = dice, domain, boxes, folders
        self.count = 0
        blob = base64.encodebytes(dice.randbytes(90_000)).replace(b"\n", b"\r\n").splitlines(keepends=True)
        self.blobs = [b"".join(blob[:lines]) for lines in (100, 400, 1100)]

    def fill(self, messages: int) -> None:
        for number in range(messages):
            public = self.folders and number % 200 == 199
            self._message(self.dice.choice(self.folders if public else self.boxes), number, lost_id=number % 997 == 500)
        for box in self.boxes:
            self._calendar(box)
            self._contacts(box)

    def _file(
        self, box: Mailbox, folder: str, kind: str, mime: bytes, at: datetime, subject: str, message_id: str = ""
    ) -> None:
        self.count += 1
        item = StoredItem(f"old-{self.count:08d}", folder, kind, mime, at, message_id, subject)
        box.items[item.id] = item

    def _message(self, box: Mailbox, number: int, *, lost_id: bool) -> None:
        dice = self.dice
        folder = "Inbox" if box.kind == "public_folder" else dice.choice(_FOLDERS)
        at = _END - timedelta(seconds=dice.randrange(86_400, 15 * 365 * 86_400))
        other = dice.choice(self.boxes) if dice.random() < 0.6 else None
        person = (other.display_name, other.address) if other else dice.choice(_OUTSIDERS)
        own = (box.display_name, box.address)
        sender, to = (own, person) if folder == "Sent Items" else (person, own)
        subject = dice.choice(_SUBJECTS).format(n=number)
        message_id = "" if lost_id else f"<{dice.getrandbits(64):016x}.{number}@{sender[1].partition('@')[2]}>"
        attachment: Attachment | None = None
        if dice.random() < 0.12:
            name = dice.choice(("Plan.pdf", "Rechnung März.docx", "фото.jpg", "scan.tif"))
            attachment = (name, dice.choice(self.blobs))
        mime = message_mime(
            sender=sender,
            to=[to],
            subject=subject,
            text=f"{subject}\n\n" + "Mit freundlichen Grüßen, kind regards. " * dice.randrange(1, 30),
            date=at,
            message_id=message_id,
            html=dice.random() < 0.5,
            attachment=attachment,
        )
        self._file(box, folder, "message", mime, at, subject, message_id)

    def _calendar(self, box: Mailbox) -> None:
        for number in range(6):
            start = _END + timedelta(days=self.dice.randrange(-400, 200), hours=self.dice.randrange(8, 17))
            subject = self.dice.choice(("Jour fixe", "Zahnarzt", "Планёрка", "Board meeting", "会議"))
            uid = f"040000008200E00074C5B7101A82E008{self.dice.getrandbits(128):032X}"
            parts = EventParts(uid, subject, start, start + timedelta(hours=1), recurring=number == 0)
            self._file(box, "Calendar", "event", event_mime(parts), start - timedelta(days=10), subject)

    def _contacts(self, box: Mailbox) -> None:
        for number in range(5):
            name = f"{self.dice.choice(_NAMES)} {number}"
            email = f"partner{number}.{self.dice.getrandbits(24):06x}@contoso.example"
            folder = "Contacts" if number < 4 else "Contacts/Lieferanten"
            self._file(box, folder, "contact", contact_mime(ContactParts(name, email)), _END, name)
