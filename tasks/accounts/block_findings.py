"""What a block finds wrong with its own rights and settings, as far as a plan needs them."""

from __future__ import annotations

from mailmove.evidence import Finding
from mailmove.plan.cutover import Cutover
from mailmove.plan.left_by_plan import BY_PLAN, left_by_plan
from mailmove.plan.required_permissions import unneeded
from mailmove.ports import Checkable


def block_findings(plan: Cutover, block: object) -> list[Finding]:
    """Findings about what this plan needs; nothing is changed."""
    findings, spare = block.findings() if isinstance(block, Checkable) else [], unneeded(plan)
    return [_by_plan(plan, finding) for finding in findings if finding.subject not in spare]


def _by_plan(plan: Cutover, finding: Finding) -> Finding:
    """What the plan does without stands in nobody's way."""
    thing = finding.leaves
    if thing is None or not any(left.covers(thing) for left in left_by_plan(plan)):
        return finding
    return finding.model_copy(update={"blocks": False, "needs_action": False, "todo": f"Nothing: {BY_PLAN}."})
