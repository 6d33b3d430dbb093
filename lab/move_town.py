"""Runs two servers for a copy, each in a process of its own, so that neither slows down what is measured.

    python -m lab.move_town old '{"version": "8.3.83.6", "boxes": 8, "each": 250}'
    python -m lab.move_town cloud '{"boxes": 8}'

Each prints one line of JSON, the fields of the block for it. Then it reads lines: `contents` prints what every mailbox
holds, as {mailbox: {name of an item: how often}}; `crowd` how many requests a mailbox had at once; `fault <name>
<times>` turns a fault on; the end of input ends it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self, cast

from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.cloud.web import CloudWeb
from lab.company import Company
from lab.exchange.old_exchange import OldExchange
from lab.exchange.web import WebHandler
from lab.faults import Faults
from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime
from lab.mail_store import Mailbox, MailStore, StoredItem
from lab.places import Places

DOMAIN = "northwind.example"
_ADMIN = f"administrator@{DOMAIN}"
_FOLDERS = ("Inbox", "Inbox", "Inbox", "Sent Items", "Inbox/Projekte/Übersicht 2007", "Архив")
_THEN = datetime(2020, 1, 1, tzinfo=UTC)
_TEXT = "A line of text that says little, again and again.\r\n" * 12


def addresses(boxes: int) -> list[str]:
    return [f"user{number:03d}@{DOMAIN}" for number in range(boxes)]


def small_company(boxes: int, each: int) -> Company:
    """So many mailboxes with so many items each: small messages, some kept twice, some without Message-ID, and a few
    events and contacts. The same for the same numbers."""
    made = []
    for number, address in enumerate(addresses(boxes)):
        box = Mailbox(address, f"User {number}")
        for place in range(each):
            item = _item(number, place, address)
            box.items[item.id] = item
        made.append(box)
    return Company((DOMAIN,), tuple(made), {_ADMIN: "lab-Adm1n"}, _ADMIN)


def _item(number: int, place: int, address: str) -> StoredItem:
    key, when = f"old-{number:04d}-{place:07d}", _THEN + timedelta(minutes=7 * place)
    if place % 100 == 50:
        parts = EventParts(f"{key}@{DOMAIN}", f"Meeting {key}", when, when + timedelta(hours=1), place % 200 == 50)
        return StoredItem(key, "Calendar", "event", event_mime(parts), when, "", parts.subject)
    if place % 100 == 51:
        person = ContactParts(f"Person {key}", f"{key}@contoso.example")
        return StoredItem(key, "Contacts", "contact", contact_mime(person), when, "", person.name)
    twin = place - 1 if place % 100 == 1 else place  # the same message once more, in the same folder or another
    message_id = "" if place % 100 == 52 else f"<{number}.{twin}@{DOMAIN}>"
    head = f"Message-ID: {message_id}\r\n" if message_id else ""
    mime = (
        f"From: a@{DOMAIN}\r\nTo: {address}\r\nSubject: Message {key}\r\nDate: Thu, 01 Jan 2020 00:00:00 +0000\r\n"
        f"{head}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{_TEXT}"
    )
    folder = _FOLDERS[(place // 3) % len(_FOLDERS)]
    return StoredItem(key, folder, "message", mime.encode(), when, message_id, f"Message {key}")


def contents(store: MailStore) -> dict[str, dict[str, int]]:
    """What each mailbox holds, by kind and subject: every item of `small_company` has one of its own."""
    counts = {}
    for address in store.mailboxes:
        names: Counter[str] = Counter()
        for item in store.snapshot(address):
            names[f"{item.kind} {item.subject}"] += 1
        counts[address] = dict(names)
    return counts


def _old(version: str, boxes: int, each: int, away: float = 0.0) -> None:
    WebHandler.away_seconds = away
    authority, faults = Authority(), Faults()
    company = small_company(boxes, each)
    with OldExchange(Places(), authority, company, faults, version=version) as old:
        winrm = old.state.major < 14
        fields = {
            "ews_url": old.ews_url,
            "username": company.admin,
            "password": company.accounts[company.admin],
            "shell_url": old.shell_url.replace("/powershell", "/wsman") if winrm else old.shell_url,
            "shell_kind": "winrm" if winrm else "exchange",
            "extra_ca": authority.pem,
        }
        _obey(fields, old.store, faults)


def _cloud(boxes: int, imports: bool = False, away: float = 0.0) -> None:
    CloudWeb.away_seconds = away
    places, authority, faults = Places(), Authority(), Faults()
    cloud = Cloud(places, authority, resolver=("127.0.0.1", 9), mx_zone="mx.example.", directory=list, faults=faults)
    if not imports:
        cloud.app.roles.discard("MailboxItem.ImportExport.All")
    with cloud:
        for number, address in enumerate(addresses(boxes)):
            cloud.tenant.add_user(address, f"User {number}", "").has_mailbox = True
            cloud.store.add_mailbox(Mailbox(address, f"User {number}"))
        fields = {
            "tenant_id": cloud.tenant_id,
            "client_id": cloud.app.client_id,
            "client_secret": cloud.app.secret,
            "login_url": cloud.base_url,
            "graph_url": cloud.base_url,
            "exchange_url": cloud.base_url,
            "extra_ca": authority.pem,
        }
        _obey(fields, cloud.store, faults, lambda: cloud.crowd)


def _obey(fields: dict[str, Any], store: MailStore, faults: Faults, crowd: Callable[[], dict[str, int]] = dict) -> None:
    print(json.dumps(fields), flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "fault":
            faults.set(rest[0], times=float(rest[1]))
            print("{}", flush=True)
        elif word == "crowd":
            print(json.dumps(crowd()), flush=True)
        else:
            print(json.dumps(contents(store)), flush=True)


class Served:
    """The other end: a server of this module, started and asked. `with Served("old", boxes=8, each=250) as old:`"""

    def __init__(self, part: str, **settings: Any) -> None:
        self._command = [sys.executable, "-m", "lab.move_town", part, json.dumps(settings)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.fields = self._answer()
        return self

    def contents(self) -> dict[str, dict[str, int]]:
        return cast(dict[str, dict[str, int]], self._ask("contents"))

    def crowd(self) -> dict[str, int]:
        """(most requests that a mailbox of the cloud ever had at once, requests refused for that)."""
        return cast(dict[str, int], self._ask("crowd"))

    def fault(self, name: str, times: float) -> None:
        self._ask(f"fault {name} {times}")

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self._command)} ended by itself")
        return cast(dict[str, Any], json.loads(line))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@contextmanager
def both(
    version: str, boxes: int, each: int, *, imports: bool = False, away: float = 0.0
) -> Iterator[tuple[Served, Served]]:
    """(old server, cloud). away: seconds that a question and its answer travel, to either."""
    with (
        Served("old", version=version, boxes=boxes, each=each, away=away) as old,
        Served("cloud", boxes=boxes, imports=imports, away=away) as cloud,
    ):
        yield old, cloud


if __name__ == "__main__":
    parts: dict[str, Callable[..., None]] = {"old": _old, "cloud": _cloud}
    parts[sys.argv[1]](**json.loads(sys.argv[2]))
