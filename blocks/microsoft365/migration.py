"""Exchange Online's migration service: one Outlook Anywhere endpoint, one cutover batch, its users.

Source: the pages of the *-Migration* cmdlets (office-docs-powershell). Each act looks first and reads back after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blocks.microsoft365.answers import Json, Rejected
from blocks.microsoft365.cmdlet_errors import WHO, is_absent
from blocks.microsoft365.endpoints import new_endpoint, no_cutover, serves, tested
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import number_or, several, text, text_or, time_or, word, word_or
from blocks.microsoft365.identities import spellings
from blocks.retry_budget import read_thrice
from mailmove.errors import Blocked, Drifted, MailmoveError, NotYet
from mailmove.ports import SourceServer
from mailmove.ports.tenant import TenantMigration
from mailmove.tenant_state import Endpoint, MigrationBatch, MigrationUser, RowKind, SkippedItem
from mailmove.tenant_states import MIGRATION_BATCHES, MIGRATION_USERS, Step

_ROW_KINDS: dict[str, RowKind] = {
    "mailbox": "mailbox",
    "group": "group",
    "contact": "contact",
    "mailuser": "contact",
    # As Get-Recipient spells them.
    "usermailbox": "mailbox",
    "distributiongroup": "group",
    "mailuniversaldistributiongroup": "group",
    "mailuniversalsecuritygroup": "group",
    "mailnonuniversalgroup": "group",
    "mailcontact": "contact",
}
"""RecipientType of a migration user, in lower case (MigrationUserRecipientType: Mailbox, Contact, Group, PublicFolder,
Unsupported, Mailuser, MailboxOrMailuser)."""


class Migration(TenantMigration):
    def __init__(self, exchange: ExchangeAdmin, public_key: str | None) -> None:
        self._exchange, self._public_key = exchange, public_key

    def endpoint(self, name: str) -> Endpoint | None:
        row = self._one("Get-MigrationEndpoint", name, "migration endpoint")
        if row is None:
            return None
        return Endpoint(
            name=name,
            exchange_server=text_or(row, "ExchangeServer"),
            rpc_proxy_server=text_or(row, "RpcProxyServer") or text_or(row, "RemoteServer"),
            authentication="Ntlm" if word_or(row, "Authentication").lower() == "ntlm" else "Basic",
            email_address=text_or(row, "EmailAddress").lower(),
        )

    def create_endpoint(self, endpoint: Endpoint, source: SourceServer) -> Endpoint:
        existing = self.endpoint(endpoint.name)
        if existing is None:
            new_endpoint(self._exchange, self._public_key, endpoint, source, self._made(endpoint))
            existing = self.endpoint(endpoint.name)
        if existing is None:
            raise _not_yet(f"the endpoint {endpoint.name}", "no such endpoint yet")
        if not serves(existing, endpoint):
            raise Blocked(
                WHO,
                wanted=f"the endpoint {endpoint.name} for {endpoint.rpc_proxy_server} ({endpoint.exchange_server})",
                seen=f"one of that name for {existing.rpc_proxy_server} ({existing.exchange_server}), "
                f"{existing.authentication}",
                todo="Remove that endpoint, or name it in `target.endpoint` of the plan if it is the right one.",
            )
        return existing

    def _made(self, wanted: Endpoint) -> Callable[[], bool]:
        """Whether what Microsoft's Autodiscover has led to is the server that the plan names; if not, it is removed."""

        def is_right() -> bool:
            made = self.endpoint(wanted.name)
            if made is None or serves(made, wanted):
                return made is not None
            self.remove_endpoint(wanted.name)
            return False

        return is_right

    def test_endpoint(self, name: str) -> None:
        tested(self._exchange, {"Endpoint": name}, f"Microsoft to reach the old server by the endpoint {name}")

    def remove_endpoint(self, name: str) -> None:
        if self.endpoint(name) is None:
            return
        self._exchange.run("Remove-MigrationEndpoint", {"Identity": name}, wanted=f"the endpoint {name} removed")
        if self.endpoint(name) is not None:
            raise _not_yet(f"the endpoint {name} removed", "it is still there")

    def batch(self, name: str) -> MigrationBatch | None:
        row = self._one("Get-MigrationBatch", name, "migration batch")
        if row is None:
            return None
        return MigrationBatch(
            name=name,
            status=word(row, "Status"),
            total=number_or(row, "TotalCount", 0),
            synced=number_or(row, "SyncedCount", 0),
            failed=number_or(row, "FailedCount", 0),
            last_round=time_or(row, "LastSyncedDateTime"),
        )

    def create_batch(self, name: str, endpoint: str) -> MigrationBatch:
        """A cutover batch is one without a CSV file; it is not started. Blocked: another one exists."""
        existing = self.batch(name)
        if existing is not None:
            if existing.status.lower() == "removing":
                raise Drifted(
                    WHO,
                    wanted=f"the batch {name}",
                    seen="one of that name being removed",
                    todo="Wait until it is gone.",
                )
            return existing
        try:
            self._exchange.run(
                "New-MigrationBatch",
                {"Name": name, "SourceEndpoint": endpoint, "TimeZone": "UTC"},
                wanted=f"a cutover batch {name} on the endpoint {endpoint}",
            )
        except Rejected as error:
            if error.code == "CutoverMigrationNotAllowedException":
                raise no_cutover(f"a cutover batch {name} on the endpoint {endpoint}", error.seen) from None
            raise Blocked(
                WHO,
                wanted=f"a cutover batch {name} on the endpoint {endpoint}",
                seen=error.seen,
                todo="Only one cutover batch may exist in a tenant: finish or remove the other one.",
            ) from None
        existing = self.batch(name)
        if existing is None:
            raise _not_yet(f"the batch {name}", "no such batch yet")
        return existing

    def start_batch(self, name: str) -> None:
        """Start it, or its failed users again; one that runs without failures is left alone."""
        existing = self._existing(name)
        step = MIGRATION_BATCHES.step(existing.status)
        if existing.status.lower() == "stopping":
            raise _not_yet(f"the batch {name} started", "it is being stopped")
        if step is Step.WAIT or (step is Step.DONE and not existing.failed):
            return
        self._exchange.run("Start-MigrationBatch", {"Identity": name}, wanted=f"the batch {name} started")
        after = self._existing(name).status
        if after.lower() in {"created", "stopped"}:
            raise _not_yet(f"the batch {name} started", f"it says {after}")

    def sync_now(self, batch: str) -> None:
        """Ask for an incremental sync now; asking twice does no harm.

        Unverified: `-SyncNow` is documented for onboarding moves and IMAP, not for a cutover batch. Blocked: refused;
        then the daily cycle does the same within 24 hours.
        """
        self._existing(batch)
        try:
            self._exchange.run("Set-MigrationBatch", {"Identity": batch, "SyncNow": True}, wanted=f"{batch} synced now")
        except Rejected as error:
            raise Blocked(
                WHO,
                wanted=f"an incremental sync of {batch} at once",
                seen=error.seen,
                todo="Wait for the daily sync, 24 h after the last one; each user's last sync shows when it came.",
            ) from None

    def remove_batch(self, name: str) -> None:
        """NotYet: Microsoft is still removing it."""
        existing = self.batch(name)
        if existing is None:
            return
        if existing.status.lower() != "removing":
            self._exchange.run("Remove-MigrationBatch", {"Identity": name}, wanted=f"the batch {name} removed")
        if self.batch(name) is not None:
            raise _not_yet(f"the batch {name} removed", "it is still there")

    def users(self, batch: str) -> list[MigrationUser]:
        _guard(batch, "migration batch")
        rows = self._exchange.run(
            "Get-MigrationUser", {"BatchId": batch, "ResultSize": "Unlimited"}, wanted=f"the users of {batch}"
        )
        silent = [
            _identity(row) for row in rows if not _goes_on(word(row, "Status")) and not text_or(row, "ErrorSummary")
        ]
        why = self._why(silent) if silent else {}
        return [self._user(row, why) for row in rows]

    def skipped_items(self, user: str) -> list[SkippedItem]:
        _guard(user, "migration user")
        rows = self._exchange.of_one(
            "Get-MigrationUserStatistics",
            {"Identity": user, "IncludeSkippedItems": True},
            wanted=f"what was left out of {user}",
        )
        return [_skipped(item) for row in rows for item in several(row.get("SkippedItems"))]

    def _user(self, row: Json, why: dict[str, str]) -> MigrationUser:
        return MigrationUser(
            address=(text_or(row, "MailboxEmailAddress") or text(row, "Identity")).lower(),
            kind=_ROW_KINDS.get(word_or(row, "RecipientType").lower(), "unknown"),
            status=word(row, "Status"),
            # Of one that has failed early there may be no counts.
            synced_items=number_or(row, "SyncedItemCount", 0),
            skipped_items=number_or(row, "SkippedItemCount", 0),
            last_synced=time_or(row, "LastSuccessfulSyncTime"),
            error=text_or(row, "ErrorSummary") or why.get(_identity(row), ""),
        )

    def _why(self, identities: list[str]) -> dict[str, str]:
        """Why each of these users failed, where the service says so."""
        for identity in identities:
            _guard(identity, "migration user")
        given = [{"Identity": identity} for identity in identities]
        answers = self._exchange.read_many("Get-MigrationUserStatistics", given, wanted="why users failed")
        why: dict[str, str] = {}
        for identity, answer in zip(identities, answers, strict=True):
            if isinstance(answer, MailmoveError):
                # That one is not told costs its words only: which have failed is known.
                why[identity] = f"its error cannot be read: {answer.seen}"
                continue
            why[identity] = "; ".join(filter(None, (text_or(row, "Error") for row in answer)))
        return why

    def _existing(self, name: str) -> MigrationBatch:
        batch = read_thrice(lambda: self.batch(name), self._exchange.sleep)
        if batch is None:
            raise Blocked(
                WHO, wanted=f"the batch {name}", seen="no such batch", todo="Make it first; did somebody remove it?"
            )
        return batch

    def _one(self, cmdlet: str, name: str, kind: str) -> Json | None:
        _guard(name, kind)
        try:
            rows = self._exchange.run(cmdlet, {"Identity": name}, wanted=f"the {kind} {name}")
        except Rejected as error:
            if is_absent(error):
                return None
            raise
        # Asked for one, an old bug of the service's gives all: take the one that bears the name.
        for row in rows:
            if text(row, "Identity").lower() == name.lower() or name.lower() in spellings(row, "Identity"):
                return row
        return None


def _goes_on(status: str) -> bool:
    return MIGRATION_USERS.step(status) in (Step.WAIT, Step.DONE)


def _identity(user: Json) -> str:
    return text_or(user, "Identity") or text(user, "MailboxEmailAddress")


def _guard(name: str, kind: str) -> None:
    # Without an identity these cmdlets return everything there is.
    if not name.strip():
        raise Blocked(WHO, wanted=f"a {kind}", seen="an empty name", todo="Give it a name.")


def _skipped(item: Any) -> SkippedItem:
    """An object, or a text, which is shown as it is.

    Unverified: the members, which one public script reads (Subject, Sender, Kind, FolderName).
    """
    if not isinstance(item, dict):
        return SkippedItem(kind="item", subject=str(item), folder="a folder that is not shown by itself")
    return SkippedItem(
        kind=word_or(item, "Kind", "item"),
        subject=text_or(item, "Subject"),
        folder=text_or(item, "FolderName"),
        sender=text_or(item, "Sender"),
    )


def _not_yet(wanted: str, seen: str) -> NotYet:
    return NotYet(WHO, wanted=wanted, seen=seen, todo="Look again in a minute.")
