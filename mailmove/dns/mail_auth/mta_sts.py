"""MTA-STS (RFC 8461): the record, the policy file, and the safe order around a switch.

Senders keep a policy for its max_age and refuse an MX that an enforced one does not list. So: publish a policy that
lists the old and the new MX and change the id; wait the old max_age; switch; narrow the policy after the cutover.
The file is on the customer's web server: Mailmove reads it and proposes what to publish, and never writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.mail_auth.near_misses import near_mta_sts
from mailmove.dns.mail_auth.record_verdict import RecordVerdict
from mailmove.dns.mail_auth.tag_lists import fields_of, texts
from mailmove.evidence import Finding

MAX_AGE_LIMIT = 31_557_600
"""Seconds that max_age may be at most (RFC 8461 section 3.2)."""

_VERSION = re.compile(r"^v=STSv1[ \t]*;")
_ID = re.compile(r"^[A-Za-z0-9]{1,32}$")
_FIELD = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")  # of the policy file; unknown ones are passed over
_MX = re.compile(
    r"^(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
)


class MtaStsPolicy(BaseModel):
    """The content of a policy file."""

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
        lines = [
            "version: STSv1",
            f"mode: {self.mode}",
            *(f"mx: {pattern}" for pattern in self.mx),
            f"max_age: {self.max_age}",
        ]
        return "\r\n".join([*lines, ""])


class RememberedPolicy(BaseModel):
    """Until when senders may hold a policy that refuses the new MX."""

    model_config = ConfigDict(frozen=True)

    seen: datetime = Field(description="When a check last saw it published, UTC")
    until: datetime = Field(description="When the last sender that fetched it has dropped it")


class MtaStsFacts(BaseModel):
    """id: of the TXT record. policy: of the file; None: it was not read."""

    model_config = ConfigDict(frozen=True)

    id: str | None = None
    policy: MtaStsPolicy | None = None


class MtaStsVerdict(RecordVerdict):
    """A domain's MTA-STS record and policy file, read."""

    facts: MtaStsFacts = MtaStsFacts()


def read_record(values: Iterable[str]) -> MtaStsVerdict:
    """Judge the TXT values at `_mta-sts.<domain>`; the policy file is not read."""
    everything = list(values)
    records = [text for text in texts(everything) if _VERSION.match(text)]
    if not records:
        return MtaStsVerdict(state="answered", near=near_mta_sts(everything, _VERSION.match))
    if len(records) > 1:
        return MtaStsVerdict(
            record=records[0], valid=False, faults=(f"{len(records)} MTA-STS records; none of them counts",)
        )
    try:
        fields: dict[str, str] = {}
        for name, value in fields_of(records[0]):
            fields.setdefault(name, value)  # of a field that is repeated, the first counts
    except ValueError as error:
        return MtaStsVerdict(record=records[0], valid=False, faults=(str(error),))
    faults = []
    if "id" not in fields:
        faults.append("no id")
    elif not _ID.match(fields["id"]):
        faults.append(f"id={fields['id']} is not 1 to 32 letters and digits")
    return MtaStsVerdict(
        record=records[0], valid=not faults, faults=tuple(faults), facts=MtaStsFacts(id=fields.get("id"))
    )


def read_policy(body: str) -> MtaStsPolicy:
    """Parse a policy file. ValueError: what is wrong with it, in words."""
    fields: dict[str, str] = {}
    mx: list[str] = []
    for line in (raw.removesuffix("\r") for raw in body.split("\n")):
        if not line:
            continue
        name, colon, value = line.partition(":")
        if not colon or not _FIELD.match(name) or "\r" in line:
            raise ValueError(f"{line!r} is not `name: value`")
        if name == "mx":
            mx.append(value.strip())
        else:
            fields.setdefault(name, value.strip())
    missing = [name for name in ("version", "mode", "max_age") if name not in fields]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    if fields["version"] != "STSv1":
        raise ValueError(f"version {fields['version']!r} is not STSv1")
    if fields["mode"] not in ("enforce", "testing", "none"):
        raise ValueError(f"mode {fields['mode']!r} is none of enforce, testing, none")
    if not re.fullmatch(r"[0-9]{1,10}", fields["max_age"]) or int(fields["max_age"]) > MAX_AGE_LIMIT:
        raise ValueError(f"max_age {fields['max_age']!r} is not a number from 0 to {MAX_AGE_LIMIT}")
    bad = [pattern for pattern in mx if not _MX.match(pattern)]
    if bad:
        raise ValueError(f"mx {bad[0]!r} is not a host name or `*.` and a domain")
    if not mx and fields["mode"] != "none":
        raise ValueError("no mx")
    return MtaStsPolicy.model_validate({"mode": fields["mode"], "mx": tuple(mx), "max_age": int(fields["max_age"])})


def widened(policy: MtaStsPolicy, hosts: Sequence[str]) -> MtaStsPolicy:
    """The policy with the hosts listed beside what it lists."""
    new = [host.rstrip(".").lower() for host in hosts if not policy.lists(host)]
    return policy.model_copy(update={"mx": (*policy.mx, *new)})


def narrowed(policy: MtaStsPolicy, hosts: Sequence[str]) -> MtaStsPolicy:
    """The policy that lists these hosts only."""
    return policy.model_copy(update={"mx": tuple(host.rstrip(".").lower() for host in hosts)})


def remember(
    policy: MtaStsPolicy, hosts: Sequence[str], known: RememberedPolicy | None, at: datetime
) -> RememberedPolicy | None:
    """What to remember after this check; None: no sender can hold a policy that refuses one of the hosts.

    known: what the check before remembered. at: when `policy` was read. While a policy that refuses is published,
    somebody may have fetched it just now; once it lists the hosts, what earlier checks remembered stands.
    """
    if policy.refuses(hosts):
        until = at + timedelta(seconds=policy.max_age)
        return RememberedPolicy(seen=at, until=max(until, known.until) if known else until)
    return known if known and known.until > at else None


def judge(
    domain: str,
    policy: MtaStsPolicy,
    hosts: Sequence[str],
    remembered: RememberedPolicy | None,
    *,
    at: datetime,
    patience: timedelta,
) -> list[Finding]:
    """The finding on a switch of the MX to these hosts; it blocks as long as senders would refuse them.

    remembered: from `remember`. patience: longest wait for senders that hold an old policy.

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
    if remembered is None:
        return []
    clear = min(remembered.until, remembered.seen + patience)
    return [
        Finding(
            subject=subject,
            seen="the policy lists the new MX now; senders may hold the older one, which does not, until "
            f"{remembered.until:%Y-%m-%d %H:%M} UTC",
            means="Such a sender delivers late: it looks for a new policy before it gives up.",
            todo=f"Switch after {clear:%Y-%m-%d %H:%M} UTC." if at < clear else "Nothing; the wait is over.",
            needs_action=at < clear,
            blocks=at < clear,
        )
    ]
