"""What every block can be asked before a cutover."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.evidence import Finding


class Checkable(ABC):
    """A block that checks, changing nothing, whether it would work in the cutover."""

    @abstractmethod
    def findings(self) -> list[Finding]:
        """Sign in, test the rights that the cutover needs; each fault is a finding."""
