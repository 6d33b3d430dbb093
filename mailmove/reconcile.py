"""Is every item of the source at the target? By identity, with multiplicities; items are never just counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from mailmove.mail_items import Item


@dataclass
class Reconciliation:
    """Two mailboxes compared.

    missing: items of the source that the target does not hold, each by itself; one without any identity is among
    them, as it cannot be proved. surplus: how many items the target holds beyond the source's (new mail is among
    them). duplicates: of those, the ones whose identity the target holds more than once.
    """

    matched: int = 0
    missing: list[Item] = field(default_factory=list)
    surplus: int = 0
    duplicates: list[Item] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.missing


def reconcile(source: Iterable[Item], target: Iterable[Item]) -> Reconciliation:
    """Compare; each side is read once, target first.

    Memory goes by the target: about 100 bytes an item, plus the items that are listed. Identities are kept as 128-bit
    digests: with a million items two differ and look alike with a chance of 1 in 10**26.
    """
    found = Reconciliation()
    left: Counter[bytes] = Counter()
    repeats: dict[bytes, list[Item]] = {}
    for item in target:
        digest = _digest(item)
        if digest is None:
            found.surplus += 1
            continue
        left[digest] += 1
        if left[digest] > 1:
            repeats.setdefault(digest, []).append(item)
    for item in source:
        digest = _digest(item)
        if digest is not None and left[digest] > 0:
            left[digest] -= 1
            found.matched += 1
        else:
            found.missing.append(item)
    found.surplus += sum(left.values())
    for digest, items in repeats.items():
        # Of n copies all but the first were kept. What the source did not use up is too many.
        found.duplicates += items[max(0, len(items) - left[digest]) :]
    return found


def _digest(item: Item) -> bytes | None:
    identity = item.identity.strip()
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).digest() if identity else None
