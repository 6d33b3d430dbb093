"""The independent accountant: where is each message now? It shares no code with the product and trusts none of its
records: it reads the two mail stores, what was seeded, and what the senders remember."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from email import message_from_bytes, policy
from typing import Any

from lab.mail.message import SentMessage
from lab.mail_store import Mailbox, MailStore, StoredItem

GOOD = ("moved", "arrived new", "swept", "bounced", "stays at the old server", "a probe")
BAD = ("lost", "duplicated", "still queued", "nobody sent it")


@dataclass(frozen=True)
class Entry:
    """One item and its fate."""

    category: str  # one of GOOD or BAD
    mailbox: str
    identity: str  # Message-ID, or "sha256:..." of what it says where it has none
    subject: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.category}: {self.mailbox} {self.identity} {self.subject!r} {self.reason}".rstrip()


@dataclass
class Account:
    """Every item ever seeded, sent or found, exactly once in `entries`."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def totals(self) -> dict[str, int]:
        counted = Counter(entry.category for entry in self.entries)
        return {category: counted[category] for category in GOOD + BAD}

    @property
    def adds_up(self) -> bool:
        """Whether everything is where it belongs: nothing lost, duplicated, still queued, or of unknown origin."""
        return all(entry.category in GOOD for entry in self.entries)

    def of(self, category: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.category == category]

    def summary(self) -> list[str]:
        """Totals; what did not move, by mailbox and reason; and every item that is where it should not be."""
        lines = []
        for category, count in self.totals.items():
            if not count:
                continue
            lines.append(f"{category}: {count}")
            if category in BAD:
                lines += [f"    {entry}" for entry in self.of(category)]
            elif category not in ("moved", "arrived new", "swept"):
                groups = Counter((entry.mailbox, entry.reason) for entry in self.of(category))
                lines += [f"    {number} for {mailbox}: {reason}" for (mailbox, reason), number in groups.most_common()]
        lost = self.totals["lost"]
        return [*lines, f"lost: {lost}"] if not lost else lines

    def lines(self) -> list[str]:
        """Totals, then by name whatever did not simply arrive."""
        plain = ("moved", "arrived new", "swept")
        totals = [f"{category}: {count}" for category, count in self.totals.items()]
        return totals + [str(entry) for entry in self.entries if entry.category not in plain]

    def to_json(self) -> dict[str, Any]:
        return {
            "adds_up": self.adds_up,
            "totals": self.totals,
            "entries": [asdict(entry) for entry in self.entries],
        }


def account(
    sent: Iterable[SentMessage],
    seeded: Mapping[str, Sequence[StoredItem]],
    old_store: MailStore,
    cloud_store: MailStore,
) -> Account:
    """Account for every message: one entry for each, with its category.

    sent: what the senders remember. seeded: primary address -> items in the old mailbox before the cutover.
    Public folders and hidden mailboxes are not carried by a cutover batch: what they hold stays, and is listed.
    Call it when nothing is under way any more; whatever is still queued is listed as such, and does not add up.
    """
    books = Account()
    expected = _expected(sent, seeded, old_store)
    claimed = {id(cloud_store.find(address)) for address in expected}
    others = {address for address, box in cloud_store.mailboxes.items() if id(box) not in claimed}
    for address in sorted(set(expected) | others):
        in_cloud = _by_identity(cloud_store, address)
        in_old = _by_identity(old_store, address)
        left_alone = _stays(old_store.find(address))
        for identity, claims in expected.get(address, {}).items():
            copies = len(in_cloud.pop(identity, []))
            kept = len(in_old.get(identity, []))
            if left_alone and not copies:
                books.entries += [claim.staying(left_alone, kept) for claim in claims]
            else:
                books.entries += _judge(claims, copies, kept)
        for identity, items in in_cloud.items():
            books.entries += [Entry(_unclaimed(item), address, identity, item.subject) for item in items]
    return books


@dataclass(frozen=True)
class _Claim:
    """A claim that an item exists: it was seeded, or sent."""

    mailbox: str
    identity: str
    subject: str
    sent: SentMessage | None

    def entry(self, category: str, reason: str = "") -> Entry:
        return Entry(category, self.mailbox, self.identity, self.subject, reason)

    def staying(self, why: str, kept: int) -> Entry:
        if self.sent and self.sent.outcome == "queued" and not kept:
            return self.entry("still queued", self.sent.reply)
        if self.sent and self.sent.outcome == "bounced" and not kept:
            return self.entry("bounced", self.sent.reply)
        return self.entry("stays at the old server", why) if kept else self.entry("lost", f"gone from the {why}")


def _judge(claims: Sequence[_Claim], copies: int, kept: int) -> list[Entry]:
    """The fate of all claims to one identity in one mailbox, of which `copies` are in the cloud."""
    entries: list[Entry] = []
    left = copies
    for claim in claims:
        in_cloud, left = left > 0, left - 1
        entries.append(
            _seeded(claim, in_cloud, kept) if claim.sent is None else _sent(claim, claim.sent, in_cloud, kept)
        )
    last = claims[-1]
    return entries + [last.entry("duplicated", f"{copies} copies where {len(claims)} belong") for _ in range(left)]


def _seeded(claim: _Claim, in_cloud: bool, kept: int) -> Entry:
    if in_cloud:
        return claim.entry("moved")
    return claim.entry("lost", "still at the old server, not in the cloud" if kept else "in neither mailbox")


def _sent(claim: _Claim, sent: SentMessage, in_cloud: bool, kept: int) -> Entry:
    if sent.outcome == "queued":
        where = "in the cloud already" if in_cloud else "nowhere else"
        return claim.entry("still queued", f"{where}; {sent.reply}")
    if sent.outcome == "bounced":
        if in_cloud:
            return claim.entry("duplicated", f"bounced to its sender, and in the mailbox too; {sent.reply}")
        return claim.entry("bounced", sent.reply)
    if in_cloud:
        return claim.entry("swept" if kept else "arrived new", f"taken by {sent.server}")
    where = "still only at the old server" if kept else "in neither mailbox"
    return claim.entry("lost", f"{sent.server} said {sent.reply!r}; {where}")


def _expected(
    sent: Iterable[SentMessage], seeded: Mapping[str, Sequence[StoredItem]], old: MailStore
) -> dict[str, dict[str, list[_Claim]]]:
    """Mailbox -> identity -> who claims that it exists."""
    expected: dict[str, dict[str, list[_Claim]]] = defaultdict(lambda: defaultdict(list))
    for address, items in seeded.items():
        for item in items:
            claim = _Claim(address, _identity(item), item.subject, None)
            expected[address][claim.identity].append(claim)
    for message in sent:
        mailbox = old.find(message.recipient)
        address = mailbox.address if mailbox else message.recipient.lower()
        claim = _Claim(address, message.message_id, message.subject, message)
        expected[address][claim.identity].append(claim)
    return expected


def _by_identity(store: MailStore, address: str) -> dict[str, list[StoredItem]]:
    items: dict[str, list[StoredItem]] = defaultdict(list)
    for item in store.snapshot(address):
        items[_identity(item)].append(item)
    return items


def _identity(item: StoredItem) -> str:
    if item.message_id:
        return item.message_id
    if item.kind == "message":
        return "sha256:" + hashlib.sha256(_said(item.mime).encode("utf-8", "surrogatepass")).hexdigest()
    content = item.mime.replace(b"\r\n", b"\n").rstrip(b"\n")
    # EWS gives an event or a contact bare, without the MIME headers around it: go by what is inside.
    start = min((at for at in map(content.find, (b"BEGIN:VCALENDAR", b"BEGIN:VCARD")) if at >= 0), default=0)
    content = content[start:]
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _said(mime: bytes) -> str:
    """Subject, second and words of a message: what stays where a server keeps properties, and writes MIME anew."""
    message = message_from_bytes(mime, policy=policy.default)
    at = message["Date"].datetime if message["Date"] is not None else None
    body = message.get_body(("plain", "html"))
    words = body.get_content() if body is not None else ""
    return "\n".join((str(message["Subject"] or "").strip(), f"{at.timestamp():.0f}" if at else "", *words.split()))


def _unclaimed(item: StoredItem) -> str:
    """Mail of no sender; a probe says in its own header that it is one, and is nobody's mail."""
    head = item.mime.partition(b"\r\n\r\n")[0].lower()
    return "a probe" if b"\r\nx-mailmove-probe:" in head else "nobody sent it"


def _stays(mailbox: Mailbox | None) -> str:
    """Why a mailbox is not carried; "" when it is."""
    if mailbox is None:
        return ""
    if mailbox.kind == "public_folder":
        return f"public folder {mailbox.display_name}"
    return f"hidden mailbox {mailbox.display_name}" if mailbox.hidden else ""
