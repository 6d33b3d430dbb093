"""The migration cmdlets of Exchange Online, for a cutover by Outlook Anywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lab.cloud.errors import (
    CONNECTION_ERROR,
    INVALID_ARGUMENT,
    INVALID_OPERATION,
    OBJECT_NOT_FOUND,
    RESOURCE_EXISTS,
    CmdletError,
)
from lab.cloud.mailbox_cmdlets import Parameters, Rows, Table
from lab.cloud.migration import MigrationService
from lab.cloud.rpc_probe import CANNOT_CONNECT, Unreachable, knock
from lab.cloud.tenant import Batch, MigrationEndpoint, MovedUser, Tenant, utc

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

    def _described(self, given: Parameters) -> MigrationEndpoint:
        """The endpoint that parameters describe, whichever way they spell RpcProxyServer."""
        if not given.get("ExchangeOutlookAnywhere"):
            raise _refuse("Only ExchangeOutlookAnywhere endpoints can be made here.", category=INVALID_ARGUMENT)
        if given.get("Autodiscover"):
            raise _refuse("The Autodiscover service couldn't be located.", "AutoDiscoverFailedException")
        proxy = given.get("RpcProxyServer") or given.get("RPCProxyServer")
        if not proxy or not given.get("ExchangeServer"):
            raise _refuse("ExchangeServer and RpcProxyServer are required.", category=INVALID_ARGUMENT)
        user, password = given["Credentials"]
        return MigrationEndpoint(
            name=given.get("Name", ""),
            exchange_server=str(given["ExchangeServer"]),
            rpc_proxy_server=str(proxy),
            authentication=given.get("Authentication", "Basic"),
            user=user,
            password=password,
            max_migrations=str(given.get("MaxConcurrentMigrations", "20")),
        )

    def _knock(self, at: MigrationEndpoint) -> None:
        knock(self.service.reach, at.rpc_proxy_server, at.exchange_server, at.user, at.password, at.authentication)

    def _test(self, given: Parameters) -> Rows:
        """Never an error for a server that does not answer: the row says so. Members from memory (unverified)."""
        endpoint = self._endpoint(given["Endpoint"]) if "Endpoint" in given else self._described(given)
        detail = ""
        try:
            self._knock(endpoint)
        except Unreachable as error:
            detail = str(error)
        return [
            {
                "Result": "Failed" if detail else "Success",
                "Message": CANNOT_CONNECT if detail else "",
                "SupportsCutover": not detail,
                "ErrorDetail": f"Microsoft.Exchange.Migration.MigrationTransientException: {detail}" if detail else "",
                "TestedEndpoint": endpoint.rpc_proxy_server,
                "IsValid": True,
            }
        ]

    def _new_endpoint(self, given: Parameters) -> Rows:
        endpoint = self._described(given)
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
                return [_show_user(*self._user(given.get("Identity", given.get("EmailAddress"))))]
            batches = [self._batch(given["BatchId"])] if "BatchId" in given else list(self.tenant.batches.values())
            rows = [_show_user(batch, user) for batch in batches for user in batch.users.values()]
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
        row = _show_user(batch, user) | {"Error": user.error, "TotalItemsInSourceMailboxCount": len(user.copied)}
        if given.get("IncludeSkippedItems"):
            row["SkippedItems"] = list(user.skipped)
        return [row]

    def _remove_user(self, given: Parameters) -> Rows:
        with self.tenant.lock:
            batch, user = self._user(given.get("Identity"))
            del batch.users[user.address]
        return []

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
        "UseAutoDiscover": False,
        "AcceptUntrustedCertificates": False,
        "MaxConcurrentMigrations": endpoint.max_migrations,
        "MaxConcurrentIncrementalSyncs": "10",
    }


def _show_user(batch: Batch, user: MovedUser) -> dict[str, Any]:
    return {
        "Identity": user.address,
        "Guid": user.guid,
        "MailboxEmailAddress": user.address,
        "BatchId": batch.name,
        "RecipientType": "Mailbox",
        "Status": user.status,
        "StatusSummary": _SUMMARY.get(user.status, "Active"),
        "SyncedItemCount": len(user.copied),
        "SkippedItemCount": len(user.skipped),
        "LastSuccessfulSyncTime": _maybe(user.last_synced),
        "ErrorSummary": f"{user.kind}: {user.error}" if user.error else "",
        "DataConsistencyScore": "Investigate" if user.skipped else "Perfect",
    }
