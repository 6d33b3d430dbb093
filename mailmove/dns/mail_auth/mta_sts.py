"""MTA-STS (RFC 8461): the record, the policy file, and the safe order around a switch.

Senders keep a policy for its max_age and refuse an MX that an enforced one does not list. So: publish a policy that
lists the old and the new MX and change the id; wait the old max_age; switch; narrow the policy after the night.
The file lies on the customer's web server: Mailmove reads it and says what to publish, and never writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.mail_auth.tag_lists import Verdict, fields_of, texts
from mailmove.evidence import Finding

MAX_AGE_LIMIT = 31_557_600
"""Seconds; the most that max_age may be."""

_VERSION = re.compile(r"^v=STSv1[ \t]*;")
_ID = re.compile(r"^[A-Za-z0-9]{1,32}$")
_MX = re.compile(
    r"^(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
)


class Policy(BaseModel):
    """A policy file, read."""

    model_config = ConfigDict(frozen=True)

    mode: Literal["enforce", "testing", "none"]
    mx: tuple[str, ...] = Field(default=(), description="Patterns: a host, or `*.` and a domain (one label only)")
    max_age: int = Field(ge=0, le=MAX_AGE_LIMIT, description="Seconds")

    def lists(self, host: str) -> bool:
        """Does a pattern match the host? (RFC 8461 section 4.1)"""
        name = host.rstrip(".").lower()
        patterns = {pattern.rstrip(".").lower() for pattern in self.mx}
        return name in patterns or f"*.{name.partition('.')[2]}" in patterns

    def refuses(self, hosts: Iterable[str]) -> list[str]:
        """Those of the hosts to which a sender that holds this policy would not deliver."""
        return [host for host in hosts if not self.lists(host)] if self.mode == "enforce" else []

    def text(self) -> str:
        """The file, with line ends as RFC 8461 section 3.2 has them."""
        lines = ["version: STSv1", f"mode: {self.mode}", *(f"mx: {one}" for one in self.mx), f"max_age: {self.max_age}"]
        return "\r\n".join([*lines, ""])


class Held(BaseModel):
    """What to remember of a policy that refuses the new MX."""

    model_config = ConfigDict(frozen=True)

    seen: datetime = Field(description="When it was last published, as far as we saw; UTC")
    until: datetime = Field(description="When the last sender that fetched it has dropped it")


def read_record(values: Iterable[str]) -> Verdict:
    """What the TXT values at `_mta-sts.<domain>` say."""
    found = [text for text in texts(values) if _VERSION.match(text)]
    if not found:
        return Verdict()
    if len(found) > 1:
        return Verdict(record=found[0], valid=False, faults=(f"{len(found)} MTA-STS records; none of them counts",))
    try:
        said: dict[str, str] = {}
        for name, value in fields_of(found[0]):
            said.setdefault(name, value)  # of a field that is repeated, the first counts
    except ValueError as error:
        return Verdict(record=found[0], valid=False, faults=(str(error),))
    faults = []
    if "id" not in said:
        faults.append("no id")
    elif not _ID.match(said["id"]):
        faults.append(f"id={said['id']} is not 1 to 32 letters and digits")
    return Verdict(record=found[0], valid=not faults, faults=tuple(faults), facts={"id": said.get("id")})


def read_policy(body: str) -> Policy:
    """The policy in a file. ValueError: what is wrong with it, in words."""
    said: dict[str, str] = {}
    mx: list[str] = []
    for line in (raw.removesuffix("\r") for raw in body.split("\n")):
        if not line:
            continue
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or not name or "\r" in line:
            raise ValueError(f"{line!r} is not `name: value`")
        if name == "mx":
            mx.append(value.strip())
        else:
            said.setdefault(name, value.strip())
    missing = [name for name in ("version", "mode", "max_age") if name not in said]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    if said["version"] != "STSv1":
        raise ValueError(f"version {said['version']!r} is not STSv1")
    if said["mode"] not in ("enforce", "testing", "none"):
        raise ValueError(f"mode {said['mode']!r} is none of enforce, testing, none")
    if not re.fullmatch(r"[0-9]{1,10}", said["max_age"]) or int(said["max_age"]) > MAX_AGE_LIMIT:
        raise ValueError(f"max_age {said['max_age']!r} is not a number from 0 to {MAX_AGE_LIMIT}")
    bad = [one for one in mx if not _MX.match(one)]
    if bad:
        raise ValueError(f"mx {bad[0]!r} is not a host name or `*.` and a domain")
    if not mx and said["mode"] != "none":
        raise ValueError("no mx")
    return Policy.model_validate({"mode": said["mode"], "mx": tuple(mx), "max_age": int(said["max_age"])})


def widened(policy: Policy, hosts: Sequence[str]) -> Policy:
    """The policy with the hosts listed beside what it lists."""
    new = [host.rstrip(".").lower() for host in hosts if not policy.lists(host)]
    return policy.model_copy(update={"mx": (*policy.mx, *new)})


def narrowed(policy: Policy, hosts: Sequence[str]) -> Policy:
    """The policy that lists these hosts only."""
    return policy.model_copy(update={"mx": tuple(host.rstrip(".").lower() for host in hosts)})


def remember(policy: Policy, hosts: Sequence[str], known: Held | None, at: datetime) -> Held | None:
    """What to keep of this look. None: no sender can hold a policy that refuses one of the hosts, as far as we saw.

    While such a policy is published somebody may have fetched it just now; once it lists them, what earlier looks
    kept stands.
    """
    if policy.refuses(hosts):
        until = at + timedelta(seconds=policy.max_age)
        return Held(seen=at, until=max(until, known.until) if known else until)
    return known if known and known.until > at else None


def judge(
    domain: str, policy: Policy, hosts: Sequence[str], held: Held | None, *, at: datetime, patience: timedelta
) -> list[Finding]:
    """May the MX be switched to these hosts? `held`: as `remember` gave it. patience: the most that is waited.

    A sender that meets a mismatch asks for a new policy before it bounces (RFC 8461 section 5.1), so mail is late, not
    lost; that is why the wait may end before a long max_age has.
    """
    subject, where = f"MTA-STS {domain}", f"https://mta-sts.{domain}/.well-known/mta-sts.txt"
    refused = policy.refuses(hosts)
    if refused:
        lines = widened(policy, hosts).text().strip().replace("\r\n", " | ")
        return [
            Finding(
                subject=subject,
                seen=f"an enforced policy that does not list {', '.join(refused)}",
                means=f"Senders that hold it refuse the new MX, for up to {policy.max_age} s after they read it.",
                todo=f"Publish this at {where} (one line each): {lines} -- then change the id of the TXT record at "
                f"_mta-sts.{domain}. Then wait {policy.max_age} s, counted from when Mailmove last saw the old one.",
                blocks=True,
            )
        ]
    if held is None:
        return []
    clear = min(held.until, held.seen + patience)
    return [
        Finding(
            subject=subject,
            seen="the policy lists the new MX now; senders may hold the older one, which does not, until "
            f"{held.until:%Y-%m-%d %H:%M} UTC",
            means="Such a sender delivers late: it looks for a new policy before it gives up.",
            todo=f"Switch after {clear:%Y-%m-%d %H:%M} UTC." if at < clear else "Nothing; the wait is over.",
            blocks=at < clear,
        )
    ]
