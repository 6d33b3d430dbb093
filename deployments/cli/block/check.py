"""Open a block and test it, reading only: what stands in its way, and which of its rights are proved."""

from __future__ import annotations

from typing import Literal

from prefect.blocks.core import Block
from prefect_aws import AwsCredentials
from pydantic import BaseModel, Field

from deployments.cli.block.fields import split_reference
from deployments.display.safe_text import plain
from mailmove.errors import MailmoveError
from mailmove.evidence import Finding
from mailmove.plan.required_permissions import explain_permissions, systems_of
from mailmove.ports import Checkable

Proof = Literal["proved", "missing", "not known"]


class CheckedRight(BaseModel):
    """A right that the block needs. state `not known`: something else stood in the way, or nothing shows it."""

    name: str
    why: str
    state: Proof


class CheckedBlock(BaseModel):
    """What a test of a block gave. Nothing was changed by it."""

    block: str
    tested: bool = Field(description="False: it opens, and has nothing that can be tried without sending something")
    findings: list[Finding] = []
    rights: list[CheckedRight] = []

    @property
    def good(self) -> bool:
        """Nothing that it found would stop a cutover."""
        return not any(finding.blocks for finding in self.findings)

    def lines(self) -> list[str]:
        """Lines for the terminal."""
        verdict = "opens" if self.good else "does NOT work"
        lines = [f"{self.block}: {verdict}" + ("" if self.tested else "; there is nothing to try without sending")]
        for finding in self.findings:
            mark = "!!" if finding.blocks else "- "
            sentences = [finding.seen, finding.means, finding.todo]
            lines.append(f"  {mark} {finding.subject}: {' '.join(_sentence(words) for words in sentences if words)}")
        for state in ("missing", "not known", "proved"):
            names = [right.name for right in self.rights if right.state == state]
            lines += [f"  rights {state}: {', '.join(names)}"] if names else []
        return [f"{'  ' if line.startswith('  ') else ''}{plain(line)}" for line in lines]


def check_block(reference: str, block: Block) -> CheckedBlock:
    """Sign in with the block and try its rights, reading only."""
    if isinstance(block, Checkable):
        try:
            findings = block.findings()
        except MailmoveError as error:
            findings = [_finding(error.who, error)]
    elif isinstance(block, AwsCredentials):
        findings = _aws(block)
    else:
        return CheckedBlock(block=reference, tested=False)
    return CheckedBlock(block=reference, tested=True, findings=findings, rights=_rights(reference, findings))


def _rights(reference: str, findings: list[Finding]) -> list[CheckedRight]:
    systems = systems_of(split_reference(reference)[0])
    subjects = {finding.subject for finding in findings}
    clear: Proof = "not known" if any(finding.blocks for finding in findings) else "proved"
    return [
        CheckedRight(name=right.name, why=right.why, state="missing" if right.name in subjects else clear)
        for right in explain_permissions(("always", "passwords", "partner"))
        if right.system in systems
    ]


def _aws(block: AwsCredentials) -> list[Finding]:
    from blocks.firewall.aws_errors import ours

    try:
        with ours("AWS", "to know who signs in (sts:GetCallerIdentity)"):
            block.get_client("sts").get_caller_identity()
    except MailmoveError as error:
        return [_finding("Sign-in", error)]
    return []


def _finding(subject: str, error: MailmoveError) -> Finding:
    return Finding(subject=subject, seen=error.seen, means=f"Wanted {error.wanted}", todo=error.todo, blocks=True)


def _sentence(words: str) -> str:
    return f"{words.rstrip('.')}."
