"""What every block can be asked before the night."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.evidence import Finding


class Checkable(ABC):
    """A block that can say, changing nothing, whether it would work tonight."""

    @abstractmethod
    def findings(self) -> list[Finding]:
        """Sign in, test the rights that the cutover needs; each thing amiss is a finding."""
