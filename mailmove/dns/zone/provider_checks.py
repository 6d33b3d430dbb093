"""Trying things before the night: what a provider does not let us do becomes a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailmove.errors import Blocked, MailmoveError
from mailmove.evidence import Finding


def findings_of(checks: Sequence[Callable[[], object]]) -> list[Finding]:
    """Run every check; each of our errors that one raises is a finding. It blocks if a person must act."""
    found = []
    for check in checks:
        try:
            check()
        except MailmoveError as error:
            finding = Finding(
                subject=error.who,
                seen=error.seen,
                means=f"Mailmove did not get {error.wanted}; the night would stop there.",
                todo=error.todo,
                blocks=isinstance(error, Blocked),
            )
            found.append(finding)
    return found
