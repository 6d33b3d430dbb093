"""What an assessment of a domain's mail saw, as plain values."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from mailmove.dns.assessment.survey import NameServer
from mailmove.dns.mail_auth.tag_lists import Verdict
from mailmove.evidence import Finding


class Assessment(BaseModel):
    """What was seen. JSON-able; `lines()` says it to people."""

    domain: str
    at: datetime = Field(description="UTC")
    seconds: float = Field(default=0.0, description="How long the look took")
    exists: bool | None = Field(default=None, description="False: no such domain; None: nobody could tell")
    answered_by: str = Field(default="", description="ip:port of the resolver that told the MX set")
    zone: str = ""
    name_servers: list[NameServer] = []
    agree: bool | None = Field(default=None, description="Do all authoritative servers give the same MX set?")
    mx: tuple[str, ...] = ()
    mx_ttl: int | None = Field(default=None, description="Seconds; the longest that an authoritative server gives")
    clear_by: datetime | None = Field(
        default=None, description="If the TTL were lowered now: when the old one has run out everywhere, UTC"
    )
    spf: Verdict = Verdict()
    dkim: dict[str, str] = Field(default={}, description="Selector -> key record, of common selectors")
    dmarc: Verdict = Verdict()
    mta_sts: Verdict = Verdict()
    tls_rpt: Verdict = Verdict()
    dnssec: Verdict = Verdict()
    tlsa: dict[str, tuple[str, ...]] = Field(default={}, description="MX host -> TLSA records")
    caa: tuple[str, ...] = ()
    findings: list[Finding] = []
    silent: list[str] = Field(default=[], description="What did not answer in time")

    def lines(self) -> list[str]:
        """For people, one line each."""
        servers = [
            f"  {one.name} {one.address}: {one.error or f'MX TTL {one.ttl} s, serial {one.serial}'}"
            for one in self.name_servers
        ]
        said = [
            f"{self.domain}, looked at {self.at:%Y-%m-%d %H:%M:%S} UTC in {self.seconds:.1f} s; nothing was changed",
            f"zone {self.zone}, {len(self.name_servers)} authoritative servers"
            + ("" if self.agree is None else ", which agree" if self.agree else ", which do NOT agree"),
            *servers,
            f"MX, says {self.answered_by or 'nobody'}: {'; '.join(self.mx) or 'none'}"
            + (f" (TTL {self.mx_ttl} s)" if self.mx_ttl is not None else ""),
        ]
        if self.clear_by:
            said.append(
                f"If the TTL were lowered now, a switch would be clear by {self.clear_by:%Y-%m-%d %H:%M:%S} UTC"
            )
        said += [f"{name}: {verdict}" for name, verdict in self._verdicts().items()]
        said.append(f"DKIM: {', '.join(self.dkim) or 'no key under a common selector'}")
        for found in self.findings:
            said.append(f"{'!!' if found.blocks else '- '} {found.subject}: {found.seen}. {found.means} {found.todo}")
        return said + [f"?? no answer in time: {one}" for one in self.silent]

    def _verdicts(self) -> dict[str, Verdict]:
        return {
            "SPF": self.spf,
            "DMARC": self.dmarc,
            "MTA-STS": self.mta_sts,
            "TLS-RPT": self.tls_rpt,
            "DNSSEC": self.dnssec,
        }
