"""How many stages may talk to one provider, or to one customer's account, at the same time.

The administrator sets that with Prefect's own global concurrency limits: `mailmove.route53` for all that use Route 53,
`mailmove.route53.contoso` for that one block. Where there is no such limit, nothing is asked for. A slot is held only
while a task runs: a parked cutover holds none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine
from tasks.runbook import Stage, step_named

_PREFIX = "mailmove."


@contextmanager
def within_limits(plan: Cutover, stage: str) -> Iterator[None]:
    """Wait until every limit that this stage falls under has a slot, and hold it meanwhile."""
    with engine().slots(limits_of(plan, stage)):
        yield


def limits_of(plan: Cutover, stage: str) -> list[str]:
    """Names of all limits that a stage may fall under: 'mailmove.route53', 'mailmove.route53.contoso', ..."""
    blocks = {
        "source": plan.source.server,
        "dns": plan.dns.provider,
        "tenant": plan.target.tenant,
        "partner": plan.target.partner,
        "firewall": plan.firewall.gateway,
    }
    step = step_named(stage)
    uses = step.uses if isinstance(step, Stage) else ()
    references = [block for part in uses if (block := blocks[part])]
    return [
        name
        for reference in references
        for name in (_PREFIX + reference.split("/")[0], _PREFIX + reference.replace("/", "."))
    ]
