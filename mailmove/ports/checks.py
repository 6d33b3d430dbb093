"""The port of blocks that preflight can check."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mailmove.evidence import Finding


class Checkable(ABC):
    """A block that can check, changing nothing, whether it would work in the cutover."""

    @abstractmethod
    def findings(self) -> list[Finding]:
        """Sign in and test the rights that the cutover needs; a finding for each that is missing."""
