"""How many examples of a property come to its assertions; a property that few examples reach tests little."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import event


@dataclass
class Judged:
    """Counts of one run of a property: all examples, and those that were judged."""

    examples: int = 0
    judged: int = 0

    def count(self, judged: bool) -> bool:
        """Count one example, and give back whether it is judged."""
        self.examples += 1
        self.judged += judged
        event("judged" if judged else "not judged")
        return judged

    @property
    def share(self) -> float:
        return self.judged / self.examples
