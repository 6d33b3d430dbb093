"""Message traces on day one: by the cmdlet first, by Graph second; it blocks only where neither works."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cloud_town import DOMAIN, Town, opened_town

from blocks.microsoft365.message_traces import TRACE_APP, TRACE_CMDLET, traces_by_cmdlet
from lab.hostile import be_hostile, switches
from mailmove.clock import now
from mailmove.errors import Blocked

_FEW = 3


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with opened_town() as town:
        yield town


@pytest.fixture(autouse=True)
def friendly(town: Town) -> Iterator[None]:
    yield
    town.faults.clear()
    town.cloud.tenant.traces.clear()


def delivered(town: Town, count: int, *, at: datetime | None = None, apart: timedelta = timedelta(0)) -> None:
    at = at or datetime.now(UTC) - timedelta(hours=1)
    for number in range(count):
        shown = (at - number * apart).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        town.cloud.tenant.traces.append({
            "id": f"trace{number}", "messageId": f"<{number}@x.example>", "fromIP": "192.0.2.1", "status": "delivered",
            "recipientAddress": f"user{number:05}@{DOMAIN}", "receivedDateTime": shown,
        })  # fmt: skip


def test_a_new_tenant_without_the_principal_is_traced_by_the_cmdlet(town: Town) -> None:
    delivered(town, _FEW)
    be_hostile(town.faults, switches())
    tenant = town.tenant()
    assert len(tenant.messages.traces(now() - timedelta(days=1))) == _FEW
    assert not [finding for finding in tenant.findings() if "race" in finding.subject]


def test_graph_is_the_second_way(town: Town) -> None:
    delivered(town, _FEW)
    town.faults.set("admin.no_trace_cmdlet")
    tenant = town.tenant()
    assert len(tenant.messages.traces(now() - timedelta(days=1))) == _FEW
    [finding] = tenant.findings()
    assert finding.subject == TRACE_CMDLET and not finding.blocks


def test_where_neither_works_the_finding_says_why_of_both_and_blocks(town: Town) -> None:
    town.faults.set("admin.no_trace_cmdlet")
    be_hostile(town.faults, ("no_trace_principal",))
    tenant = town.tenant()
    [finding] = [one for one in tenant.findings() if one.subject == "ExchangeMessageTrace.Read.All"]
    assert finding.blocks and "principal-less" in finding.seen and TRACE_CMDLET in finding.seen
    assert TRACE_APP in finding.todo and TRACE_CMDLET in finding.todo
    with pytest.raises(Blocked, match="principal-less"):
        tenant.messages.traces(now() - timedelta(days=1))


def test_more_than_one_query_of_traces_is_read_whole(town: Town) -> None:
    """5,000 rows are the most of one query; the next goes on behind the last row, in the same second and below it."""
    delivered(town, 5200, at=datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1))
    delivered(town, 800, at=datetime.now(UTC) - timedelta(hours=2), apart=timedelta(seconds=1))
    for number, trace in enumerate(town.cloud.tenant.traces):
        trace["id"] = f"trace{number}"
    found = town.tenant().messages.traces(now() - timedelta(days=1))
    assert len(found) == 6000 and found == sorted(found, key=lambda trace: trace.at)


def test_ninety_days_are_asked_for_in_spans_of_ten(town: Town) -> None:
    delivered(town, 8, apart=timedelta(days=11))
    assert len(town.tenant().messages.traces(now() - timedelta(days=365))) == 8


def test_a_trace_that_repeats_itself_is_no_end(town: Town) -> None:
    class Stuck:
        def run(self, *_: object, **__: object) -> list[dict[str, str]]:
            row = {"RecipientAddress": "a@b.example", "Received": "2026-11-30T10:00:00Z"}
            return [row | {"MessageTraceId": str(number)} for number in range(1000)]

    with pytest.raises(Blocked, match="again"):
        traces_by_cmdlet(Stuck(), now() - timedelta(days=1))  # type: ignore[arg-type]
