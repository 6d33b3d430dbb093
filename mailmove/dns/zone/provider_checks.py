"""Run a provider's checks before the cutover: what it does not let us do becomes a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailmove.errors import Blocked, MailmoveError
from mailmove.evidence import Finding


def findings_of(checks: Sequence[Callable[[], object]]) -> list[Finding]:
    """Run every check; each MailmoveError that a check raises is a finding. It blocks if a person must act."""
    findings = []
    for check in checks:
        try:
            check()
        except MailmoveError as error:
            finding = Finding(
                subject=error.who,
                seen=error.seen,
                means=f"Mailmove did not get {error.wanted}; the cutover would stop here.",
                todo=error.todo,
                blocks=isinstance(error, Blocked),
            )
            findings.append(finding)
    return findings
