"""The result of an assessment of a domain's mail, as plain values."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.assessment.dnssec import DnssecVerdict
from mailmove.dns.assessment.survey import NameServer
from mailmove.dns.mail_auth.dmarc import DmarcVerdict
from mailmove.dns.mail_auth.mta_sts import MtaStsVerdict
from mailmove.dns.mail_auth.record_verdict import RecordVerdict
from mailmove.dns.mail_auth.spf_cost import SpfVerdict
from mailmove.dns.mail_auth.tls_rpt import TlsRptVerdict
from mailmove.domain_names import shown
from mailmove.evidence import Finding

Part = Literal["name servers", "MX", "SPF", "DMARC", "MTA-STS", "TLS-RPT", "DNSSEC", "DKIM", "CAA"]
"""Part of an assessment; each is read by itself."""


class UnansweredPart(BaseModel):
    """A part of which something did not answer. error: why, in words; "": nothing came before the deadline."""

    model_config = ConfigDict(frozen=True)

    part: Part
    error: str = ""

    def __str__(self) -> str:
        return f"{self.part} ({self.error})" if self.error else self.part


class Assessment(BaseModel):
    """A domain's mail as public DNS shows it. JSON-able; `lines()` is for people."""

    domain: str
    at: datetime = Field(description="UTC")
    seconds: float = Field(default=0.0, description="How long the assessment took")
    exists: bool | None = Field(default=None, description="False: no such domain; None: no resolver answered")
    answered_by: str = Field(default="", description="ip:port of the resolver that gave the MX set")
    zone: str = ""
    name_servers: list[NameServer] = []
    agree: bool | None = Field(default=None, description="Do all authoritative servers give the same MX set?")
    mx: tuple[str, ...] = ()
    mx_ttl: int | None = Field(default=None, description="Seconds; the longest that an authoritative server gives")
    clear_by: datetime | None = Field(
        default=None, description="If the TTL were lowered now: when the old one has run out everywhere, UTC"
    )
    spf: SpfVerdict = SpfVerdict()
    dkim: dict[str, str] = Field(default={}, description="Selector -> key record, of common selectors")
    dmarc: DmarcVerdict = DmarcVerdict()
    mta_sts: MtaStsVerdict = MtaStsVerdict()
    tls_rpt: TlsRptVerdict = TlsRptVerdict()
    dnssec: DnssecVerdict = DnssecVerdict()
    tlsa: dict[str, tuple[str, ...]] = Field(default={}, description="MX host -> TLSA records")
    caa: tuple[str, ...] = ()
    findings: list[Finding] = []
    silent: list[UnansweredPart] = Field(default=[], description="What did not answer in time, by name")

    def answered(self, part: Part) -> bool:
        """Did everything answer that this part asked?"""
        return not any(unanswered.part == part for unanswered in self.silent)

    def lines(self) -> list[str]:
        """Lines of text for people."""
        servers = [
            f"  {server.name} {server.address or 'nowhere'}: "
            f"{server.error or f'MX TTL {server.ttl} s, serial {server.serial}'}"
            for server in self.name_servers
        ]
        lines = [
            f"{shown(self.domain)}, looked at {self.at:%Y-%m-%d %H:%M:%S} UTC in {self.seconds:.1f} s; "
            "nothing was changed",
            f"zone {self.zone}, {len(self.name_servers)} authoritative servers"
            + ("" if self.agree is None else ", which agree" if self.agree else ", which do NOT agree"),
            *servers,
            f"MX, says {self.answered_by or 'nobody'}: {'; '.join(self.mx) or 'none'}"
            + (f" (TTL {self.mx_ttl} s)" if self.mx_ttl is not None else ""),
        ]
        if self.clear_by:
            lines.append(
                f"If the TTL were lowered now, a switch would be clear by {self.clear_by:%Y-%m-%d %H:%M:%S} UTC"
            )
        lines += [f"{name}: {verdict}" for name, verdict in self._verdicts().items()]
        lines.append(f"DKIM: {', '.join(self.dkim) or 'no key under a common selector'}")
        for finding in self.findings:
            lines.append(
                f"{'!!' if finding.blocks else '- '} {finding.subject}: {finding.seen}. {finding.means} {finding.todo}"
            )
        return lines + [f"?? no answer in time: {unanswered}" for unanswered in self.silent]

    def _verdicts(self) -> dict[str, RecordVerdict]:
        return {
            "SPF": self.spf,
            "DMARC": self.dmarc,
            "MTA-STS": self.mta_sts,
            "TLS-RPT": self.tls_rpt,
            "DNSSEC": self.dnssec,
        }
