"""What each person must do on the first morning, and what each machine needs: plain words, for people in a hurry.

Facts: Outlook goes on asking the old server until it has a new profile or its Autodiscover entry in Active Directory is
emptied (Microsoft KB 2612922); phones hold the old server's name in their account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailmove.evidence import Finding
from mailmove.inventory.devices import PHONE
from mailmove.report.handover import Handover, Person

EVERYBODY = (
    "Sign in once at outlook.office.com with your mail address, and look whether your mail, calendar and contacts are "
    "there.",
    "Outlook on a computer: make a new profile (Control Panel, Mail, Show Profiles, Add) with your mail address, and "
    "let Outlook always use it. Keep the old profile until you have seen that nothing is missing.",
    "Look whether drafts, rules, signatures and shared calendars are as you knew them; signatures stay on the "
    "computer.",
)

OLD_SERVER = (
    "Leave the old server running, with its mailboxes, until nobody wants to go back any more; then uninstall Exchange "
    "before the server goes.",
)


@dataclass(frozen=True)
class ToDo:
    """Somebody and what they have to do."""

    who: str
    address: str
    steps: tuple[str, ...]


def people(handover: Handover) -> list[ToDo]:
    """Everybody with a mailbox of their own, those with a phone first."""
    own = [one for one in handover.people if one.kind == "user"]
    return [_of(one) for one in sorted(own, key=lambda one: (not one.phones, one.name.casefold()))]


def _of(person: Person) -> ToDo:
    phones = [f"Phone {phone}: remove the mail account and add it again." for phone in person.phones]
    steps = ("New Outlook profile.", *phones) if phones else ("New Outlook profile.",)
    return ToDo(who=person.name or person.address, address=person.address, steps=steps)


def machines(handover: Handover) -> list[ToDo]:
    """Printers, scanners, applications: each keeps sending to the old server until somebody tells it not to."""
    return [
        ToDo(
            who=one.host or one.address,
            address=one.address,
            steps=(
                f"Sent {one.messages:,} messages as {', '.join(one.senders) or 'the empty sender'}. Give it another "
                "way to send: SMTP submission of Microsoft 365, a connector, or a relay.",
            ),
        )
        for one in handover.machines
    ]


def open_findings(findings: Sequence[Finding], handover: Handover | None) -> list[Finding]:
    """What the preflight found that asks for something, without what stands with the people and machines."""
    known = {one.address for one in handover.machines} if handover else set()
    return [
        one
        for one in findings
        if not one.todo.startswith("Nothing") and not one.seen.startswith(PHONE) and one.subject not in known
    ]
