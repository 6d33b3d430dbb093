"""Letters that Microsoft refuses in a sign-in name: an address may have them, the user that the batch makes may not.

The batch makes each user with the mailbox's primary address as sign-in name (userPrincipalName). Microsoft allows
A-Z a-z 0-9 ' . - _ ! # ^ ~ before the @, no period right before it, at most 64 characters there, 48 after it
(learn.microsoft.com: "Invalid user name" when you try to create a user name that contains a special character).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence

from mailmove.evidence import Finding
from mailmove.inventory.server import SourceMailbox

LOCAL, DOMAIN = 64, 48
"""Most characters before and after the @."""

_REFUSED = re.compile(r"[^A-Za-z0-9'.\-_!#^~]")
_SPELT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "ł": "l", "đ": "d"}
)


def faults_of(address: str) -> list[str]:
    """What is wrong with an address as a sign-in name, for people; []: nothing."""
    local, _, domain = address.rpartition("@")
    refused = sorted(set(_REFUSED.findall(local)))
    faults = [f"the letters {' '.join(refused)}"] if refused else []
    faults += ["a period right before the @"] if local.endswith(".") else []
    faults += ["a period at its beginning"] if local.startswith(".") else []
    faults += [f"{len(local)} characters before the @"] if len(local) > LOCAL else []
    faults += [f"{len(domain)} characters after the @"] if len(domain) > DOMAIN else []
    return faults


def proposal(address: str, taken: Collection[str]) -> str:
    """A sign-in name much like the address that nobody has. taken: addresses, lower case. The domain stays."""
    local, _, domain = address.rpartition("@")
    spelt = unicodedata.normalize("NFKD", local.lower().translate(_SPELT)).encode("ascii", "ignore").decode()
    stem = _REFUSED.sub("-", spelt).strip(".-")[: LOCAL - 4].rstrip(".") or "mailbox"
    name, number = stem, 1
    while f"{name}@{domain}" in taken:
        number += 1
        name = f"{stem}{number}"
    return f"{name}@{domain}"


def findings_of_sign_in_names(boxes: Sequence[SourceMailbox]) -> Iterator[Finding]:
    """One for each mailbox whose primary address cannot be a sign-in name."""
    taken = {address.lower() for box in boxes for address in (box.address, *box.aliases)}
    for box in boxes:
        if faults := faults_of(box.address):
            name = proposal(box.address, taken)
            taken.add(name)
            yield Finding(
                subject=box.address,
                seen=f"{' and '.join(faults)} in its primary address",
                means="Microsoft refuses such a sign-in name: the batch cannot make this user.",
                todo=f"Make {name} its primary address on the old server before the cutover; {box.address} stays an "
                "alias, and mail to it goes on arriving.",
            )
