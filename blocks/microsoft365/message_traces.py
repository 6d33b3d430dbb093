"""Traces of the messages that reached a tenant: by Get-MessageTraceV2 first, by Microsoft Graph v1.0 second.

Graph's traces want a service principal of `TRACE_APP` in the tenant, which takes up to a day in a new one (graph/api
messagetracingroot-list-messagetraces, January 2026); the cmdlet wants a role that a cutover has anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from blocks.microsoft365.answers import Json
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import text, text_or, time
from blocks.microsoft365.http import JsonClient
from mailmove.clock import now
from mailmove.errors import Blocked, Refused
from mailmove.tenant_state import TraceEntry

TRACE_SPAN = timedelta(days=10)
"""Longest time that one request may ask for."""

TRACE_MEMORY = timedelta(days=90)
"""Age of the oldest trace that Microsoft keeps."""

TRACE_CMDLET = "Get-MessageTraceV2"
TRACE_APP = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"
"""Application whose service principal Graph's traces want in the tenant."""
_MOST, _USUAL = 5000, 1000
"""Rows of one query at most, and unless more are asked for: fewer than the latter were all there are."""

Query = Callable[[datetime, datetime], Iterator[tuple[str, TraceEntry]]]
"""(start, end) -> (key of the trace, the trace); the same one may come twice."""


def traces(exchange: ExchangeAdmin, graph: JsonClient | None, since: datetime) -> list[TraceEntry]:
    """What reached the tenant since then, oldest first; Microsoft remembers 90 days.

    graph None: there are no traces in this cloud. Blocked: neither way works; it says why of each; Refused, if both
    refuse.
    """
    try:
        return traces_by_cmdlet(exchange, since)
    except Blocked as error:
        if graph is None:
            raise
        return _by_graph_instead(graph, since, error)


def _by_graph_instead(graph: JsonClient, since: datetime, first: Blocked) -> list[TraceEntry]:
    try:
        return message_traces(graph, since)
    except Blocked as error:
        raise neither_way(first, error) from None


def neither_way(first: Blocked, second: Blocked) -> Blocked:
    """What is said where cmdlet (first) and Graph (second) both do not work; Refused, if both refuse."""
    kind = Refused if isinstance(first, Refused) and isinstance(second, Refused) else Blocked
    return kind(
        "Microsoft 365",
        wanted="message traces",
        seen=f"by {TRACE_CMDLET}: {first.seen}; by Graph: {second.seen}",
        todo=f"Give our application or group a role with {TRACE_CMDLET} (Exchange Administrator has it). Graph's "
        f"way takes up to a day in a new tenant: New-MgServicePrincipal -AppId {TRACE_APP}, and "
        "ExchangeMessageTrace.Read.All.",
        code=second.code,
    )


def traces_by_cmdlet(exchange: ExchangeAdmin, since: datetime) -> list[TraceEntry]:
    """The same by Get-MessageTraceV2 alone (office-docs-powershell): 100 queries in five minutes, no pages."""
    wanted = f"messages since {since.isoformat()}"

    def query(start: datetime, end: datetime) -> Iterator[tuple[str, TraceEntry]]:
        place: Json = {"EndDate": end}
        seen: set[str] = set()
        while True:
            given = {"StartDate": start, **place, "ResultSize": _MOST}
            rows = exchange.run(TRACE_CMDLET, given, wanted=wanted)
            entries = [_of_cmdlet(row) for row in rows]
            yield from entries
            if len(entries) < _USUAL:
                return
            if seen.issuperset(key for key, _ in entries):
                raise Blocked("Exchange Online", wanted=wanted, seen=f"the same {len(entries)} traces again",
                              todo="Report this: the trace does not go on behind them.")  # fmt: skip
            seen.update(key for key, _ in entries)
            last = entries[-1][1]
            place = {"EndDate": last.at, "StartingRecipientAddress": last.recipient}

    return _spans(since, query)


def message_traces(graph: JsonClient, since: datetime) -> list[TraceEntry]:
    """The same by Graph alone.

    A request must name both bounds, at most ten days apart, none in the future; 100 requests in five minutes.
    """

    def query(start: datetime, end: datetime) -> Iterator[tuple[str, TraceEntry]]:
        rows = graph.pages(
            "admin/exchange/tracing/messageTraces",
            wanted=f"messages since {since.isoformat()}",
            params={
                "$filter": f"receivedDateTime ge {_zulu(start)} and receivedDateTime le {_zulu(end)}",
                "$top": "1000",
            },
        )
        return (_of_graph(row) for row in rows)

    return _spans(since, query)


def _spans(since: datetime, query: Query) -> list[TraceEntry]:
    """Neighbouring spans share a moment; a message to two people is two traces."""
    end = now()
    start = max(since.astimezone(UTC), end - TRACE_MEMORY + timedelta(minutes=5)).replace(microsecond=0)
    entries: dict[str, TraceEntry] = {}
    while start < end:
        stop = min(start + TRACE_SPAN, end)
        entries.update(query(start, stop))
        start = stop
    return sorted((entry for entry in entries.values() if entry.at >= since), key=lambda entry: entry.at)


def _of_cmdlet(row: Json) -> tuple[str, TraceEntry]:
    entry = TraceEntry(
        message_id=text_or(row, "MessageId"),
        recipient=text(row, "RecipientAddress").lower(),
        from_ip=text_or(row, "FromIP"),
        at=time(row, "Received"),
        status=text_or(row, "Status"),
    )
    return f"{text(row, 'MessageTraceId')}|{entry.recipient}", entry


def _of_graph(row: Json) -> tuple[str, TraceEntry]:
    entry = TraceEntry(
        message_id=text_or(row, "messageId"),
        recipient=text(row, "recipientAddress").lower(),
        from_ip=text_or(row, "fromIP"),
        at=time(row, "receivedDateTime"),
        status=text_or(row, "status"),
    )
    return f"{text(row, 'id')}|{entry.recipient}", entry


def _zulu(at: datetime) -> str:
    """To the millisecond: what came in the second that is running is not to be missed."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
