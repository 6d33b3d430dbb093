"""To-do lists for the first working day: for each person, and for each machine that sends.

Facts: Outlook goes on asking the old server until it has a new profile or its Autodiscover entry in Active Directory is
emptied (Microsoft KB 2612922); phones hold the old server's name in their account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailmove.evidence import Finding
from mailmove.report.handover import Handover, Person
from mailmove.smtp.other_ways import OTHER_WAYS

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
    """A person or machine, and the steps to do."""

    who: str
    address: str
    steps: tuple[str, ...]


def people(handover: Handover) -> list[ToDo]:
    """To-dos of everybody with a mailbox of their own, those with a phone first."""
    own = [person for person in handover.people if person.kind == "user"]
    return [_of(person) for person in sorted(own, key=lambda person: (not person.phones, person.name.casefold()))]


def _of(person: Person) -> ToDo:
    phones = [f"Phone {phone}: remove the mail account and add it again." for phone in person.phones]
    steps = ("New Outlook profile.", *phones) if phones else ("New Outlook profile.",)
    return ToDo(who=person.name or person.address, address=person.address, steps=steps)


def machines(handover: Handover) -> list[ToDo]:
    """To-dos for printers, scanners, applications: each sends to the old server until it is reconfigured."""
    return [
        ToDo(
            who=machine.host or machine.address,
            address=machine.address,
            steps=(
                f"Sent {machine.messages:,} messages as {', '.join(machine.senders) or 'the empty sender'}. Give it "
                f"another way to send: {OTHER_WAYS}.",
            ),
        )
        for machine in handover.machines
    ]


def open_findings(findings: Sequence[Finding], handover: Handover | None) -> list[Finding]:
    """Preflight findings that ask for an action, without those that the people's and machines' lists show."""
    known = {machine.address for machine in handover.machines} if handover else set()
    return [
        finding
        for finding in findings
        if finding.needs_action and finding.about != "phone" and finding.subject not in known
    ]
