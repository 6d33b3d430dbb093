"""Checks whether our rights in a tenant suffice for a cutover, with reads only.

The evidence is of two kinds: reads that change nothing, and the permissions named in the token itself, since a read
cannot prove that writing is allowed. Names: learn.microsoft.com/graph/permissions-reference.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Set
from datetime import timedelta
from urllib.parse import quote

from blocks.microsoft365.answers import CLOSED, NO_ITEM, NO_USER, Json, Rejected
from blocks.microsoft365.credential import TWO_WAYS
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import rows, text
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.message_traces import TRACE_CMDLET, message_traces, neither_way, traces_by_cmdlet
from blocks.microsoft365.signing_in.entra import NO_CONSENT
from mailmove.clock import now
from mailmove.errors import Blocked, MailmoveError, Refused
from mailmove.evidence import Finding
from mailmove.plan.required_permissions import CMDLET, ENDPOINT_KEY, application_only, graph_permissions, names

NEEDED = graph_permissions("always", "passwords", "passes")
"""Least application permission of Microsoft Graph -> others that include it."""

IMPORT_PERMISSION = "MailboxItem.ImportExport.All"
WRITING = graph_permissions("direct")
"""What a copy of our own needs besides; not a cutover by Microsoft's batch."""
WHOLE = graph_permissions("streams")
"""What it needs to import items whole; with IMPORT_PERMISSION it does, and then it needs them all."""

COMPARING = graph_permissions("compare")
"""What it takes to hold the contents of items against the source's."""

CMDLETS = tuple(names(CMDLET))
SIGN_IN = "Sign-in"
"""Subject of the finding that stands alone: without a token nothing else can be asked."""
_TRACES = "ExchangeMessageTrace.Read.All"
_STOPS = "the cutover would stop where this is needed"


def copy_findings(graph_token: Callable[[], str], consent: str = "") -> list[Finding]:
    """Finds the permissions that a copy of our own lacks; a token that cannot be read proves nothing either way."""
    permissions = granted(graph_token())
    if permissions is None:
        return []
    means = dict.fromkeys(WRITING, "items cannot be copied by Mailmove itself")
    if IMPORT_PERMISSION in permissions:
        means |= dict.fromkeys(WHOLE, "tasks, notes and journal entries cannot be copied")
    return [
        Finding(
            subject=permission,
            seen="not among the permissions in our token",
            means=words,
            todo=_consent(permission, consent),
        )
        for permission, words in means.items()
        if permission not in permissions
    ]


def findings(
    graph: JsonClient,
    graph_token: Callable[[], str],
    exchange: ExchangeAdmin,
    *,
    consent: str = "",
    graph_traces: bool = True,
) -> list[Finding]:
    """Finds the permissions that are missing. consent: where an administrator grants them.

    graph_traces: does Graph show message traces in this cloud?
    """
    try:
        token = graph_token()
    except MailmoveError as error:
        return [_finding(SIGN_IN, error, "nothing can be done in this tenant", consent)]
    permissions = granted(token)
    person = permissions is not None and acts_for_a_person(token)
    needed = {name: also for name, also in NEEDED.items() if name != _TRACES}
    faults: dict[str, Finding] = {}
    for permission in lacking(needed, permissions):
        alone = person and permission in application_only()
        faults[permission] = Finding(
            subject=permission,
            seen="not among the permissions in our token",
            means=_STOPS,
            todo=_ALONE if alone else _consent(permission, consent),
            blocks=True,
        )
    for permission, read in _reads(graph).items():
        if permission in needed:
            try:
                read()
            except MailmoveError as error:
                faults.setdefault(permission, _finding(permission, error, _STOPS, consent))
    return [*faults.values(), *_trace_findings(exchange, graph if graph_traces else None), *_exchange(exchange)]


def lacking(needed: Mapping[str, Set[str]], permissions: Set[str] | None) -> list[str]:
    """Those that a token does not name, nor another that includes them. permissions None: it could not be read, which
    proves nothing either way."""
    if permissions is None:
        return []
    return [permission for permission, also in needed.items() if not permissions & {permission, *also}]


_ALONE = (
    "A person's token opens nobody else's mailbox, whatever it says: give the block the application's certificate, and "
    "leave refresh_token empty."
)


def _reads(graph: JsonClient) -> dict[str, Callable[[], object]]:
    def of_a_mailbox(part: str) -> None:
        users = graph.get("users", wanted="a user", params={"$top": "1", "$select": "id"})
        for user in rows(users, "value"):
            path = f"users/{quote(text(user, 'id'), safe='')}/{part}"
            try:
                graph.get(path, wanted=f"the {part} of a mailbox", params={"$top": "1", "$select": "id"})
            except Rejected as error:
                # A user without a mailbox: Graph has let us in and found none.
                if error.code not in CLOSED | NO_ITEM | NO_USER:
                    raise

    return {
        "Domain.ReadWrite.All": lambda: graph.get("domains", wanted="the tenant's domains"),
        "LicenseAssignment.ReadWrite.All": lambda: graph.get("subscribedSkus", wanted="the tenant's licences"),
        "User.ReadWrite.All": lambda: graph.get("users", wanted="a user", params={"$top": "1", "$select": "id"}),
        "Organization.Read.All": lambda: graph.get("organization", wanted="the organisation", params={"$select": "id"}),
        "Mail.ReadBasic.All": lambda: of_a_mailbox("mailFolders"),
        "Calendars.ReadBasic.All": lambda: of_a_mailbox("calendars"),
        "Contacts.Read": lambda: of_a_mailbox("contacts"),
    }


def _trace_findings(exchange: ExchangeAdmin, graph: JsonClient | None) -> list[Finding]:
    """None where the cmdlet works; one that blocks where neither way does."""
    since = now() - timedelta(minutes=5)
    try:
        traces_by_cmdlet(exchange, since)
        return []
    except MailmoveError as error:
        first = error
    if graph is None:
        return [_no_traces(first)]
    try:
        message_traces(graph, since)
    except MailmoveError as second:
        if not isinstance(first, Blocked):  # it may work in a moment, and stands in nobody's way
            return [_no_traces(first)]
        return [_no_traces(neither_way(first, second) if isinstance(second, Blocked) else second)]
    return [
        Finding(
            subject=TRACE_CMDLET,
            seen=first.seen,
            means="message traces are read by Microsoft Graph instead",
            todo="Nothing, as long as Graph shows them; a role with the cmdlet (Exchange Administrator) is surer.",
            needs_action=False,
        )
    ]


def _no_traces(error: MailmoveError) -> Finding:
    means = "from where mail reaches the cloud cannot be seen, before the old port 25 is closed"
    return Finding(subject=_TRACES, seen=error.seen, means=means, todo=error.todo, blocks=isinstance(error, Blocked))


def _exchange(exchange: ExchangeAdmin) -> list[Finding]:
    means = "no mailbox can be moved"
    try:
        exchange.run("Get-MigrationEndpoint", wanted="the tenant's migration endpoints")
        known = exchange.known_cmdlets()
    except Refused as error:
        return [_finding("Exchange.ManageAsApp and the Exchange Administrator role", error, means, "")]
    except MailmoveError as error:
        return [_finding("Exchange Online", error, means, "")]
    if known is None:
        return [
            Finding(
                subject="Exchange Administrator role",
                seen="not proved: Exchange Online does not say which cmdlets our token may run",
                means="a missing right would show only where it is needed",
                todo="See in the Exchange admin centre, Roles, that our application or group holds all of "
                f"Exchange Administrator: {', '.join(CMDLETS)}.",
            )
        ]
    lower = {name.lower() for name in known}
    missing = [name for name in CMDLETS if name.lower() not in lower and name != TRACE_CMDLET]
    if not missing:
        return []
    return [
        Finding(
            subject="Exchange Administrator role",
            seen=f"no right to {', '.join(missing)}",
            means=means,
            todo="Give our application or group the Exchange Administrator role.",
            blocks=True,
        )
    ]


def credential_findings(exchange: ExchangeAdmin, *, named_key: bool) -> list[Finding]:
    """One finding where it is not known how the migration account's password travels; none where it is.

    named_key: does the block name a key? Then an endpoint is tried in a form that nobody has confirmed.
    """
    try:
        why = exchange.why_no_credential()
    except MailmoveError as error:
        why = f"the module file was not shown: {error.seen}"
    if not why:
        return []
    means = "Mailmove cannot make the migration endpoint itself"
    if named_key:
        means = "whether Mailmove can make the migration endpoint itself is not proved: the form is a guess"
    seen = f"how a password travels to Exchange Online is not known: {why}"
    return [Finding(subject=ENDPOINT_KEY, seen=seen, means=means, todo=TWO_WAYS, blocks=not named_key)]


def granted(token: str) -> frozenset[str] | None:
    """Permissions that an access token names (`roles` of an application, `scp` of a user); None: it cannot be read.

    Unverified as a contract: Microsoft asks clients not to read tokens for Graph, so a token that cannot be read is no
    finding, and the reads decide alone.
    """
    claims = _claims(token)
    if not {"roles", "scp"} & set(claims):
        return None
    roles = claims.get("roles") or []
    return frozenset([*map(str, roles if isinstance(roles, list) else []), *str(claims.get("scp") or "").split()])


def acts_for_a_person(token: str) -> bool:
    return "scp" in _claims(token)


def _claims(token: str) -> Json:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _finding(subject: str, error: MailmoveError, means: str, consent: str) -> Finding:
    refused = isinstance(error, Refused)
    todo = error.todo
    if refused and (subject in NEEDED or error.code == NO_CONSENT):
        todo = _consent(subject, consent) if subject in NEEDED else f"{todo} {_at(consent)}".strip()
    return Finding(
        subject=subject, seen=error.seen, means=means if refused else "it could not be asked just now", todo=todo,
        blocks=refused,
    )  # fmt: skip


def _consent(permission: str, link: str) -> str:
    words = f"Add {permission} to the application's Graph permissions and grant admin consent in this tenant."
    return f"{words} {_at(link)}".strip()


def _at(link: str) -> str:
    return f"An administrator of the tenant consents at {link}" if link else ""
