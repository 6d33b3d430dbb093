"""Values that no zone holds: taking one away tries a right and changes nothing."""

from __future__ import annotations

import secrets


def absent_value(rtype: str) -> str | None:
    """A value of this type that nobody has: names below `invalid.` (RFC 2606), class E and discard addresses (RFC 1112
    section 4, RFC 6666); another one each time. None: no harmless value of this type is known.
    """
    random = secrets.token_bytes(12)
    name = f"mailmove-check-{random.hex()}.invalid."
    return {
        "MX": f"65535 {name}",
        "TXT": f'"mailmove-check-{random.hex()}"',
        "CNAME": name,
        "SRV": f"65535 0 443 {name}",
        "A": f"240.{random[0]}.{random[1]}.{random[2]}",
        "AAAA": f"100::{random[0:2].hex()}:{random[2:4].hex()}:{random[4:6].hex()}:{random[6:8].hex()}",
    }.get(rtype)
