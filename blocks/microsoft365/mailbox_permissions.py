"""Who may open a mailbox in Exchange Online, send as it, or send on its behalf.

Sources: pages of *-MailboxPermission, *-RecipientPermission and Set-Mailbox -GrantSendOnBehalfTo.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from blocks.microsoft365.answers import Json
from blocks.microsoft365.cmdlet_errors import WHO
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import text, texts_or, unreadable
from blocks.microsoft365.recipients import exchange_recipients
from mailmove.errors import Blocked, NotYet
from mailmove.inventory.full import Grant
from mailmove.ports.tenant import TenantPermissions

_NOBODY = ("nt authority\\", "s-1-5-")
"""Exchange Online's names of well-known accounts are English in every tenant (SecurityPrincipalIdParameter)."""
_WINDOWS_OWN = re.compile(r"S-1-5-(?!21-)", re.IGNORECASE)
_FLAGS = {"true": True, "false": False, "deny": True, "allow": False}


class MailboxPermissions(TenantPermissions):
    def __init__(self, exchange: ExchangeAdmin) -> None:
        self._exchange = exchange

    def of(self, mailboxes: Sequence[str]) -> list[Grant]:
        """Given by hand only; by mailbox, right and trustee."""
        names = self._names() if mailboxes else {}
        grants = {grant for mailbox in mailboxes for grant in self._of_one(mailbox, names)}
        return sorted(grants, key=lambda grant: (grant.mailbox, grant.right, grant.trustee))

    def add(self, grant: Grant) -> None:
        self._change(grant, granted=True)

    def remove(self, grant: Grant) -> None:
        self._change(grant, granted=False)

    def _change(self, grant: Grant, *, granted: bool) -> None:
        """Looks first, and reads back. NotYet: it is not to be seen yet."""
        names = self._names()
        if (grant in self._of_one(grant.mailbox, names)) == granted:
            return
        verb, direction = ("Add", "given to") if granted else ("Remove", "taken from")
        wanted = f"{grant.right.replace('_', ' ')} on {grant.mailbox} {direction} {grant.trustee}"
        if grant.right == "full_access":
            rights: Json = {"User": grant.trustee, "AccessRights": ["FullAccess"], "InheritanceType": "All"}
            self._exchange.run(f"{verb}-MailboxPermission", {"Identity": grant.mailbox, **rights}, wanted=wanted)
        elif grant.right == "send_as":
            rights = {"Trustee": grant.trustee, "AccessRights": ["SendAs"]}
            self._exchange.run(f"{verb}-RecipientPermission", {"Identity": grant.mailbox, **rights}, wanted=wanted)
        else:
            change = {"GrantSendOnBehalfTo": {verb: [grant.trustee]}}
            self._exchange.run("Set-Mailbox", {"Identity": grant.mailbox, **change}, wanted=wanted)
        if (grant in self._of_one(grant.mailbox, names)) != granted:
            raise NotYet(WHO, wanted=wanted, seen="not yet", todo="Look again in a minute.")

    def _of_one(self, mailbox: str, names: dict[str, str]) -> list[Grant]:
        opening = self._rows("Get-MailboxPermission", mailbox, "User", "fullaccess")
        sending = self._rows("Get-RecipientPermission", mailbox, "Trustee", "sendas")
        boxes = self._exchange.of_one("Get-Mailbox", {"Identity": mailbox}, wanted=f"the mailbox {mailbox}")
        if hidden := next((box for box in boxes if "GrantSendOnBehalfTo" not in box), None):
            raise unreadable(hidden, "GrantSendOnBehalfTo")  # it is shown empty where nobody may; not shown is not none
        behalf = [name for box in boxes for name in _listed(box, "GrantSendOnBehalfTo")]
        grants = (
            *(("full_access", trustee) for trustee in opening),
            *(("send_as", trustee) for trustee in sending),
            *(("send_on_behalf", trustee) for trustee in behalf),
        )
        return [
            Grant.model_validate({"mailbox": mailbox, "right": right, "trustee": names.get(trustee.lower(), trustee)})
            for right, trustee in grants
        ]

    def _rows(self, cmdlet: str, mailbox: str, whom: str, right: str) -> list[str]:
        rows = self._exchange.of_one(cmdlet, {"Identity": mailbox}, wanted=f"who may use {mailbox}")
        return [
            text(row, whom)
            for row in rows
            if right in _rights(row)
            and not any(_flag(row, name, cmdlet) for name in ("IsInherited", "Deny", "AccessControlType"))
            and not _is_nobody(row, whom)
        ]

    def _names(self) -> dict[str, str]:
        """What Exchange may call a recipient -> its primary address.

        Unverified: by which name `GrantSendOnBehalfTo`, `User` and `Trustee` show somebody; all known ones are read.
        """
        primary: dict[str, str] = {}
        for recipient in exchange_recipients(self._exchange):
            primary.update(dict.fromkeys({*recipient.names, *recipient.addresses}, recipient.address))
        return primary


def _flag(row: Json, name: str, cmdlet: str) -> bool:
    """A bool, a SwitchParameter as object or as text, or AccessControlType; what the cmdlet does not show is no flag.

    Blocked: another form. Nobody has shown all forms that the REST endpoint gives a SwitchParameter.
    """
    value = row.get(name)
    if isinstance(value, dict):
        value = value.get("IsPresent", value.get("isPresent"))
    elif value is None:
        return False
    if isinstance(value, int) and value in (0, 1):  # AccessControlType: Allow is 0, Deny 1
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise Blocked(
        WHO,
        wanted=f"{name} of {cmdlet} as yes or no",
        seen=f"{row.get(name)!r}"[:200],
        todo="Report this line: Mailmove does not know that form.",
        code="UnreadValue",
    )


def _is_nobody(row: Json, whom: str) -> bool:
    """The owner, the system, and accounts that are gone: by SID where it is shown (UserSid, TrusteeSidString)."""
    sids = (str(row.get(name) or "") for name in ("UserSid", "TrusteeSidString"))
    return text(row, whom).lower().startswith(_NOBODY) or any(_WINDOWS_OWN.match(sid) for sid in sids)


def _rights(row: Json) -> set[str]:
    """'fullaccess', 'sendas', ...; a permission without a right is none that Exchange shows."""
    rights = {"".join(name.split()).lower() for name in _listed(row, "AccessRights")}
    if not rights or "" in rights:
        raise unreadable(row, "AccessRights")
    return rights


def _listed(row: Json, name: str) -> list[str]:
    """A multivalued property: a list, or a text with commas."""
    return [entry.strip() for value in texts_or(row, name) for entry in value.split(",")]
