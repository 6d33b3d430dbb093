"""Every right that Mailmove needs, and why: the one list that preflight proves and the documentation shows.

`blocks/*/findings()` take the names from here, so that documentation and checks agree.
Sources: learn.microsoft.com/graph/permissions-reference; app-only access for Exchange Online PowerShell; assign
permissions for migration (cutover); AWS service authorization reference; RFC 2136 and 8945.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from mailmove.plan.cutover import Cutover

Need = Literal["always", "passwords", "passes", "advice", "direct", "streams", "compare", "partner", "purchase"]
"""Purpose for which a right is needed. always. passwords: unless the plan leaves first passwords to somebody else.
passes: only where people get access passes. advice: for nothing but what preflight says.
direct: only where Mailmove copies items itself. streams: there, to copy them whole. compare: only to compare contents.
partner: only with a partner's own access. purchase: only where the plan orders something."""
EVERY_NEED: tuple[Need, ...] = get_args(Need)
ENDPOINT_KEY = "exchange_public_key"
"""What seals the password of an endpoint that Mailmove makes itself."""
_CUTOVER: tuple[Need, ...] = ("always", "passwords")


class Right(BaseModel):
    """One right. name: as the vendor spells it. includes: others that contain it and do as well."""

    model_config = ConfigDict(frozen=True)

    system: str
    name: str
    why: str
    proved: str = Field(description="How preflight proves it; nothing is changed by that")
    includes: tuple[str, ...] = ()
    need: Need = "always"
    application_only: bool = Field(default=False, description="A person's token opens nobody else's mailbox")

    def __str__(self) -> str:
        instead = f" (or {', '.join(self.includes)})" if self.includes else ""
        return f"{self.name}{instead}: {self.why}{only_for(self.need)}. Proved by: {self.proved}."


def only_for(need: Need) -> str:
    """Suffix that says for which plans a right is needed; "" for every plan."""
    return {"always": "", "passwords": "; unless `first_sign_in` is false",
            "passes": "; only with `access_passes`",
            "advice": "; the cutover goes without, and preflight says `not seen`",
            "direct": "; only to copy items ourselves", "partner": "; only for a partner",
            "streams": "; only to copy items ourselves, and whole",
            "compare": "; only for `mailmove compare`",
            "purchase": "; only where the plan has something bought"}[need]  # fmt: skip


GRAPH, EXCHANGE_ONLINE, CMDLET = "Microsoft Graph, application permission", "Exchange Online", "Exchange Online, cmdlet"
OLD_SERVER, OLD_MAILBOXES, PARTNER = "Old Exchange server", "Old Exchange mailboxes", "Partner (GDAP)"
ROUTE_53, DNS_UPDATE, AWS = "Route 53", "Name server with dynamic updates", "AWS security group"
WINDOWS_FIREWALL, SSH_GATEWAY = "Windows Firewall", "SSH gateway"

_SYSTEMS_OF: dict[str, tuple[str, ...]] = {
    "route53": (ROUTE_53,),
    "rfc2136": (DNS_UPDATE,),
    "aws-security-group": (AWS,),
    "windows-firewall": (WINDOWS_FIREWALL,),
    "ssh-gateway": (SSH_GATEWAY,),
    "exchange-server": (OLD_SERVER, OLD_MAILBOXES),
    "microsoft365": (GRAPH, EXCHANGE_ONLINE, CMDLET),
    "partner-center": (PARTNER,),
}


def systems_of(block_type: str) -> tuple[str, ...]:
    """Systems of this list that a block type speaks to; (): it needs no right of them."""
    return _SYSTEMS_OF.get(block_type, ())


_TOKEN, _LISTED = "the token that we are given, and a read", "the list of cmdlets that our token may run"


def _graph(name: str, why: str, *includes: str, need: Need = "always") -> Right:
    alone = name.startswith(("Mail", "Calendars.", "Contacts."))
    return Right(system=GRAPH, name=name, why=why, proved=_TOKEN, includes=includes, need=need, application_only=alone)


def _cmdlet(name: str, why: str, need: Need = "always") -> Right:
    return Right(system=CMDLET, name=name, why=why, proved=_LISTED, need=need)


_RIGHTS: tuple[Right, ...] = (
    _graph("Domain.ReadWrite.All", "add and verify the customer's domain, and ask for mail service"),
    _graph(
        "User.ReadWrite.All",
        "set the usage location of the people; make and delete them, where Mailmove copies itself",
        "Directory.ReadWrite.All",
    ),
    _graph(
        "LicenseAssignment.ReadWrite.All",
        "give licences, and count those that are free",
        "User.ReadWrite.All",
        "Directory.ReadWrite.All",
    ),
    _graph("User-PasswordProfile.ReadWrite.All", "set the people's first passwords", need="passwords"),
    _graph(
        "UserAuthenticationMethod.ReadWrite.All",
        "give people a Temporary Access Pass, which an application can, and GDAP's least roles cannot",
        need="passes",
    ),
    _graph("Policy.Read.All", "say before the night what people meet at their first sign-in", need="advice"),
    _graph("AuditLog.Read.All", "say who has no second factor so far", need="advice"),
    _graph("Organization.Read.All", "see whether directory synchronisation is on", "Directory.Read.All"),
    _graph("Mail.ReadBasic.All", "find every message again at the target", "Mail.Read", "Mail.ReadWrite"),
    _graph("Calendars.ReadBasic.All", "find every event again at the target", "Calendars.Read", "Calendars.ReadWrite"),
    _graph("Contacts.Read", "find every contact again at the target", "Contacts.ReadWrite"),
    Right(
        system=GRAPH,
        name="ExchangeMessageTrace.Read.All",
        why="see from where mail reaches the cloud where Get-MessageTraceV2 may not be run; it also takes a service "
        "principal of application 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373 in the tenant, up to a day ahead",
        proved="a read, where the cmdlet is refused",
    ),
    _graph(
        "Mail.ReadWrite",
        "make folders and messages; where it is given, probes are taken away and a rollback can return mail to the "
        "source",
        need="direct",
    ),
    _graph("Calendars.ReadWrite", "make calendars and events", need="direct"),
    _graph("Contacts.ReadWrite", "make contacts", need="direct"),
    _graph(
        "MailboxFolder.ReadWrite.All",
        "find the folders of a mailbox for the import, and make those of tasks, notes and journal entries",
        need="streams",
    ),
    _graph("MailboxItem.Read.All", "find tasks, notes and journal entries again at the target", need="streams"),
    _graph("MailboxItem.ImportExport.All", "import items whole", need="streams"),
    _graph(
        "MailboxItem.Export.All",
        "give items out whole, to hold them against the old server's",
        "MailboxItem.ImportExport.All",
        need="compare",
    ),
    Right(
        system=EXCHANGE_ONLINE,
        name="Exchange.ManageAsApp",
        why="sign in to Exchange Online without a person (of Office 365 Exchange Online, not of Graph)",
        proved="Get-MigrationEndpoint",
    ),
    Right(
        system=EXCHANGE_ONLINE,
        name="Exchange Administrator",
        why="run the cmdlets below; an Entra role of the application, or a role group that has these cmdlets",
        proved=_LISTED,
    ),
    _cmdlet("New-MigrationEndpoint", "tell Microsoft where the old server is"),
    _cmdlet("Remove-MigrationEndpoint", "clean up after the cutover, or after a rollback"),
    _cmdlet("New-MigrationBatch", "make the cutover batch"),
    _cmdlet("Start-MigrationBatch", "start it, and try failed mailboxes again"),
    _cmdlet("Set-MigrationBatch", "ask for a last sync after the switch"),
    _cmdlet("Remove-MigrationBatch", "end it, behind the proof"),
    _cmdlet("Get-MigrationUser", "see how far each mailbox is"),
    _cmdlet("Get-MigrationUserStatistics", "name what was skipped"),
    _cmdlet("Test-MigrationServerAvailability", "ask Microsoft whether it reaches the old server"),
    _cmdlet("Set-Mailbox", "turn shared mailboxes into shared ones; carry X500 addresses and send on behalf over"),
    _cmdlet("Get-Recipient", "find who holds an address already"),
    _cmdlet("Get-DistributionGroupMember", "prove that groups have arrived with all their members"),
    _cmdlet("Get-MailContact", "prove that contacts have arrived"),
    _cmdlet("Get-MailboxPermission", "see who may open a mailbox"),
    _cmdlet("Add-MailboxPermission", "carry full access over"),
    _cmdlet("Remove-MailboxPermission", "take it back in a rollback"),
    _cmdlet("Get-RecipientPermission", "see who may send as a mailbox"),
    _cmdlet("Add-RecipientPermission", "carry send as over"),
    _cmdlet("Remove-RecipientPermission", "take it back in a rollback"),
    _cmdlet("Get-AcceptedDomain", "see that Exchange takes mail for the domain"),
    *(
        _cmdlet(name, why, "direct")
        for name, why in (
            ("New-Mailbox", "make shared, room and equipment mailboxes"),
            ("New-MailContact", "make contacts"),
            ("Set-MailContact", "give them their further addresses"),
            ("New-DistributionGroup", "make groups"),
            ("Set-DistributionGroup", "give them their owners and further addresses"),
            ("Get-DistributionGroup", "see who manages a group"),
            ("Add-DistributionGroupMember", "give groups their members"),
            ("Remove-DistributionGroupMember", "take back in a rollback who was put into a group that stood there"),
            ("Get-MailboxStatistics", "see in a rollback whether anybody has used a mailbox"),
            ("Remove-Mailbox", "take away in a rollback what nobody has used"),
            ("Remove-MailContact", "the same for contacts"),
            ("Remove-DistributionGroup", "the same for groups"),
        )
    ),
    Right(
        system=CMDLET,
        name="Get-MessageTraceV2",
        why="see from where mail reaches the cloud, before the old port 25 is closed",
        proved="tracing the last five minutes",
    ),
    _cmdlet("Get-DkimSigningConfig", "read the names of the domain's DKIM keys"),
    _cmdlet("New-DkimSigningConfig", "have DKIM keys made for the domain"),
    _cmdlet("Set-DkimSigningConfig", "have mail signed in the domain's name"),
    Right(
        system=OLD_SERVER,
        name="Organization Management (2007: Exchange Organization Administrators)",
        why="read the inventory and the tracking log; enable Outlook Anywhere, which on 2007 also takes the local "
        "Administrators group",
        proved="signing in to the shell and reading every mailbox's directory entry",
    ),
    Right(
        system=OLD_MAILBOXES,
        name="Full Access to every mailbox",
        includes=("Receive As on every database",),
        why="count and read items; the same account is what Microsoft's migration service signs in with",
        proved="opening the Inbox of every mailbox",
    ),
    *(
        Right(system=ROUTE_53, name=name, why=why, proved=proved)
        for name, why, proved in (
            ("route53:ListHostedZonesByName", "find the zone", "doing it"),
            ("route53:GetHostedZone", "read its name servers", "doing it"),
            ("route53:ListResourceRecordSets", "read every record before one is changed", "doing it"),
            ("route53:ChangeResourceRecordSets", "change MX, SPF and autodiscover", "a change that must be rejected"),
            ("route53:GetChange", "wait until Route 53's own servers have it", "the first change of the cutover"),
        )
    ),
    Right(
        system=DNS_UPDATE,
        name="zone transfer and update with the TSIG key",
        why="read the zone, and change MX, SPF and autodiscover in it",
        proved="an update of every set that the night changes, which changes nothing",
    ),
    *(
        Right(system=AWS, name=name, why=why, proved=proved)
        for name, why, proved in (
            ("ec2:DescribeSecurityGroups", "read who may reach port 25", "doing it"),
            ("ec2:RevokeSecurityGroupIngress", "close port 25 of the old server", "DryRun"),
            ("ec2:AuthorizeSecurityGroupIngress", "open it again in a rollback", "DryRun"),
        )
    ),
    Right(
        system=WINDOWS_FIREWALL,
        name="local administrator, by WinRM",
        why="block port 25 on the old server, and schedule that it opens again if we are locked out",
        proved="reading the rules and whether the firewall is on",
    ),
    Right(
        system=SSH_GATEWAY,
        name="an account that may run the declared commands",
        why="close port 25 on the router, and open it again in a rollback",
        proved="running the commands that only show",
    ),
    Right(
        system=PARTNER,
        name="DelegatedAdminRelationship.ReadWrite.All",
        why="invite the customer (delegated, for a member of AdminAgents)",
        proved="listing relationships",
        need="partner",
    ),
    Right(
        system=PARTNER,
        name="Partner Center user_impersonation",
        why="give the reseller link, and consent to our application in the customer's tenant; the user must have "
        "signed in with multi-factor authentication. An indirect reseller has no such API, and does without",
        proved="asking for the link",
        need="partner",
    ),
    Right(
        system=PARTNER,
        name="Admin Agent or Sales Agent",
        why="read the price sheet, order what the plan names, and make the customer's tenant where there is none; the "
        "user's role in Partner Center, for api.partner.microsoft.com too",
        proved="reading the price of what is to be bought",
        need="purchase",
    ),
    *(
        Right(
            system=PARTNER,
            name=f"GDAP role {role}",
            why=why,
            proved="the rights of the tenant, once the customer has approved",
            need="partner",
        )
        for role, why in (
            ("Exchange Administrator", "move mailboxes, switch DKIM on, and trace messages"),
            ("Domain Name Administrator", "add and verify the domain"),
            ("User Administrator", "set usage locations and first passwords"),
            ("License Administrator", "give licences"),
            ("Cloud Application Administrator", "consent to our application there (not for an indirect reseller)"),
        )
    ),
)


def explain_permissions(needs: Sequence[Need] = EVERY_NEED, plan: Cutover | None = None) -> list[Right]:
    """Every right that is needed for these purposes, grouped by system; with a plan, what that plan needs.

    A plan without a direct mover may still copy missing items itself, so those rights stay in the list.
    """
    if plan is None:
        return [right for right in _RIGHTS if right.need in needs]
    left_out = {
        system
        for system, slug, reference in (
            (ROUTE_53, "route53/", plan.dns.provider),
            (DNS_UPDATE, "rfc2136/", plan.dns.provider),
            (AWS, "aws-security-group/", plan.firewall.gateway),
            (PARTNER, "partner-center/", plan.target.partner or ""),
        )
        if not reference.startswith(slug)
    }
    wanted = set(needs) - _no_need(plan)
    return [right for right in _RIGHTS if right.need in wanted and right.system not in left_out]


def unneeded(plan: Cutover) -> set[str]:
    """Names of the rights, and of the key, that this plan does not need, though most plans do."""
    without = _no_need(plan)
    makes_endpoint = plan.target.mover != "direct" and not plan.target.endpoint
    return {right.name for right in _RIGHTS if right.need in without} | (set() if makes_endpoint else {ENDPOINT_KEY})


def _no_need(plan: Cutover) -> set[Need]:
    needless: set[Need] = set() if plan.target.purchase or plan.target.new_customer else {"purchase"}
    needless |= set() if plan.target.first_sign_in else {"passwords"}
    return needless if plan.target.first_sign_in and plan.target.access_passes else needless | {"passes"}


def application_only() -> frozenset[str]:
    """Graph permissions that work only in an application's token: a person's opens nobody else's mailbox."""
    return frozenset(right.name for right in _RIGHTS if right.application_only)


def consented_scopes() -> list[str]:
    """Delegated permissions of Graph for a partner's application in the customer's tenant."""
    return [right.name for right in _RIGHTS if right.system == GRAPH and right.need in _CUTOVER
            and not right.application_only]  # fmt: skip


def permission_page() -> str:
    """The whole text of `docs/permissions.md`."""
    lines = [
        "# What Mailmove needs to be allowed, and why", "",
        "Made from `mailmove/plan/required_permissions.py`; `mailmove explain-permissions [PLAN]` says the same for",
        "one plan, and preflight proves each right without changing anything. A missing one is named there, with the",
        "link at which an administrator consents: `<sign-in host>/<tenant>/adminconsent?client_id=<client_id>`.",
    ]  # fmt: skip
    for system in dict.fromkeys(right.system for right in _RIGHTS):
        lines += ["", f"## {system}", "", "| right | for what | proved by |", "|---|---|---|"]
        for right in _RIGHTS:
            if right.system == system:
                instead = f" (or {', '.join(right.includes)})" if right.includes else ""
                lines.append(f"| {right.name}{instead} | {right.why}{only_for(right.need)} | {right.proved} |")
    return "\n".join(lines) + "\n"


def permission_lines(rights: Sequence[Right]) -> list[str]:
    """Lines for the terminal: a heading for each system, and a line for each right."""
    lines: list[str] = []
    for system in dict.fromkeys(right.system for right in rights):
        lines += [system, *(f"  {right}" for right in rights if right.system == system), ""]
    return lines[:-1]


def names(system: str, *needs: Need) -> list[str]:
    return [right.name for right in _RIGHTS if right.system == system and right.need in (needs or ("always",))]


def graph_permissions(*needs: Need) -> dict[str, set[str]]:
    """Least application permission of Microsoft Graph -> others that include it."""
    wanted = needs or _CUTOVER
    return {right.name: set(right.includes) for right in _RIGHTS if right.system == GRAPH and right.need in wanted}


if __name__ == "__main__":
    print(permission_page(), end="")
