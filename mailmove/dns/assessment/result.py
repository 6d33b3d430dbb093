"""The result of an assessment of a domain's mail, as plain values."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.assessment.dnssec import DnssecVerdict
from mailmove.dns.assessment.mail_hosts import MailHost
from mailmove.dns.assessment.name_servers import NameServer
from mailmove.dns.mail_auth.dmarc import DmarcVerdict
from mailmove.dns.mail_auth.mta_sts import MtaStsVerdict
from mailmove.dns.mail_auth.record_verdict import RecordState, RecordVerdict
from mailmove.dns.mail_auth.spf_cost import SpfVerdict
from mailmove.dns.mail_auth.tls_rpt import TlsRptVerdict
from mailmove.domain_names import shown
from mailmove.evidence import Finding

Part = Literal[
    "name servers", "MX", "mail hosts", "SPF", "DMARC", "MTA-STS", "TLS-RPT", "DNSSEC", "DKIM", "DANE", "CAA"
]
"""Part of an assessment; each is read by itself."""
PARTS: tuple[Part, ...] = get_args(Part)


class UnansweredPart(BaseModel):
    """A part of which something did not answer. error: why, in words; "": nothing came before the deadline."""

    model_config = ConfigDict(frozen=True)

    part: Part
    error: str = ""

    def __str__(self) -> str:
        return f"{self.part} ({self.error})" if self.error else self.part


class Assessment(BaseModel):
    """A domain's mail as public DNS shows it. JSON-able; `lines()` is for people.

    An empty value says that there is nothing only where its part was answered: see `parts`.
    """

    domain: str
    at: datetime = Field(description="UTC")
    seconds: float = Field(default=0.0, description="How long the assessment took")
    parts: dict[Part, RecordState] = Field(
        default={}, description="Part -> was it seen? A part that is missing was not asked"
    )
    exists: bool | None = Field(default=None, description="False: no such domain; None: no resolver answered")
    answered_by: str = Field(default="", description="ip:port of the resolver that gave the MX set")
    zone: str = Field(default="", description="'': it was not seen")
    name_servers: list[NameServer] = []
    agree: bool | None = Field(
        default=None, description="Do all authoritative servers give the same MX, SPF and DMARC? None: none was seen"
    )
    mx: tuple[str, ...] = ()
    mx_ttl: int | None = Field(default=None, description="Seconds; the longest that an authoritative server gives")
    mail_hosts: list[MailHost] = Field(default=[], description="Where the MX leads, best preference first")
    clear_by: datetime | None = Field(
        default=None, description="If the TTL were lowered now: when the old one has run out everywhere, UTC"
    )
    spf: SpfVerdict = SpfVerdict()
    dkim: dict[str, str] = Field(default={}, description="Selector -> key record, of common selectors")
    dkim_no_keys: dict[str, str] = Field(
        default={},
        description="Selector -> why its record is no key to receivers (revoked, unreadable, too short)",
    )
    dmarc: DmarcVerdict = DmarcVerdict()
    mta_sts: MtaStsVerdict = MtaStsVerdict()
    tls_rpt: TlsRptVerdict = TlsRptVerdict()
    dnssec: DnssecVerdict = DnssecVerdict()
    tlsa: dict[str, tuple[str, ...]] = Field(default={}, description="MX host -> TLSA records")
    caa: tuple[str, ...] = ()
    findings: list[Finding] = []
    silent: list[UnansweredPart] = Field(default=[], description="What did not answer, by name")
    complete: bool = Field(default=False, description="Was every part seen?")
    verdict: str = Field(
        default="", description="What is in the way for certain, and what could not be seen; a sentence"
    )

    def state(self, part: Part) -> RecordState:
        """Was the part seen?"""
        return self.parts.get(part, "not asked")

    def answered(self, part: Part) -> bool:
        """Did everything answer that this part asked?"""
        return self.state(part) == "answered"

    def summed_up(self) -> Assessment:
        """The assessment with `complete` and `verdict`, by its findings and the states of its parts."""
        complete = self.exists is False or all(self.answered(part) for part in PARTS)
        blockers = [finding.subject for finding in self.findings if finding.blocks]
        sentences = []
        if blockers:
            sentences.append(f"In the way: {', '.join(blockers)}.")
        if not complete:
            sentences.append(
                f"What could not be seen: {', '.join(part for part in PARTS if not self.answered(part))}. "
                "Whether something is in the way there could not be seen either: look again, from another network."
            )
        verdict = " ".join(sentences) or "Everything could be seen, and nothing is in the way."
        return self.model_copy(update={"complete": complete, "verdict": verdict})

    def lines(self) -> list[str]:
        """Lines of text for people."""
        lines = [
            f"{shown(self.domain)}, looked at {self.at:%Y-%m-%d %H:%M:%S} UTC in {self.seconds:.1f} s; "
            "nothing was changed",
            *self._server_lines(),
            f"MX{self._or_not_seen('MX', f', says {self.answered_by}: ' + ('; '.join(self.mx) or 'none'))}"
            + (f" (TTL {self.mx_ttl} s)" if self.mx_ttl is not None else ""),
        ]
        if self.clear_by:
            lines.append(
                f"If the TTL were lowered now, a switch would be clear by {self.clear_by:%Y-%m-%d %H:%M:%S} UTC"
            )
        lines += [f"{name}: {verdict}" for name, verdict in self._verdicts().items()]
        keys = f": {', '.join(self.dkim) or 'no key under a common selector'}"
        lines.append(f"DKIM{self._or_not_seen('DKIM', keys) if not self.dkim else keys}")
        for finding in self.findings:
            lines.append(
                f"{'!!' if finding.blocks else '- '} {finding.subject}: {finding.seen}. {finding.means} {finding.todo}"
            )
        return [*lines, *(f"?? no answer in time: {unanswered}" for unanswered in self.silent), self.verdict]

    def _server_lines(self) -> list[str]:
        if not self.zone:
            return [f"zone and name servers{self._or_not_seen('name servers', ': none')}"]
        agree = {None: "", True: ", which agree", False: ", which do NOT agree"}[self.agree]
        servers = [
            f"  {server.name} {server.address or 'nowhere'}: "
            f"{server.error or f'MX TTL {server.ttl} s, serial {server.serial}'}"
            for server in self.name_servers
        ]
        return [f"zone {shown(self.zone)}, {len(self.name_servers)} authoritative servers{agree}", *servers]

    def _or_not_seen(self, part: Part, words: str) -> str:
        return words if self.answered(part) else f": {self.state(part)}"

    def _verdicts(self) -> dict[str, RecordVerdict]:
        return {
            "SPF": self.spf,
            "DMARC": self.dmarc,
            "MTA-STS": self.mta_sts,
            "TLS-RPT": self.tls_rpt,
            "DNSSEC": self.dnssec,
        }
