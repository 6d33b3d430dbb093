"""Frames of a rehearsal as it may be at any step, and its end, without a server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from deployments.display.mail_landing import MailLanding
from deployments.display.rehearsal_view import Frame
from lab.mail.accountant import Account, Entry
from mailmove.changes import Change, ChangeKind, DomainSubject, MailboxSubject, RecordSetSubject
from mailmove.clock import now
from mailmove.dns.propagation.measure import PropagationSweep
from mailmove.dns.propagation.resolver_view import ServerView
from mailmove.evidence import PollResult
from mailmove.report.progress import Copied, Progress
from tasks.reporting.status import CutoverStatus
from tasks.runbook import RUNBOOK

NAMES = [step.name for step in RUNBOOK]
AT = now()
ZONE = "northwind.example."
UNUSED = frozenset({"obtain_certificate", "order_licences", "create_recipients", "copy_mailboxes", "window"})


def frame(done: int, *, state: str = "Suspended", poll: PollResult | None = None, **more: Any) -> Frame:
    """`done` steps are completed; `more` are fields of the status."""
    status = CutoverStatus.model_validate(
        {"customer": "northwind", "cutover": UUID(int=1), "state": state, "done": NAMES[:done], **more}
    )
    mail = MailLanding([4, 16, 15, 16, 9, 2, 0, 0], [0, 0, 0, 0, 6, 14, 16, 3], sent=117, waiting=2)
    took = {name: 1.5 * place for place, name in enumerate(NAMES[:done], 1)}
    return Frame(status, mail, "http://127.0.0.1:40200", 83.4, poll, took, UNUSED, at=AT)


def view(server: int, sees: str, left: float | None = None, **more: Any) -> ServerView:
    clear = AT + timedelta(seconds=left) if left is not None else None
    return ServerView.model_validate(
        {"server": f"127.30.4.{server}:40053", "sees": sees, "at": AT, "clear_at": clear, **more}
    )


def propagating() -> PollResult:
    resolvers = [view(100, "new"), view(101, "old", 2), view(102, "failing", error="SERVFAIL"),
                 view(103, "new"), view(104, "old"), view(105, "old", 11, overdue=3.0)]  # fmt: skip
    sweep = PropagationSweep(at=AT, authorities=[view(11, "new"), view(12, "new")], resolvers=resolvers)
    state = {"northwind.example.": sweep.model_dump(mode="json"), "purged": {}, "strange": []}
    return PollResult(done=False, summary="2 of 6 resolvers have it", state=state)


def copying() -> PollResult:
    boxes = {
        f"user{number}@northwind.example": Copied(
            status="Syncing", items=100 * number, since=AT, done=AT if number > 12 else None
        )
        for number in range(1, 18)
    }
    state = {"progress": Progress(mailboxes=boxes).model_dump(mode="json"), "totals": dict.fromkeys(boxes, 1800)}
    return PollResult(done=False, summary="5 of 17 mailboxes copied", state=state)


def account(**counts: int) -> Account:
    made = Account()
    for category, count in {"moved": 3102, "arrived new": 88, "swept": 41, **counts}.items():
        made.entries += [
            Entry(category.replace("_", " "), f"box{number % 4}@northwind.example", f"<{number}@x>", "Scan № 3", "why")
            for number in range(count)
        ]
    return made


def changes() -> dict[str, list[Change]]:
    mx = RecordSetSubject(name="northwind.example.", type="MX")
    values = ["10 mail.northwind.example."]
    people = [MailboxSubject(address=f"user{number}@northwind.example") for number in range(14)]
    return {
        "lower_ttl": [
            Change(
                kind=ChangeKind.RECORD_SET,
                subject=mx,
                before={"values": values, "ttl": 3600},
                after={"values": values, "ttl": 60},
            )
        ],
        "verify_domain": [Change(kind=ChangeKind.DOMAIN, subject=DomainSubject(domain="northwind.example"),
                                 after="verified for mail, and for much else that takes many words to say")],
        "restore_x500_addresses": [
            Change(kind=ChangeKind.RECORD_SET, subject=RecordSetSubject(name=f"{name}.{ZONE}", type="CNAME"))
            for name in ("autodiscover", "selector1._domainkey", "selector2._domainkey", "mail")
        ],
        "license_mailboxes": [
            *(Change(kind=ChangeKind.LICENCE, subject=person, after=["EXCHANGESTANDARD"]) for person in people),
            *(Change(kind=ChangeKind.MAILBOX_TYPE, subject=box, before="User", after="Shared") for box in people[:3]),
        ],
    }  # fmt: skip
