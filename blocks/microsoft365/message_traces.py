"""Traces of the messages that reached a tenant, by Microsoft Graph v1.0."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from blocks.microsoft365.fields import text, text_or, time
from blocks.microsoft365.http import JsonClient
from mailmove.clock import now
from mailmove.tenant_state import TraceEntry

TRACE_SPAN = timedelta(days=10)
"""Longest time that one request may ask for."""

TRACE_MEMORY = timedelta(days=90)
"""Age of the oldest trace that Microsoft keeps."""


def message_traces(graph: JsonClient, since: datetime) -> list[TraceEntry]:
    """What reached the tenant since then, oldest first; Microsoft remembers 90 days.

    A request must name both bounds, at most ten days apart, none in the future
    (learn.microsoft.com/graph/api/messagetracingroot-list-messagetraces); 100 requests in five minutes.
    """
    end = now()
    start = max(since.astimezone(UTC), end - TRACE_MEMORY + timedelta(minutes=5)).replace(microsecond=0)
    entries: dict[str, TraceEntry] = {}
    while start < end:
        stop = min(start + TRACE_SPAN, end)
        rows = graph.pages(
            "admin/exchange/tracing/messageTraces",
            wanted=f"messages since {since.isoformat()}",
            params={
                "$filter": f"receivedDateTime ge {_zulu(start)} and receivedDateTime le {_zulu(stop)}",
                "$top": "1000",
            },
        )
        for row in rows:
            entry = TraceEntry(
                message_id=text_or(row, "messageId"),
                recipient=text(row, "recipientAddress").lower(),
                from_ip=text_or(row, "fromIP"),
                at=time(row, "receivedDateTime"),
                status=text_or(row, "status"),
            )
            # Neighbouring spans share a second; a message to two people is two traces.
            entries[f"{text(row, 'id')}|{entry.recipient}"] = entry
        start = stop
    return sorted((entry for entry in entries.values() if entry.at >= since), key=lambda entry: entry.at)


def _zulu(at: datetime) -> str:
    """To the millisecond: what came in the second that is running is not to be missed."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
