"""A night as the report gets it: fourteen people, a slow resolver, one item left behind, and names that mean harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mailmove.changes import Change, ChangeKind, HostSubject, MailboxSubject, RecordSetSubject
from mailmove.dns.propagation.measure import PropagationSweep
from mailmove.dns.propagation.resolver_view import RecordState, ServerView
from mailmove.evidence import Finding
from mailmove.report.cutover_report import ArrivalBar, CutoverReport, Decision, ProofLine, Question, Step
from mailmove.report.handover import Handover, Machine, Person
from mailmove.report.progress import Progress, watched
from mailmove.tenant_state import MigrationUser

HARM = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x00]]>"
BEGAN = datetime(2026, 11, 27, 20, 30, tzinfo=UTC)

MX = RecordSetSubject(name="contoso.com.", type="MX")
PORT = HostSubject(host="mail.contoso.com", port=25)
_MX: dict[str, Any] = {"name": "contoso.com.", "type": "MX", "ttl": 3600, "values": ["10 mail.contoso.com."]}
_NEW: dict[str, Any] = {**_MX, "values": ["0 contoso-com.mail.protection.example."]}
_MINUTES = {  # stage or wait: minutes from the beginning
    "lower_ttl": (0, 2), "enable_outlook_anywhere": (2, 14), "verify_domain": (14, 20),
    "start_migration_batch": (20, 21),
    "first_sync": (21, 95), "license_mailboxes": (95, 97), "old_ttl": (97, 98), "switch_mail": (98, 128),
    "propagation": (128, 134), "final_sweep": (134, 150), "quiet": (150, 172), "reconcile_items": (172, 175),
    "close_smtp_port": (175, 184), "reconcile_again": (184, 187), "finish_batch": (187, 188), "restore_ttl": (188, 189),
}  # fmt: skip
_WAITS = {"first_sync", "old_ttl", "propagation", "quiet"}
_CHANGES = {
    "lower_ttl": [Change(kind=ChangeKind.RECORD_SET, subject=MX, before=_MX, after={**_MX, "ttl": 60})],
    "license_mailboxes": [
        Change(kind=ChangeKind.LICENCE, subject=MailboxSubject(address=f"user{n}@contoso.com"), after="given")
        for n in range(14)
    ],
    "switch_mail": [
        Change(kind=ChangeKind.RECORD_SET, subject=MX, before={**_MX, "ttl": 60}, after={**_NEW, "ttl": 60}),
        Change(
            kind=ChangeKind.RECORD_SET,
            subject=RecordSetSubject(name="contoso.com.", type="TXT"),
            before={**_MX, "type": "TXT", "values": [f'"v=spf1 mx {HARM} -all"']},
            after={**_MX, "type": "TXT", "values": ['"v=spf1 mx include:spf.protection.example -all"']},
        ),
    ],
    "close_smtp_port": [Change(kind=ChangeKind.PORT, subject=PORT, before=["0.0.0.0/0"], after=[])],
    "restore_ttl": [Change(kind=ChangeKind.RECORD_SET, subject=MX, before={**_NEW, "ttl": 60}, after=_NEW)],
}


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def night(**other: Any) -> CutoverReport:
    """Everything there; `other` fields replace."""
    people = [
        Person(
            address=f"user{n}@contoso.com",
            name=HARM if n == 3 else f"Person Number {n}",
            kind="shared" if n == 13 else "user",
            items=400 * n + 17,
            size=None if n == 5 else 10**8 * (n + 1),
            phones=("iPhone 12 / iPhone (ABCD12), last seen 2026-11-26",) if n % 4 == 0 else (),
        )
        for n in range(14)
    ]
    facts = [f"{one.address}: {one.items} items found again, 3 new, 0 missing" for one in people]
    steps = [
        Step(
            name=name,
            story=f"what {name} is for",
            kind="wait" if name in _WAITS else "stage",
            undo="Exactly what stood there before.",
            began=at(begins),
            ended=at(ends),
            changes=_CHANGES.get(name, []),
            facts=facts if name in ("reconcile_items", "reconcile_again") else [f"{name} was seen"],
        )
        for name, (begins, ends) in _MINUTES.items()
    ]
    told: dict[str, Any] = {
        "customer": "contoso",
        "domains": ["contoso.com"],
        "cutover": UUID(int=7),
        "state": "Completed",
        "written": at(190),
        "began": BEGAN,
        "ended": at(189),
        "time_zone": "Europe/London",
        "old_host": "mail.contoso.com",
        "steps": steps,
        "questions": [
            Question(kind="wait", name="enable_outlook_anywhere", asked=at(3), answered=at(14), words="no"),
            Question(kind="wait", name="first_sync", asked=at(21), answered=at(95)),
            Question(kind="gate", name="switch_mail", asked=at(99), answered=at(126), words="Point the mail?"),
            Question(kind="trouble", name="final_sweep", asked=at(137), answered=at(144), words="503"),
            Question(kind="gate", name="close_smtp_port", asked=at(175.5), answered=at(183)),
        ],
        "decisions": [Decision(stage="switch_mail", at=at(126), words=["approved by anna", f"reason: {HARM}"])],
        "handover": Handover(
            server="Exchange 8.3.83.6 on SBS2008",
            people=tuple(people),
            machines=(
                Machine(address="192.168.1.40", host="printer-2nd-floor", senders=("scan@contoso.com",), messages=812),
                Machine(address="192.168.1.9", host="", senders=(), messages=3),
            ),
        ),
        "findings": [
            Finding(subject="user2@contoso.com", seen="forwards to x@elsewhere.example", means="It is not carried.",
                    todo="Set it again."),
            Finding(subject="user0@contoso.com", about="phone", seen="a phone: iPhone 12",
                    means="It points at the old server.", todo="Add it again."),
            Finding(subject="contacts", seen="3", means="They come along.", todo="Nothing to do.", needs_action=False),
        ],
        "proof_stage": "reconcile_again",
        "proof": [
            ProofLine(mailbox=person.address, words=f"{person.items} items found again, 3 new, 0 missing")
            for person in people
        ],
        "unmoved_items": [f"user3@contoso.com: message '{HARM}' in Inbox: larger than 150 MB"],
        "tidy": ["contoso.com: the name mail.contoso.com still receives junk. Remove it when the server goes."],
        "landed": [
            ArrivalBar(at=at(5 * n), seconds=300, old=max(0, 14 - max(0, n - 24) * 4), cloud=max(0, (n - 25) * 2))
            for n in range(38)
        ],
        "sweeps": {"contoso.com.": sweep()},
        "progress": progress(people),
    }  # fmt: skip
    return CutoverReport(**{**told, **other})


def sweep(resolvers: int = 30, *, ended: bool = True) -> PropagationSweep:
    """Two name servers, and resolvers that follow one after the other; the last one extends the TTL."""

    def view(server: str, new_after: float, **other: Any) -> ServerView:
        sees: RecordState = "new" if ended or new_after < 3 else "old"
        changes: list[tuple[datetime, RecordState]] = [(at(128), "old")]
        changes += [(at(128 + new_after), "new")] if sees == "new" else []
        clear = None if sees == "new" else at(128 + new_after)
        return ServerView(
            server=server, sees=sees, at=at(134), changes=tuple(changes), clear_at=clear, answered=True, **other
        )

    names = [view(f"192.0.2.{n}:53", 0.1 * n) for n in (1, 2)]
    slow = [view(f"198.51.100.{n}:53", 0.4 + 1.2 * n / resolvers) for n in range(resolvers - 3)]
    slow += [
        view("203.0.113.7:53", 5.5, habit="extends", caught="late", overdue=200.0),
        view("203.0.113.8:53", 2.2, habit="stale", caught="late", overdue=2.0),
        view("[2001:db8::53]:53", 4.0),
    ]
    return PropagationSweep(at=at(134) if ended else at(131), authorities=names, resolvers=slow, served_since=at(128.2))


def progress(people: list[Person]) -> Progress:
    """Looked at each five minutes; bigger mailboxes take longer."""
    seen: Progress | None = None
    for minutes in range(21, 96, 5):
        users = []
        for n, one in enumerate(people):
            share = min(1.0, (minutes - 21) / (10 + 5 * n))
            status = "Synced" if share == 1 else "Syncing"
            failed = "too many bad items" if n == 6 and share < 1 else ""
            done = round((one.items or 0) * share)
            users.append(MigrationUser(address=one.address, status=status, synced_items=done, skipped_items=n // 6,
                                       error=failed))  # fmt: skip
        seen = watched(seen, users, at(minutes))
    assert seen is not None
    return seen
