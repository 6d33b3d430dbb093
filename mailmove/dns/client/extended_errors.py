"""Extended DNS errors: codes by which a server says why an answer is as it is (RFC 8914 section 4)."""

from __future__ import annotations

import dns.edns

FORGED = frozenset({4, *range(15, 19)})
"""Of answers that a resolver made up: forged, blocked, censored, filtered, prohibited."""
BROKEN_CHAIN = frozenset(range(5, 13))
"""By which a validator says that the chain of trust does not hold: 5 indeterminate, 6 bogus, 7 and 8 signatures out of
their time, 9 to 12 keys, signatures or denials that are missing."""


def name_of(code: int) -> str:
    """For people; "unknown": nobody has registered it."""
    try:
        return dns.edns.EDECode(code).name.replace("_", " ").capitalize()
    except ValueError:
        return "unknown"
