"""`mailmove preflight --domain`: assess a domain, print it, and end with a status."""

from __future__ import annotations

from pathlib import Path

import typer

from deployments.cli.output import IN_THE_WAY, NOT_SEEN, WRONG, fail, say


def assess_and_say(domain: str, resolvers: list[str] | None, login_url: str, ca: Path | None, *, json: bool) -> None:
    """Print the assessment. Ends with 1: something is in the way for certain; 3: something could not be seen."""
    from blocks.microsoft365.signing_in.public_answers import holder_of
    from mailmove.dns.assessment.assess import assess_domain
    from mailmove.plan.values import split_address

    try:
        servers = [split_address(address, 53) for address in resolvers] if resolvers else None
    except ValueError as error:
        fail(f"--resolver: {error}; write 1.1.1.1 or 127.0.0.1:5353", WRONG, json=json)
    assessment = assess_domain(domain_name(domain, json=json), servers)
    holder = holder_of(assessment.domain, login_url, ca.read_text(encoding="utf-8") if ca else None)
    *lines, verdict = assessment.lines()
    lines += [f"Microsoft    {holder.words()} {holder.todo()}".rstrip(), verdict]
    content = {**assessment.model_dump(mode="json"), "holder": holder.model_dump(mode="json")}
    say(content if json else "\n".join(lines), json)
    if any(finding.blocks for finding in assessment.findings):
        raise typer.Exit(IN_THE_WAY)
    if not assessment.complete:
        raise typer.Exit(NOT_SEEN)


def domain_name(written: str, *, json: bool) -> str:
    """The name as DNS has it, by the plan's own check; ends with a sentence where it is none."""
    from mailmove.plan.values import host_name

    try:
        return host_name(written)
    except ValueError as error:
        fail(f"--domain: {error}", WRONG, json=json)
