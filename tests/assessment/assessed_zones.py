"""Domains of every kind, each with what it publishes about its mail."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.dns.zone_data import rrset
from mailmove.dns.mail_auth.spf import value_of
from mailmove.records import RRset

GOOD_POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.{domain}\r\nmax_age: 86400\r\n"


@dataclass(frozen=True)
class Case:
    """One domain. `differs`: what checkdmarc says otherwise, and why ours is right; keyed by kind of record."""

    name: str
    spf: tuple[str, ...] = ("v=spf1 mx -all",)
    dmarc: tuple[str, ...] = ()
    mta_sts: tuple[str, ...] = ()
    policy: str | None = None
    tls_rpt: tuple[str, ...] = ()
    extra: tuple[RRset, ...] = ()
    mx: bool = True
    differs: dict[str, str] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        return f"{self.name}.example"

    @property
    def policy_text(self) -> str | None:
        return self.policy.format(domain=self.domain) if self.policy is not None else None

    def rrsets(self) -> list[RRset]:
        d = self.domain
        found = [rrset(f"mail.{d}", "A", 300, "192.0.2.25"), rrset(f"mta-sts.{d}", "A", 300, "192.0.2.80")]
        if self.mx:
            found.append(rrset(d, "MX", 3600, f"10 mail.{d}."))
        for name, texts in (
            ("", self.spf),
            ("_dmarc.", self.dmarc),
            ("_mta-sts.", self.mta_sts),
            ("_smtp._tls.", self.tls_rpt),
        ):
            if texts:
                found.append(rrset(f"{name}{d}", "TXT", 300, *(value_of(text.format(d=d)) for text in texts)))
        return [*found, *(one.model_copy(update={"name": one.name.replace("{d}", d)}) for one in self.extra)]


def hosts(count: int) -> tuple[RRset, ...]:
    return tuple(rrset(f"h{number}.{{d}}", "A", 300, f"192.0.2.{number + 1}") for number in range(count))


def txt(name: str, *texts: str) -> RRset:
    return rrset(name, "TXT", 300, *(value_of(text) for text in texts))


def a(count: int) -> str:
    return " ".join(f"a:h{number}.{{d}}" for number in range(count))


CASES = [
    Case("good", dmarc=("v=DMARC1; p=reject; rua=mailto:x@{d}",), tls_rpt=("v=TLSRPTv1; rua=mailto:x@{d}",),
         mta_sts=("v=STSv1; id=20260101;",), policy=GOOD_POLICY),
    Case("bare", spf=()),
    Case("nomx", mx=False, spf=("v=spf1 -all",)),
    # SPF
    Case("spf-two", spf=("v=spf1 mx -all", "v=spf1 a:mail.{d} -all")),
    Case("spf-other-txt", spf=("v=spf1 mx -all", "site-verification=1", "v=spf10 all")),
    Case("spf-ten", spf=(f"v=spf1 {a(10)} -all",), extra=hosts(10)),
    Case("spf-eleven", spf=(f"v=spf1 {a(11)} -all",), extra=hosts(11)),
    Case("spf-deep", spf=(f"v=spf1 include:i.{{d}} {a(6)} -all",),
         extra=(*hosts(6), txt("i.{d}", "v=spf1 include:big.spf-helper.example ~all"))),
    Case("spf-nine-deep", spf=(f"v=spf1 include:big.spf-helper.example {a(3)} -all",), extra=hosts(3)),
    Case("spf-two-voids", spf=("v=spf1 a:n1.{d} a:n2.{d} mx -all",)),
    Case("spf-three-voids", spf=("v=spf1 a:n1.{d} a:n2.{d} mx:n3.{d} -all",)),
    Case("spf-unknown", spf=("v=spf1 foo:bar mx -all",)),
    Case("spf-glued", spf=("v=spf1 mx-all",)),
    Case("spf-bad-ip4", spf=("v=spf1 ip4:192.0.2.300 -all",)),
    Case("spf-bad-ip6", spf=("v=spf1 ip6:2001:db8::zz -all",)),
    Case("spf-ip4-for-ip6", spf=("v=spf1 ip6:192.0.2.1 -all",)),
    Case("spf-network", spf=("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",)),
    Case("spf-long-prefix", spf=("v=spf1 ip4:192.0.2.0/33 -all",)),
    Case("spf-mx-prefix", spf=("v=spf1 mx/24 a:mail.{d}/28//64 -all",)),
    Case("spf-mx-long-prefix", spf=("v=spf1 mx/40 -all",)),
    Case("spf-include-none", spf=("v=spf1 include:nothing.spf-helper.example -all",)),
    Case("spf-include-two", spf=("v=spf1 include:two.spf-helper.example -all",)),
    Case("spf-include-broken", spf=("v=spf1 include:broken.spf-helper.example -all",)),
    Case("spf-include-empty", spf=("v=spf1 include: -all",)),
    Case("spf-loop", spf=("v=spf1 include:{d} -all",)),
    Case("spf-loop-of-two", spf=("v=spf1 include:ping.spf-helper.example -all",)),
    Case("spf-redirect", spf=("v=spf1 redirect=ok.spf-helper.example",)),
    Case("spf-redirect-none", spf=("v=spf1 redirect=nothing.spf-helper.example",)),
    Case("spf-redirect-loop", spf=("v=spf1 redirect={d}",)),
    Case("spf-redirect-twice", spf=("v=spf1 redirect=ok.spf-helper.example redirect=ok.spf-helper.example",)),
    Case("spf-redirect-idle", spf=("v=spf1 mx redirect=nothing.spf-helper.example -all",)),
    Case("spf-after-all", spf=("v=spf1 -all mx a:n1.{d}",)),
    Case("spf-upper", spf=("V=SPF1 MX -ALL",),
         differs={"spf": "checkdmarc wants `v=spf1` in lower case; ABNF strings have no case (RFC 5234 section 2.3)"}),
    Case("spf-plus-all", spf=("v=spf1 +all",)),
    Case("spf-no-all", spf=("v=spf1 mx",)),
    Case("spf-macro", spf=("v=spf1 exists:%{{i}}._spf.{d} -all",)),
    Case("spf-bad-macro", spf=("v=spf1 exists:%{{q}}._spf.{d} -all",)),
    Case("spf-ptr", spf=("v=spf1 ptr mx -all",), extra=(rrset("{d}", "A", 300, "192.0.2.7"),)),
    Case("spf-modifier", spf=("v=spf1 mx moo=cow -all",)),
    Case("spf-exp-twice", spf=("v=spf1 mx -all exp=e.{d} exp=e.{d}",)),
    Case("spf-long", spf=("v=spf1 " + " ".join(f"ip4:192.0.{n}.0/24" for n in range(30)) + " -all",)),
    Case("spf-qualifiers", spf=("v=spf1 ?mx ~a:mail.{d} +ip4:192.0.2.1 -all",)),
    # DMARC
    Case("dmarc-none", dmarc=("v=DMARC1; p=none",)),
    Case("dmarc-full",
         dmarc=("v=DMARC1; p=quarantine; sp=reject; adkim=s; aspf=s; fo=1:d:s; rua=mailto:x@{d},mailto:y@{d}",)),
    Case("dmarc-two", dmarc=("v=DMARC1; p=none", "v=DMARC1; p=reject")),
    Case("dmarc-other", dmarc=("v=DMARC1; p=none", "hello=world"),
         differs={"dmarc": "checkdmarc minds the other TXT record; receivers discard it (RFC 7489 section 6.6.3)"}),
    Case("dmarc-bad-p", dmarc=("v=DMARC1; p=block",)),
    Case("dmarc-no-p", dmarc=("v=DMARC1; rua=mailto:x@{d}",)),
    Case("dmarc-alone", dmarc=("v=DMARC1",)),
    Case("dmarc-twice-p", dmarc=("v=DMARC1; p=none; p=reject",)),
    Case("dmarc-bad-fo", dmarc=("v=DMARC1; p=none; fo=x",),
         differs={"dmarc": "checkdmarc takes the record for broken; receivers discard fo (RFC 7489 section 6.3)"}),
    Case("dmarc-unknown-tag", dmarc=("v=DMARC1; p=none; xyz=1",)),
    Case("dmarc-bad-rua", dmarc=("v=DMARC1; p=none; rua=x@{d}",),
         differs={"dmarc": "checkdmarc takes the record for broken; receivers send no reports, and apply p"}),
    Case("dmarc-lower", dmarc=("v=dmarc1; p=none",)),
    Case("dmarc-spaces", dmarc=("v = DMARC1 ;  p = reject ; ",)),
    Case("dmarc-garbage", dmarc=("v=DMARC1; reject",)),
    Case("dmarc-bad-sp", dmarc=("v=DMARC1; p=none; sp=maybe",)),
    Case("dmarc-bad-adkim", dmarc=("v=DMARC1; p=none; adkim=x",)),
    Case("sub.dmarc-full"),
    # TLS-RPT
    Case("rpt-https", tls_rpt=("v=TLSRPTv1; rua=https://reports.example/v1",)),
    Case("rpt-both", tls_rpt=("v=TLSRPTv1;rua=mailto:x@{d},https://reports.example/v1;",)),
    Case("rpt-no-rua", tls_rpt=("v=TLSRPTv1; foo=bar",)),
    Case("rpt-bad-uri", tls_rpt=("v=TLSRPTv1; rua=ftp://reports.example/",)),
    Case("rpt-two", tls_rpt=("v=TLSRPTv1; rua=mailto:x@{d}", "v=TLSRPTv1; rua=mailto:y@{d}")),
    Case("rpt-extension", tls_rpt=("v=TLSRPTv1; rua=mailto:x@{d}; ext=1",)),
    Case("rpt-not", tls_rpt=("v=TLSRPTv2; rua=mailto:x@{d}",)),
    # MTA-STS
    Case("sts-testing", mta_sts=("v=STSv1; id=1",),
         policy="version: STSv1\nmode: testing\nmx: *.{domain}\nmax_age: 604800\n"),
    Case("sts-none", mta_sts=("v=STSv1; id=1",), policy="version: STSv1\nmode: none\nmax_age: 86400\n"),
    Case("sts-no-id", mta_sts=("v=STSv1;",), policy=GOOD_POLICY),
    Case("sts-bad-id", mta_sts=("v=STSv1; id=2026-01-01",), policy=GOOD_POLICY),
    Case("sts-two", mta_sts=("v=STSv1; id=1", "v=STSv1; id=2"), policy=GOOD_POLICY),
    Case("sts-no-file", mta_sts=("v=STSv1; id=1",)),
    Case("sts-bad-mode", mta_sts=("v=STSv1; id=1",),
         policy="version: STSv1\nmode: strict\nmx: a.example\nmax_age: 1\n"),
    Case("sts-long-age", mta_sts=("v=STSv1; id=1",),
         policy="version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 31557601\n"),
    Case("sts-no-mx", mta_sts=("v=STSv1; id=1",), policy="version: STSv1\nmode: enforce\nmax_age: 86400\n"),
    Case("sts-bad-mx", mta_sts=("v=STSv1; id=1",), policy="version: STSv1\nmode: enforce\nmx: *\nmax_age: 86400\n"),
    Case("sts-html", mta_sts=("v=STSv1; id=1",), policy="<html>moved</html>"),
    Case("sts-extension", mta_sts=("v=STSv1; id=1; x=y",), policy=GOOD_POLICY + "colour: blue\r\n"),
]  # fmt: skip

HELPERS = [
    txt(
        "big.spf-helper.example", "v=spf1 a:h1.spf-helper.example a:h2.spf-helper.example a:h3.spf-helper.example ~all"
    ),
    *(rrset(f"h{number}.spf-helper.example", "A", 300, "192.0.2.99") for number in (1, 2, 3)),
    txt("two.spf-helper.example", "v=spf1 -all", "v=spf1 ~all"),
    txt("broken.spf-helper.example", "v=spf1 ip4:nonsense -all"),
    txt("ok.spf-helper.example", "v=spf1 ip4:192.0.2.1 -all"),
    txt("ping.spf-helper.example", "v=spf1 include:pong.spf-helper.example -all"),
    txt("pong.spf-helper.example", "v=spf1 include:ping.spf-helper.example -all"),
]
