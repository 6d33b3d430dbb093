"""Before the cutover: how will the tenant judge the mail that comes to it, and what does that mean for the night?"""

from __future__ import annotations

from collections.abc import Iterator

from mailmove.errors import MailmoveError
from mailmove.evidence import Finding, Preview
from mailmove.tenant_state import InboundConnector, MailRules
from tasks.execution.context import Context
from tasks.execution.retry_policies import check_task

NAME = "mail_judged"
SUBJECT = "mail into the tenant"
QUARANTINE = "https://security.microsoft.com/quarantine"


@check_task
def check_mail_judged(context: Context) -> Preview:
    """Findings about direct send, connectors, filters and quarantine. Nothing is changed; unseen is not absent."""
    try:
        rules = context.tenant.mail_rules.read()
    except MailmoveError as error:
        return Preview(stage=NAME, findings=[_unseen(SUBJECT, error.seen)])
    return Preview(stage=NAME, findings=list(findings_of(rules)))


def findings_of(rules: MailRules) -> Iterator[Finding]:
    for cmdlet, seen in rules.unseen.items():
        yield _unseen(cmdlet, seen)
    if rules.direct_send_rejected:
        yield Finding(
            subject="direct send",
            seen="RejectDirectSend is on",
            means="After the switch, what sends in the company's own name without signing in (printers, applications, "
            "the web site, a server that passes mail on) is refused: 550 5.7.68.",
            todo="For each of them: a connector of type Partner by its address or certificate, or a signed-in sender. "
            "What the cutover itself delivers has an empty sender there.",
        )
    for connector in rules.connectors or ():
        yield _of_connector(connector)
    if rules.old_servers:
        exempt = "not shown" if rules.exemptions is None else str(rules.exemptions)
        yield Finding(
            subject="servers that are too old",
            seen=f"{rules.old_servers} in Microsoft's report; exemptions: {exempt}",
            means="Mail of theirs by a connector of type OnPremises is slowed down (450 4.7.230), later refused "
            "(550 5.7.230). This cutover sends nothing by such a connector.",
            todo="Let nothing depend on that connector after the night. A pause of 90 days a year is theirs to ask "
            "for: New-TenantExemptionInfo -BlockingScenario UnpatchedOnPremServer.",
        )
    yield from _of_filters(rules)


def _of_connector(connector: InboundConnector) -> Finding:
    subject = f"inbound connector '{connector.name}'"
    if connector.restricts and connector.from_everybody:
        return Finding(
            subject=subject,
            seen=f"type {connector.kind}, for mail of everybody, from its own addresses or certificate alone",
            means="When the MX points at Microsoft, the world's mail is refused (550 5.7.51): it comes from elsewhere.",
            todo="Disable it before the switch (Set-InboundConnector -Enabled $false), or keep the MX at that filter.",
            blocks=True,
        )
    if connector.kind == "OnPremises":
        return Finding(
            subject=subject,
            seen="type OnPremises",
            means="Mail by it counts as the company's own, and is held to the version of the server that sends it "
            "(450 4.7.230). A cutover takes no such connector.",
            todo="Leave it off, or disable it when nothing comes by it any more.",
        )
    return Finding(
        subject=subject,
        seen=f"type {connector.kind}{', which refuses what comes from elsewhere' if connector.restricts else ''}",
        means="Mail of those senders is held to what it asks for, from the switch on.",
        todo="See that these senders deliver as it says.",
        needs_action=connector.restricts,
    )


def _of_filters(rules: MailRules) -> Iterator[Finding]:
    strict = [policy.name for policy in rules.spoof or () if policy.fails == "Quarantine"]
    quarantined = [policy.name for policy in rules.spam or () if policy.actions.get("SpamAction") == "Quarantine"]
    deleting = [policy.name for policy in rules.spam or () if "Delete" in policy.actions.values()]
    told = rules.quarantines_that_tell
    nobody = "" if told else " Nobody is told of it." if told is not None else " Whether people are told is not seen."
    if strict:
        yield Finding(
            subject="spoof policy",
            seen=f"mail whose sender is not proved is quarantined: {', '.join(strict)}",
            means=f"What late senders and forwarders pass on, and our probes, may end there.{nobody}",
            todo=f"Look at {QUARANTINE} during the night and the days after it; release what is wanted.",
        )
    if quarantined:
        yield Finding(
            subject="spam policy",
            seen=f"spam is quarantined, not put into Junk Email: {', '.join(quarantined)}",
            means=f"A message that is missing on the first morning may be there.{nobody}",
            todo=f"Tell people, and look at {QUARANTINE}.",
        )
    if deleting:
        yield Finding(
            subject="spam policy",
            seen=f"a verdict deletes: {', '.join(deleting)}",
            means="What is judged so cannot be found again, and would count as missing.",
            todo="Quarantine instead, at least until the cutover is over.",
        )
    rejecting = [policy.name for policy in rules.spoof or () if policy.dmarc_reject == "Reject"]
    if rejecting:
        yield Finding(
            subject="DMARC",
            seen=f"p=reject is honoured: {', '.join(rejecting)}",
            means="From the switch on, mail that fails its sender's DMARC policy is refused (550 5.7.509), also where "
            "the old server took it.",
            todo="Only to be known: forwarders that break signatures will be noticed.",
            needs_action=False,
        )


def _unseen(subject: str, seen: str) -> Finding:
    return Finding(
        subject=subject,
        seen=f"not seen: {seen}",
        means="How mail to the tenant is judged is not known from here; that is not the same as no rule.",
        todo="Look in the Exchange admin centre, under mail flow, and at the policies of security.microsoft.com.",
        needs_action=False,
    )
