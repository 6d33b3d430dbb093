"""What stands before a domain's mail server, by the names in its MX records.

The names are the operators' own, as their documentation of inbound mail gives them. A name that is not listed says
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MICROSOFT = "Microsoft 365"

_FILTERS: tuple[tuple[str, str], ...] = (
    (r"pphosted\.com", "Proofpoint"),
    (r"ppe-hosted\.com", "Proofpoint Essentials"),
    (r"mimecast(-offshore)?\.(com|co\.za)", "Mimecast"),
    (r"barracudanetworks\.com", "Barracuda"),
    (r"messagelabs\.com", "Symantec (MessageLabs)"),
    (r"(hornetsecurity|antispameurope)\.com", "Hornetsecurity"),
    (r"mailcontrol\.com", "Forcepoint"),
    (r"iphmx\.com", "Cisco"),
    (r"tmes\.trendmicro\.(com|eu)", "Trend Micro"),
    (r"hydra\.sophos\.com", "Sophos"),
    (r"(spamexperts|antispamcloud)\.(com|eu|net)", "SpamExperts"),
    (r"mxthunder\.(com|net)", "SpamHero"),
    (r"(mail\.protection\.outlook\.com|mx\.microsoft)", MICROSOFT),
    (r"(google|googlemail)\.com", "Google Workspace"),
)
"""End of an MX name, from a dot on, as a regular expression -> whose filter, or mail service, it is."""


def mail_filter(mx_hosts: Sequence[str]) -> str:
    """Whose filter or service every MX record names; '': none that is known."""
    operators = {filter_of(host) for host in mx_hosts}
    return operators.pop() if len(operators) == 1 else ""


def filter_of(host: str) -> str:
    """Whose filter or service this host of an MX record is; '': none that is known."""
    name = host.rstrip(".").lower()
    return next((operator for end, operator in _FILTERS if re.fullmatch(rf".*\.{end}", name)), "")
