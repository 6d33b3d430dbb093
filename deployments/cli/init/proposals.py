"""What init proposes for a plan, and the questions that it asks: each with its reason, and where the answer stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.cli.init.lookup import Discovery
from mailmove.plan.block_refs import DNS, FIREWALL
from mailmove.plan.countries import country_of_zone
from mailmove.plan.local_time import local_zone

MODES = {"aws-security-group": "drop", "windows-firewall": "drop", "ssh-gateway": "refuse", "manual-firewall": "refuse"}
"""Firewall block -> the best mode that it has; a security group and Windows only drop."""
WINDOW = ("22:00", "05:00")
"""Local times between which the mail may be switched, as proposed."""

Answers = Mapping[str, str]
"""Question's key -> answer; '' or absent: it was left."""


@dataclass(frozen=True)
class Question:
    """A question. path: field of the plan. why: what it is needed for. where: the place at which the answer stands.

    propose: gives the proposal from what was seen and the answers so far; '': there is none.
    choices: the answers that there are; (): any.
    """

    key: str
    path: str
    asks: str
    why: str
    where: str
    propose: Callable[[Discovery, Answers], str]
    choices: tuple[str, ...] = ()
    optional: bool = False


QUESTIONS = (
    Question(
        "customer",
        "customer",
        "Short name of the customer",
        "It names the customer in records, blocks and commands.",
        "Choose it: lower-case letters, digits, dashes.",
        lambda seen, _: short_name(seen.domain),
    ),
    Question(
        "host",
        "source.outlook_anywhere_host",
        "Public name of the old server (Outlook Anywhere)",
        "Microsoft's service connects to it, and its certificate must bear it.",
        "On the server: Get-OutlookAnywhere, ExternalHostname.",
        lambda seen, _: seen.host,
    ),
    Question(
        "smtp_host",
        "source.smtp_host",
        "Name under which the old server takes mail",
        "Mail is watched there until nobody delivers to it any more, then its port 25 is closed.",
        "The MX record of today; behind a filter, where the filter delivers.",
        lambda seen, answers: (seen.mx[0] if seen.mx and not seen.filter else "") or answers.get("host", ""),
    ),
    Question(
        "dns",
        "dns.provider",
        "Who makes the DNS changes",
        "MX, SPF and autodiscover are changed in the night. `manual`: a person types them.",
        "The operator of the name servers; octodns reaches dozens of them, rfc2136 is a server of your own.",
        lambda seen, _: seen.dns_block,
        choices=DNS.types,
    ),
    Question(
        "firewall",
        "firewall.gateway",
        "What stands before port 25 of the old server",
        "It is closed last, so that late senders look the MX record up again. `manual-firewall`: a person closes it.",
        "The router or firewall that forwards port 25; Windows' own where nothing else does.",
        lambda seen, _: "manual-firewall",
        choices=FIREWALL.types,
    ),
    Question(
        "partner",
        "target.partner",
        "Partner Center block, if a partner works in the customer's tenant",
        "It invites the customer, and may order licences.",
        "Leave it empty if the application is registered in the customer's own tenant.",
        lambda seen, _: "",
        optional=True,
    ),
    Question(
        "time_zone",
        "windows.0.timezone",
        "Time zone of the customer",
        "The mail is switched at night by their clock.",
        "An IANA name, such as Europe/London.",
        lambda seen, _: local_zone() or "",
    ),
    Question(
        "country",
        "target.usage_location",
        "Country of the users, two letters",
        "Microsoft asks for it with every licence (usage location).",
        "ISO 3166-1, such as GB, DE, US.",
        lambda seen, answers: country_of_zone(answers.get("time_zone", "")) or "",
    ),
    Question(
        "opens",
        "windows.0.opens",
        "From when the mail may be switched, local time",
        "No switch starts before.",
        "When nobody works; `any` for any time.",
        lambda seen, _: WINDOW[0],
    ),
    Question(
        "closes",
        "windows.0.closes",
        "Until when it may be switched, local time",
        "No switch starts after; it waits for the next window.",
        "An hour or two before people come.",
        lambda seen, answers: "" if answers.get("opens") == "any" else WINDOW[1],
        optional=True,
    ),
)
"""Every question, in the order in which it is asked."""


def short_name(domain: str) -> str:
    """A short name from a domain: `contoso` of contoso.co.uk."""
    name = re.sub(r"[^a-z0-9]+", "-", domain.lower().split(".")[0]).strip("-")
    return name[:32].strip("-") or "customer"


def proposed_answers(seen: Discovery, given: Answers) -> dict[str, str]:
    """Every answer: given, or proposed."""
    answers = dict(given)
    for question in QUESTIONS:
        if not answers.get(question.key):
            answers[question.key] = question.propose(seen, answers)
    return answers


def plan_of(seen: Discovery, answers: Answers) -> dict[str, Any]:
    """The raw plan that these answers make; what was left is left out, and `faults_of` names it."""
    customer, firewall = answers.get("customer", ""), answers.get("firewall", "")
    plan: dict[str, Any] = {
        "customer": customer,
        "domains": [seen.domain],
        "source": _given(
            server=f"exchange-server/{customer}",
            outlook_anywhere_host=answers.get("host", ""),
            smtp_host=answers.get("smtp_host", ""),
        ),
        "dns": _given(provider=f"{answers.get('dns')}/{customer}" if answers.get("dns") else ""),
        "target": _given(
            tenant=f"microsoft365/{customer}",
            partner=answers.get("partner", ""),
            usage_location=answers.get("country", ""),
        ),
        "firewall": _given(gateway=f"{firewall}/{customer}" if firewall else "", mode=MODES.get(firewall, "")),
    }
    if answers.get("opens") not in ("any", "", None):
        window = _given(opens=answers["opens"], closes=answers.get("closes", ""), timezone=answers.get("time_zone", ""))
        plan["windows"] = [window]
    if seen.own_resolvers:
        plan["propagation"] = {"own_resolvers": list(seen.own_resolvers)}
    return plan


def laid_over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, mapping by mapping; lists and values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        known = below.get(key)
        merged[key] = laid_over(known, value) if isinstance(value, Mapping) and isinstance(known, dict) else value
    return merged


def _given(**fields: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
