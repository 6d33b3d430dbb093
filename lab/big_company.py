"""Makes a company of any size with everything an inventory must list; few items in each mailbox, so it is quick."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

from lab.company import Company
from lab.directory import Archive, Directory, Forwarding, Group, InboxRule, OtherRecipient, Phone, Relay, Right
from lab.mail_store import Mailbox, StoredItem

_FIRST = ("Anna", "Łukasz", "José", "Zoë", "Ольга", "太郎", "Jürgen", "Søren", "Priya", "محمد", "Åsa", "Siobhán")
_LAST = ("Berg", "Żółtowski", "Núñez", "Brontë", "Иванова", "山田", "Groß", "Ødegård", "Nair", "علي", "O'Neill")
_FOLDERS = ("Inbox", "Sent Items", "Inbox/Projekte/Übersicht", "Archiv & Verträge", "Calendar")
_DEVICES = (("iPhone", "iPhone12C8"), ("SAMSUNGSMG991B", "SM-G991B"), ("iPad", "iPad8C1"), ("Pixel 7", "Pixel 7"))
_DN = "/o=First Organization/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn="
_THEN = datetime(2026, 10, 1, 8, tzinfo=UTC)
_LARGE = 150 * 1024 * 1024


def make_big_company(mailboxes: int = 2000, *, seed: int = 2008, domain: str = "northwind.example") -> Company:
    """Make a company of that many mailboxes; public folders come on top.

    Of 100 mailboxes, 90 are of people, 5 shared, 3 rooms, 2 equipment.
    """
    dice = random.Random(seed)
    boxes = [_mailbox(number, domain) for number in range(mailboxes)]
    publics = range(2 + mailboxes // 400)
    folders = [Mailbox(f"pf{n}@{domain}", f"Public {n}", "public_folder", (), f"{_DN}pf{n}") for n in publics]
    mime = _message(domain)
    for number, box in enumerate(boxes):
        for place in range(2 + number % 5):
            _file(box, number, place, mime)
        if number % 211 == 50:
            _file(box, number, 90, mime, subject=f"Film {number}", weight=_LARGE + number + 1)
        if number % 211 == 60:  # a large folder without a large item
            _file(box, number, 91, mime, weight=_LARGE // 2)
            _file(box, number, 92, mime, weight=_LARGE // 2 + 9)
    people = [box.address for box in boxes if box.kind == "user"]
    admin = f"administrator@{domain}"
    accounts = {admin: f"Adm1n-{dice.getrandbits(40):010x}"}
    return Company((domain,), (*boxes, *folders), accounts, admin, _directory(dice, domain, boxes, people))


def _mailbox(number: int, domain: str) -> Mailbox:
    kind = (
        "equipment" if number % 50 == 49 else "room" if number % 33 == 32 else "shared" if number % 20 == 19 else "user"
    )
    name = f"{_FIRST[number % 12]} {_LAST[number % 11]} {number}"
    local = f"{kind[0]}{number}"
    aliases = (f"{local}.office@{domain}", *((f"{local}.old@{domain}",) if number % 3 == 0 else ()))
    return Mailbox(f"{local}@{domain}", name, kind, aliases, _DN + local, hidden=number % 97 == 40)


def _message(domain: str) -> bytes:
    head = f"From: a@{domain}\r\nDate: Thu, 01 Oct 2026 06:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    return f"{head}\r\n{'A line of text. ' * 20}\r\n".encode()


def _file(box: Mailbox, number: int, place: int, mime: bytes, *, subject: str = "", weight: int = 0) -> None:
    message_id, subject = f"<{number}.{place}@{box.address.partition('@')[2]}>", subject or f"Message {place}"
    item = StoredItem(
        id=f"old-{number:06d}-{place}",
        folder=_FOLDERS[place % len(_FOLDERS)] if place < 90 else "Inbox",
        kind="message",
        mime=f"Message-ID: {message_id}\r\nSubject: {subject}\r\n".encode() + mime,
        received=_THEN - timedelta(hours=number + place),
        message_id=message_id,
        subject=subject,
        weight=weight,
    )
    box.items[item.id] = item


def _directory(dice: random.Random, domain: str, boxes: list[Mailbox], people: list[str]) -> Directory:
    every = [box.address for box in boxes]
    groups = [
        Group(
            f"group{n}@{domain}",
            f"Group {n}",
            "security" if n % 3 == 2 else "distribution",
            tuple(sorted(dice.sample(every, min(len(every), 5 + n % 30)))),
            (f"team{n}@{domain}",),
            hidden=n % 7 == 6,
        )
        for n in range(5 + len(boxes) // 40)
    ]
    groups.append(Group(f"allstaff@{domain}", "All staff", "dynamic"))
    others = [OtherRecipient(f"partner{n}@contoso.example", f"Partner {n}") for n in range(3 + len(boxes) // 30)]
    others += [
        OtherRecipient(f"mailuser{n}@{domain}", f"Mail user {n}", "MailUser", f"mu{n}@fabrikam.example")
        for n in range(3)
    ]
    others.append(OtherRecipient(f"forest@{domain}", "Other forest", "MailForestContact"))
    shared = [box.address for box in boxes if box.kind == "shared"]
    partner = cycle(people)
    return Directory(
        groups=tuple(groups),
        others=tuple(others),
        rights=tuple(
            Right(box, trustee, right)
            for box in shared
            for trustee in islice(partner, 2)
            for right in ("FullAccess", "Send-As")
        ),
        forwardings=tuple(
            Forwarding(address, people[0] if n % 2 else f"{n}@gmail.example", n % 3 == 0, by_address=not n % 2)
            for n, address in enumerate(people[1::40])
        ),
        rules=tuple(
            InboxRule(
                address, f"Rule {n}", (f"home{n}@gmail.example",) if n % 2 else (), (people[0],) if not n % 2 else ()
            )
            for n, address in enumerate(people[2::30])
        ),
        phones=tuple(
            Phone(address, f"DEV{n:06d}{turn}", *_DEVICES[(n + turn) % 4], "agent/1.0", _THEN + timedelta(hours=n))
            for n, address in enumerate(people)
            for turn in range((1, 0, 2)[n % 3])
        ),
        archives=tuple(
            Archive(address, f"Archive of {address}", 10 + n, 5000 + n) for n, address in enumerate(people[3::50])
        ),
        relays=tuple(
            Relay(ip, sender, host, tuple(range(2, 2 + 24 * count, 24)))
            for ip, sender, host, count in (
                ("192.168.16.40", f"copier@{domain}", "COPIER2", 5),
                ("10.1.2.3", "alerts@ups.example", "ups-basement", 3),
                ("203.0.113.25", f"newsletter@{domain}", "web.hoster.example", 2),
                ("198.51.100.7", "friend@contoso.example", "mx.contoso.example", 9),  # the internet: no relay
            )
        ),
        x500={address: (f"/o=Old/cn=Recipients/cn={n}",) for n, address in enumerate(people[4::60])},
    )
