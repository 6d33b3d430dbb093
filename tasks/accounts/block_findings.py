"""What a block finds wrong with its own rights and settings, as far as a plan needs them."""

from __future__ import annotations

from mailmove.evidence import Finding
from mailmove.plan.cutover import Cutover
from mailmove.plan.required_permissions import unneeded
from mailmove.ports import Checkable


def block_findings(plan: Cutover, block: object) -> list[Finding]:
    """Findings about what this plan needs; nothing is changed."""
    findings, spare = block.findings() if isinstance(block, Checkable) else [], unneeded(plan)
    return [finding for finding in findings if finding.subject not in spare]
