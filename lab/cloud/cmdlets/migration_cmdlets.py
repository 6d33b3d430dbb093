"""The migration cmdlets of Exchange Online, for a cutover by Outlook Anywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lab.cloud.autodiscovery import NOT_DISCOVERED, NotDiscovered, discover
from lab.cloud.cmdlets.mailbox_cmdlets import Parameters, Rows, Table
from lab.cloud.errors import (
    CONNECTION_ERROR,
    INVALID_ARGUMENT,
    INVALID_OPERATION,
    OBJECT_NOT_FOUND,
    RESOURCE_EXISTS,
    CmdletError,
)
from lab.cloud.migration import MigrationService
from lab.cloud.rpc_probe import CANNOT_CONNECT, Unreachable, knock
from lab.cloud.tenant import Batch, MigrationEndpoint, MovedUser, Tenant, utc
from lab.faults import declare

declare(
    migration_no_cutover_support="the tenant supports no cutover: SupportsCutover is False, and a batch is refused",
    hostile_short_name_refused="Microsoft reaches no server by a short name: an FQDN, or <guid>@domain, or nothing",
    hostile_no_autodiscover="Microsoft's migration service cannot use the customer's Autodiscover",
)
_RUNNING = ("Starting", "Syncing", "IncrementalSyncing", "Stopping", "Removing")
_SUMMARY = {"Synced": "Synced", "Failed": "Failed", "IncrementalFailed": "Failed", "Stopped": "Stopped"}


def _missing(what: str, name: object) -> CmdletError:
    return CmdletError(
        f"The {what} '{name}' couldn't be found. Please verify the name and try again.",
        kind="Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
        category=OBJECT_NOT_FOUND,
        status=404,
        error_id="Ex6F9304",
    )


def _refuse(message: str, kind: str = "MigrationPermanentException", category: int = INVALID_OPERATION) -> CmdletError:
    return CmdletError(message, kind=f"Microsoft.Exchange.Migration.{kind}", category=category, error_id="Ex2A5B11")


class MigrationCmdlets:
    def __init__(self, tenant: Tenant, service: MigrationService) -> None:
        self.tenant, self.service = tenant, service

    def table(self) -> Table:
        return {
            "Test-MigrationServerAvailability": self._test,
            "New-MigrationEndpoint": self._new_endpoint,
            "Get-MigrationEndpoint": self._get_endpoint,
            "Remove-MigrationEndpoint": self._remove_endpoint,
            "New-MigrationBatch": self._new_batch,
            "Get-MigrationBatch": self._get_batch,
            "Start-MigrationBatch": self._start_batch,
            "Stop-MigrationBatch": self._stop_batch,
            "Set-MigrationBatch": self._set_batch,
            "Remove-MigrationBatch": self._remove_batch,
            "Get-MigrationUser": self._get_user,
            "Get-MigrationUserStatistics": self._statistics,
            "Remove-MigrationUser": self._remove_user,
        }

    # Endpoints

    def _described(self, given: Parameters, *, tested: bool = False) -> MigrationEndpoint:
        """The endpoint that parameters describe, whichever way they spell RpcProxyServer."""
        if not given.get("ExchangeOutlookAnywhere"):
            raise _refuse("Only ExchangeOutlookAnywhere endpoints can be made here.", category=INVALID_ARGUMENT)
        user, password = given["Credentials"]
        email = str(given.get("EmailAddress", ""))
        common = {
            "name": given.get("Name", ""),
            "user": user,
            "password": password,
            "max_migrations": str(given.get("MaxConcurrentMigrations", "20")),
            "email_address": email,
        }
        if given.get("Autodiscover"):
            if self.service.faults.take("hostile.no_autodiscover"):
                raise NotDiscovered("the name leads to a machine that is no Exchange")
            settings = discover(self.service.reach, email, user, password)
            return MigrationEndpoint(
                exchange_server=settings.server, rpc_proxy_server=settings.proxy,
                authentication=settings.authentication, autodiscovered=True, **common,
            )  # fmt: skip
        proxy = given.get("RpcProxyServer") or given.get("RPCProxyServer")
        if not proxy or not given.get("ExchangeServer"):
            raise _refuse("ExchangeServer and RpcProxyServer are required.", category=INVALID_ARGUMENT)
        if tested and not email and not given.get("SourceMailboxLegacyDN"):
            # Test-MigrationServerAvailability of Exchange 2013: MigrationMustSpecifyEmailOrMailboxDN.
            raise _refuse(
                "You must specify either the EmailAddress or the SourceMailboxLegacyDN parameter.",
                category=INVALID_ARGUMENT,
            )
        return MigrationEndpoint(
            exchange_server=str(given["ExchangeServer"]),
            rpc_proxy_server=str(proxy),
            authentication=given.get("Authentication", "Basic"),
            **common,
        )

    def _knock(self, at: MigrationEndpoint) -> None:
        short = "." not in at.exchange_server.rpartition("@")[2]
        if short and self.service.faults.take("hostile.short_name_refused"):
            raise Unreachable(f"Error 0x6ba (The RPC server is unavailable) from cli_NspiBind: {at.exchange_server}")
        knock(self.service.reach, at.rpc_proxy_server, at.exchange_server, at.user, at.password, at.authentication)

    def _of_mailbox(self, at: MigrationEndpoint) -> None:
        """A test opens the mailbox of EmailAddress; made by hand, it is looked up in the old server's address list."""
        names = {name for box in self.service.directory() for name in (box.address, *box.aliases) if not box.hidden}
        if at.email_address and not at.autodiscovered and at.email_address.lower() not in names:
            raise Unreachable(f"The recipient '{at.email_address}' wasn't found in the address list.")

    def _test(self, given: Parameters) -> Rows:
        """Never an error for a server that does not answer: the row says so.

        Members: KB 2975731, and the cmdlet of Exchange 2013 as public repositories show it; there SupportsCutover is a
        trait of the tenant (no directory synchronisation), whatever the result is.
        """
        detail, kind, words, connection = "", "MigrationTransientException", CANNOT_CONNECT, None
        try:
            endpoint = self._endpoint(given["Endpoint"]) if "Endpoint" in given else self._described(given, tested=True)
            self._knock(endpoint)
            self._of_mailbox(endpoint)
            connection = {
                "IncomingRPCProxyServer": endpoint.rpc_proxy_server,
                "IncomingExchangeServer": endpoint.exchange_server,
                "IncomingEmailAddress": endpoint.email_address,
            }
        except NotDiscovered as error:
            detail, kind, words = str(error), "AutoDiscoverFailedConfigurationErrorException", NOT_DISCOVERED
        except Unreachable as error:
            detail = str(error)
        refused = self.tenant.directory_sync or self.service.faults.take("migration.no_cutover_support")
        return [
            {
                "Result": "Failed" if detail else "Success",
                "Message": words if detail else "",
                "ConnectionSettings": connection,
                "SupportsCutover": not refused,
                "ErrorDetail": f"internal error:Microsoft.Exchange.Migration.{kind}: {detail}" if detail else "",
                "IsValid": True,
                "Identity": "",
                "ObjectState": "New",
            }
        ]

    def _new_endpoint(self, given: Parameters) -> Rows:
        try:
            endpoint = self._described(given)
        except NotDiscovered:
            raise _refuse(NOT_DISCOVERED, "AutoDiscoverFailedConfigurationErrorException", CONNECTION_ERROR) from None
        if endpoint.name.lower() in self.tenant.endpoints:
            raise _refuse(
                f"A migration endpoint named '{endpoint.name}' already exists.",
                "MigrationEndpointDuplicatedException", RESOURCE_EXISTS,
            )  # fmt: skip
        if not given.get("SkipVerification"):
            try:
                self._knock(endpoint)
            except Unreachable as error:
                raise _refuse(
                    f"{CANNOT_CONNECT} --> {error}", "MigrationTransientException", CONNECTION_ERROR
                ) from None
        with self.tenant.lock:
            self.tenant.endpoints[endpoint.name.lower()] = endpoint
        return [_show_endpoint(endpoint)]

    def _endpoint(self, identity: object) -> MigrationEndpoint:
        endpoint = next(
            (
                known
                for known in self.tenant.endpoints.values()
                if str(identity).lower() in (known.name.lower(), known.guid)
            ),
            None,
        )
        if endpoint is None:
            raise _missing("migration endpoint", identity)
        return endpoint

    def _get_endpoint(self, given: Parameters) -> Rows:
        if "Identity" in given:
            return [_show_endpoint(self._endpoint(given["Identity"]))]
        return [_show_endpoint(endpoint) for endpoint in self.tenant.endpoints.values()]

    def _remove_endpoint(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            endpoint = self._endpoint(given.get("Identity"))
            users = [b.name for b in self.tenant.batches.values() if b.endpoint.lower() == endpoint.name.lower()]
            if users:
                raise _refuse(
                    f"The migration endpoint '{endpoint.name}' can't be removed because it's in use by the following "
                    f"migration batches: {', '.join(users)}."
                )
            del self.tenant.endpoints[endpoint.name.lower()]
        return []

    # Batches

    def _batch(self, identity: object) -> Batch:
        batch = next(
            (
                known
                for known in self.tenant.batches.values()
                if str(identity).lower() in (known.name.lower(), known.guid)
            ),
            None,
        )
        if batch is None:
            raise _missing("migration batch", identity)
        return batch

    def _new_batch(self, given: Parameters) -> Rows:
        name = str(given["Name"])
        if "CSVData" in given or not given.get("SourceEndpoint"):
            raise _refuse(
                "Only a cutover batch (a SourceEndpoint, no CSVData) is played here.", category=INVALID_ARGUMENT
            )
        if not 0 < len(name) <= 64:
            raise _refuse("The length of Name must be between 1 and 64 characters.", category=INVALID_ARGUMENT)
        with self.tenant.lock:
            endpoint = self._endpoint(given["SourceEndpoint"])
            if name.lower() in self.tenant.batches:
                raise _refuse(
                    f"A migration batch named '{name}' already exists.", "MigrationBatchAlreadyExistsException",
                    RESOURCE_EXISTS,
                )  # fmt: skip
            if self.tenant.directory_sync or self.service.faults.take("migration.no_cutover_support"):
                # New-MigrationBatch of Exchange 2013: MigrationSession.SupportsCutover.
                raise _refuse(
                    "A cutover migration isn't allowed for this organization.", "CutoverMigrationNotAllowedException"
                )
            if self.tenant.batches:
                raise _refuse(
                    "Only one cutover migration batch can exist at a time.", "CutoverMigrationNotAllowedException"
                )
            batch = Batch(name, endpoint.name, status="Starting" if given.get("AutoStart") else "Created")
            self.tenant.batches[name.lower()] = batch
        self.service.wake()
        return [self._show_batch(batch)]

    def _get_batch(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            if "Identity" in given:
                return [self._show_batch(self._batch(given["Identity"]))]
            # No identity (a null one too) returns every batch, as the cmdlet's page warns.
            wanted = (given.get("Status"), str(given.get("Endpoint", "")).lower())
            return [
                self._show_batch(batch)
                for batch in self.tenant.batches.values()
                if wanted[0] in (None, batch.status) and wanted[1] in ("", batch.endpoint.lower())
            ]

    def _start_batch(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            batch = self._batch(given.get("Identity"))
            if batch.status in _RUNNING:
                raise _refuse(
                    f"The migration batch '{batch.name}' can't be started because its status is {batch.status}."
                )
            batch.status = "Starting"
        self.service.wake()
        return []

    def _stop_batch(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            batch = self._batch(given.get("Identity"))
            if batch.status in ("Stopped", "Stopping", "Removing", "Created"):
                raise _refuse(
                    f"The migration batch '{batch.name}' can't be stopped because its status is {batch.status}."
                )
            batch.status = "Stopping"
        self.service.wake()
        return []

    def _set_batch(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            batch = self._batch(given.get("Identity"))
            if given.get("SyncNow") and not self.service.faults.take("migration.sync_now_ignored"):
                batch.sync_now = True
        self.service.wake()
        return []

    def _remove_batch(self, given: Parameters) -> Rows:
        """Mark a batch as removing; the service removes it. Mailboxes and users stay."""
        with self.tenant.lock:
            self._batch(given.get("Identity")).status = "Removing"
        self.service.wake()
        return []

    # Users

    def _get_user(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            if "Identity" in given or "EmailAddress" in given:
                return [self._show_user(*self._user(given.get("Identity", given.get("EmailAddress"))))]
            batches = [self._batch(given["BatchId"])] if "BatchId" in given else list(self.tenant.batches.values())
            rows = [self._show_user(batch, user) for batch in batches for user in batch.users.values()]
        for member in ("Status", "StatusSummary"):
            if member in given:
                rows = [row for row in rows if row[member] == given[member]]
        return rows

    def _user(self, identity: object) -> tuple[Batch, MovedUser]:
        for batch in self.tenant.batches.values():
            for user in batch.users.values():
                if str(identity).lower() in (user.address, user.guid):
                    return batch, user
        raise _missing("migration user", identity)

    def _statistics(self, given: Parameters) -> Rows:
        batch, user = self._user(given.get("Identity"))
        row = self._show_user(batch, user) | {"Error": user.error, "TotalItemsInSourceMailboxCount": len(user.copied)}
        if given.get("IncludeSkippedItems"):
            row["SkippedItems"] = list(user.skipped)
        return [row]

    def _remove_user(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            batch, user = self._user(given.get("Identity"))
            del batch.users[user.address]
        return []

    def _show_user(self, batch: Batch, user: MovedUser) -> dict[str, Any]:
        quiet = self.service.faults.take("hostile.quiet_sync_time")
        return {
            "Identity": user.address,
            "Guid": user.guid,
            "MailboxEmailAddress": user.address,
            "BatchId": batch.name,
            "RecipientType": user.recipient,
            "Status": user.status,
            "StatusSummary": _SUMMARY.get(user.status, "Active"),
            "SyncedItemCount": len(user.copied),
            "SkippedItemCount": len(user.skipped),
            "LastSuccessfulSyncTime": _maybe(user.last_copied if quiet else user.last_synced),
            "ErrorSummary": f"{user.kind}: {user.error}" if user.error else "",
            "DataConsistencyScore": "Investigate" if user.skipped else "Perfect",
        }

    def _show_batch(self, batch: Batch) -> dict[str, Any]:
        statuses = [user.status for user in batch.users.values()]
        synced, failed = statuses.count("Synced"), statuses.count("Failed")
        return {
            "Identity": batch.name,
            "BatchGuid": batch.guid,
            "Status": batch.status,
            "SourceEndpoint": batch.endpoint,
            "MigrationType": "ExchangeOutlookAnywhere",
            "BatchDirection": "Onboarding",
            "CreationDateTime": utc(batch.created),
            "LastSyncedDateTime": _maybe(batch.last_synced),
            "TotalCount": len(statuses),
            "ActiveCount": len(statuses) - synced - failed - statuses.count("Stopped"),
            "SyncedCount": synced,
            "FailedCount": failed,
            "StoppedCount": statuses.count("Stopped"),
            "PendingCount": statuses.count("Queued"),
            "FinalizedCount": 0,
            "ProvisionedCount": sum(user.provisioned for user in batch.users.values()),
        }


def _maybe(at: datetime | None) -> str | None:
    return utc(at) if at else None


def _show_endpoint(endpoint: MigrationEndpoint) -> dict[str, Any]:
    return {
        "Identity": endpoint.name,
        "Guid": endpoint.guid,
        "EndpointType": "ExchangeOutlookAnywhere",
        "ExchangeServer": endpoint.exchange_server,
        "RpcProxyServer": endpoint.rpc_proxy_server,
        "NspiServer": endpoint.exchange_server,
        "Username": endpoint.user,
        "Authentication": endpoint.authentication,
        "MailboxPermission": "Admin",
        "UseAutoDiscover": endpoint.autodiscovered,
        "EmailAddress": endpoint.email_address,
        "AcceptUntrustedCertificates": False,
        "MaxConcurrentMigrations": endpoint.max_migrations,
        "MaxConcurrentIncrementalSyncs": "10",
    }
