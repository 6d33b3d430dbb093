"""The text of a new plan: YAML with a line for editors, and a comment where somebody may want another value."""

from __future__ import annotations

from typing import Any

import yaml

from deployments.cli.init.lookup import Discovery

SCHEMA_FILE = "plan.schema.json"
_ABOVE = {
    "source": "The old Exchange server. Blocks are named type/name; they hold the credentials, and the plan none.",
    "dns": "Who changes MX, SPF and autodiscover. low_ttl and final_ttl, in seconds, may stand here, too.",
    "target": "The tenant. `mover` is auto unless you say native or direct.",
    "firewall": "What closes port 25 of the old server, last of all. mode: refuse (best), reject or drop.",
    "windows": "The switch starts in none but these. Add holidays, and `reversible_by`, by which all could be back.",
    "gates": "Who must say yes, and how long a question stands.",
    "notices": "Notification blocks; each gets everything that `about` lists.",
    "propagation": "Which resolvers must have the new records, and how patiently they are asked.",
    "sweep": "When the old server counts as quiet.",
    "probes": "Real messages that show which way mail takes.",
}
"""Section -> the comment above it."""
_MORE = """
# More that may stand here; `mailmove schema` and the docs have it all:
# gates:    {switch_mail: {approvers: [anna@msp.example], expires_minutes: 120}}
# notices:  {to: [ms-teams-webhook/night-shift]}
# probes:   {mailbox: anna@contoso.com}
"""


def plan_text(plan: dict[str, Any], seen: Discovery) -> str:
    """The file, whose content is `plan`. What was seen stands in comments above it."""
    lines = [
        f"# yaml-language-server: $schema={SCHEMA_FILE}",
        f"# The cutover of {seen.domain}, made by `mailmove init`. Change what you like: init leaves it alone then.",
        *(f"#   {_one_line(line)}" for line in seen.lines()),
    ]
    for name, value in plan.items():
        if name in _ABOVE:
            lines += ["", f"# {_ABOVE[name]}"]
        lines.append(yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True, width=100).rstrip())
    return "\n".join(lines) + "\n" + _MORE


def _one_line(text: str) -> str:
    """Text of strangers as a comment: printable, on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:160]
