"""Get-MessageTraceV2, as its page says (office-docs-powershell, ExchangePowerShell/Get-MessageTraceV2.md).

At most ten days a query, 90 days back, the last 48 hours where no dates are given, 1000 results unless 5000 are asked
for, newest first and by recipient within a moment. There are no pages: the next query takes EndDate and
StartingRecipientAddress from the last row of the one before (microsoft/CSS-Exchange, Get-AllMessageTraceResults).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lab.cloud.cmdlets.mailbox_cmdlets import Parameters, Rows, Table
from lab.cloud.errors import INVALID_ARGUMENT, CmdletError
from lab.cloud.tenant import Tenant
from lab.faults import Faults, declare

declare(admin_no_trace_cmdlet="our role has no right to Get-MessageTraceV2")
_MOST = 5000


class TraceCmdlets:
    def __init__(self, tenant: Tenant, faults: Faults) -> None:
        self.tenant, self.faults = tenant, faults

    def table(self) -> Table:
        return {"Get-MessageTraceV2": self._traces}

    def _traces(self, given: Parameters) -> Rows:
        if self.faults.take("admin.no_trace_cmdlet"):
            raise CmdletError(
                "The term 'Get-MessageTraceV2' is not recognized as the name of a cmdlet.",
                kind="System.Management.Automation.CommandNotFoundException", category=INVALID_ARGUMENT,
            )  # fmt: skip
        now = datetime.now(UTC)
        end = _moment(given.get("EndDate")) or now
        start = _moment(given.get("StartDate")) or now - timedelta(hours=48)
        if end - start > timedelta(days=10):
            raise _invalid("The date range can't be more than 10 days.")
        if start < now - timedelta(days=90):
            raise _invalid("StartDate can't be more than 90 days in the past.")
        size = int(given.get("ResultSize") or 1000)
        if not 1 <= size <= _MOST:
            raise _invalid(f"ResultSize must be between 1 and {_MOST}.")
        first = str(given.get("StartingRecipientAddress") or "").lower()
        with self.tenant.lock:
            rows = [(datetime.fromisoformat(str(row["receivedDateTime"])), row) for row in self.tenant.traces]
        rows = [(at, row) for at, row in rows if start <= at <= end]
        if first:  # what came at the last moment of the query before goes on there
            rows = [(at, row) for at, row in rows if at < end or str(row["recipientAddress"]) >= first]
        rows.sort(key=lambda pair: (-pair[0].timestamp(), str(pair[1]["recipientAddress"])))
        return [_show(row) for _, row in rows[:size]]


def _show(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "MessageTraceId": row["id"],
        "MessageId": row["messageId"],
        "Received": row["receivedDateTime"],
        "SenderAddress": row.get("senderAddress", ""),
        "RecipientAddress": row["recipientAddress"],
        "Subject": row.get("subject", ""),
        "Status": str(row["status"]).capitalize(),
        "FromIP": row["fromIP"],
        "ToIP": row.get("toIP"),
        "Size": row.get("size", 0),
    }


def _moment(value: Any) -> datetime | None:
    if not value:
        return None
    at = datetime.fromisoformat(str(value))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _invalid(message: str) -> CmdletError:
    return CmdletError(
        message, kind="Microsoft.Exchange.Management.Tasks.InvalidExpressionException", category=INVALID_ARGUMENT
    )
