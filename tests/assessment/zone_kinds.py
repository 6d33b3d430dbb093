"""Zones of every kind, each with the findings that a receiver of its mail has, by subject and a part of the text.

Written from the RFCs: 5321, 7505, 2181 (MX), 7208 (SPF), 7489 and 9989 (DMARC), 6376, 8301, 8463 (DKIM), 4035, 6840
(DNSSEC), 8461 (MTA-STS).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dns.dnssec
import dns.name
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from model_net import How

from mailmove.dns.mail_auth.spf import value_of

D = "contoso.test."
AUTHORITIES = ("198.51.100.1", "198.51.100.2")
RESOLVERS = ("1.1.1.1", "8.8.8.8", "10.20.30.53")
Zone = Mapping[tuple[str, str], Sequence[str]]


def txt(*texts: str) -> tuple[str, ...]:
    return tuple(value_of(text) for text in texts)


def rsa_key(bits: int) -> str:
    key = rsa.generate_private_key(65537, bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


GOOD_KEY = rsa_key(1024)
_KEY = dns.dnssec.make_dnskey(ec.generate_private_key(ec.SECP256R1()).public_key(), "ECDSAP256SHA256", flags=257)
_OTHER = dns.dnssec.make_dnskey(ec.generate_private_key(ec.SECP256R1()).public_key(), "ECDSAP256SHA256", flags=257)
DS = dns.dnssec.make_ds(dns.name.from_text(D), _KEY, "SHA256").to_text()
OTHER_DS = dns.dnssec.make_ds(dns.name.from_text(D), _OTHER, "SHA256").to_text()
REVOKED_KEY = "385" + _KEY.to_text()[3:]
UNKNOWN_DS = "4711 23 2 " + "ab" * 32
SIGNED: Zone = {(D, "DS"): (DS,), (D, "DNSKEY"): (_KEY.to_text(),)}
REJECT = "v=DMARC1; p=reject; rua=mailto:x@contoso.test"
ED_KEY = base64.b64encode(bytes(range(32))).decode()

BASE: Zone = {
    (D, "NS"): ("ns1.contoso.test.", "ns2.contoso.test."),
    (D, "SOA"): ("ns1.contoso.test. host.contoso.test. 7 3600 600 86400 60",),
    ("ns1.contoso.test.", "A"): (AUTHORITIES[0],),
    ("ns2.contoso.test.", "A"): (AUTHORITIES[1],),
    (D, "MX"): ("10 mail.contoso.test.",),
    ("mail.contoso.test.", "A"): ("203.0.113.25",),
    (D, "TXT"): txt("v=spf1 mx -all"),
    (f"_dmarc.{D}", "TXT"): txt("v=DMARC1; p=none; rua=mailto:x@contoso.test"),
    (f"google._domainkey.{D}", "TXT"): txt(f"v=DKIM1; k=rsa; p={GOOD_KEY}"),
    (f"_smtp._tls.{D}", "TXT"): txt("v=TLSRPTv1; rua=mailto:x@contoso.test"),
}


@dataclass(frozen=True)
class Kind:
    """finds: (subject, part of what is seen); "!" before the subject: it blocks. never: texts that must not be said.

    without: keys of BASE that the zone has not. second: records that the second name server has instead.
    """

    name: str
    zone: Zone = field(default_factory=dict)
    finds: tuple[tuple[str, str], ...] = ()
    never: tuple[str, ...] = ()
    without: tuple[tuple[str, str], ...] = ()
    second: Zone = field(default_factory=dict)
    resolvers: Mapping[str, How] = field(default_factory=dict)
    authorities: Mapping[str, How] = field(default_factory=dict)
    complete: bool = True

    @property
    def records(self) -> Zone:
        return {**{key: values for key, values in BASE.items() if key not in self.without}, **self.zone}


def dmarc(text: str) -> Zone:
    return {(f"_dmarc.{D}", "TXT"): txt(text)}


def spf(text: str, **more: str) -> Zone:
    return {(D, "TXT"): txt(text), **{(f"{name}.test.", "TXT"): txt(record) for name, record in more.items()}}


def key(text: str) -> Zone:
    return {(f"google._domainkey.{D}", "TXT"): txt(text)}


def mx(*values: str, **hosts: str) -> Zone:
    return {(D, "MX"): values, **{(f"{name}.contoso.test.", "A"): (address,) for name, address in hosts.items()}}


IGNORED = "Receivers ignore the record"
KINDS = [
    Kind("good", never=("mail hosts", "nearly", "IGNORED")),
    # DMARC
    Kind("bad rua leaves p in force", dmarc("v=DMARC1; p=reject; rua=reports@contoso.test"),
         (("DMARC", "rua has no usable address"), ("DMARC", "p=reject")), (IGNORED,)),
    Kind("bad fo leaves p in force", dmarc("v=DMARC1; p=quarantine; fo=x; rua=mailto:x@contoso.test"),
         (("DMARC", "fo=x"), ("DMARC", "p=quarantine")), (IGNORED, "Nobody sends reports")),
    Kind("bad ruf and an unknown tag leave p in force", dmarc("v=DMARC1; p=reject; ruf=x; foo=bar"),
         (("DMARC", "ruf has no usable"), ("DMARC", "p=reject")), (IGNORED, "foo is")),
    Kind("bad adkim counts as r", dmarc("v=DMARC1; p=reject; adkim=x"),
         (("DMARC", "adkim=x"), ("DMARC", "p=reject")), (IGNORED,)),
    Kind("a word behind p leaves it in force", dmarc("v=DMARC1; p=reject; monitoring"),
         (("DMARC", "'monitoring' is not tag=value"), ("DMARC", "p=reject")), (IGNORED,)),
    Kind("a bad p is none", dmarc("v=DMARC1; p=block"), (("DMARC", "p=block is none of"),), ("p=reject",)),
    Kind("reject is being tested", dmarc("v=DMARC1; p=reject; t=y"), (("DMARC", "p=reject"),)),
    Kind("bad rua, and neither SPF nor DKIM", dmarc("v=DMARC1; p=reject; rua=x"),
         (("!DMARC", "no valid SPF and no DKIM"),), without=((D, "TXT"), (f"google._domainkey.{D}", "TXT"))),
    # Near misses
    Kind("DMARC without a semicolon", dmarc("v=DMARC1 p=none"),
         (("DMARC", "nearly a record: 'v=DMARC1 p=none'"), ("DMARC", "no DMARC record"))),
    Kind("DMARC in small letters", dmarc("v=dmarc1; p=reject"), (("DMARC", "nearly"), ("DMARC", "no DMARC record"))),
    Kind("DMARC in quotation marks", dmarc("\u201cv=DMARC1; p=none\u201d".encode().decode("latin-1")),
         (("DMARC", "nearly"),)),
    Kind("DMARC without its version", dmarc("p=reject; rua=mailto:x@contoso.test"), (("DMARC", "nearly"),)),
    Kind("DMARC at the domain itself", {(D, "TXT"): txt("v=spf1 mx -all", REJECT)},
         (("DMARC", "receivers ask at _dmarc.contoso.test"),), without=((f"_dmarc.{D}", "TXT"),)),
    Kind("DMARC under the name twice", {(f"_dmarc.{D[:-1]}.{D}", "TXT"): txt(REJECT)},
         (("DMARC", "it stands at _dmarc.contoso.test.contoso.test"),), without=((f"_dmarc.{D}", "TXT"),)),
    Kind("SPF with a comma", spf("v=spf1, mx -all"), (("SPF", "nearly a record"), ("SPF", "no SPF record"))),
    Kind("SPF with a space in front", spf(" v=spf1 mx -all"), (("SPF", "nearly"), ("SPF", "no SPF record"))),
    Kind("SPF without v=", spf("spf1 include:one.test -all"), (("SPF", "nearly"),)),
    Kind("SPF with a semicolon", spf("v=spf1; mx; -all"), (("SPF", "nearly"),)),
    Kind("Sender ID beside SPF", {(D, "TXT"): txt("v=spf1 mx -all", "spf2.0/pra mx -all")},
         (("SPF", "Sender ID"),), ("no SPF record",)),
    Kind("texts of others are no near misses",
         {(D, "TXT"): txt("v=spf1 mx -all", "google-site-verification=p=x", "MS=ms1234", "v=spf10 hello")},
         never=("nearly",)),
    Kind("MTA-STS without a semicolon", {(f"_mta-sts.{D}", "TXT"): txt("v=STSv1 id=1")}, (("MTA-STS", "nearly"),)),
    Kind("TLS-RPT of no version", {(f"_smtp._tls.{D}", "TXT"): txt("v=TLSRPT1; rua=mailto:x@contoso.test")},
         (("TLS-RPT", "nearly"), ("TLS-RPT", "no record"))),
    # DKIM
    Kind("a revoked key", key("v=DKIM1; p="), (("DKIM google", "revoked"), ("DKIM contoso", "no key"))),
    Kind("a key that is not base64", key("v=DKIM1; p=***"), (("DKIM google", "not base64"),)),
    Kind("a key cut off", key(f"v=DKIM1; p={GOOD_KEY[:100]}"), (("DKIM google", "not an RSA key"),)),
    Kind("a key of a strange kind", key(f"v=DKIM1; k=dsa; p={GOOD_KEY}"), (("DKIM google", "do not know (dsa)"),)),
    Kind("a key of Ed25519", key(f"v=DKIM1; k=ed25519; p={ED_KEY}"), never=("DKIM google", "no key under")),
    Kind("an Ed25519 key too short", key("v=DKIM1; k=ed25519; p=AAAA"), (("DKIM google", "has 3"),)),
    Kind("a key for sha1 only", key(f"v=DKIM1; h=sha1; p={GOOD_KEY}"), (("DKIM google", "without sha256"),)),
    Kind("a key without v", key(f"k=rsa; p={GOOD_KEY}"), never=("DKIM google", "no key under")),
    Kind("a key for testing", key(f"v=DKIM1; t=y; p={GOOD_KEY}"), (("DKIM google", "t=y"),), ("no key under",)),
    Kind("two keys at a selector", {(f"google._domainkey.{D}", "TXT"): txt("v=DKIM1; p=", f"p={GOOD_KEY}")},
         (("DKIM google", "2 key records"),)),
    Kind("reject with a revoked key and no SPF", {**dmarc(REJECT), **key("v=DKIM1; p=")},
         (("!DMARC", "no DKIM"),), without=((D, "TXT"),)),
    # SPF that leads elsewhere
    Kind("redirect to a record with mx of ours", spf("v=spf1 redirect=one.test", one=f"v=spf1 mx:{D[:-1]} -all"),
         (("SPF", "`mx` in the record of one.test"),)),
    Kind("include of a record with mx of ours", spf("v=spf1 include:one.test -all", one=f"v=spf1 mx:{D[:-1]} ~all"),
         (("SPF", "`mx` in the record of one.test"),)),
    Kind("redirect to a domain with the same MX",
         {**spf("v=spf1 redirect=one.test", one="v=spf1 mx -all"), ("one.test.", "MX"): ("5 mail.contoso.test.",)},
         (("SPF", "stands for today's mail servers"),)),
    Kind("redirect to a record whose mx is nobody's", spf("v=spf1 redirect=one.test", one="v=spf1 mx ip4:1.2.3.4 -all"),
         (("SPF", "stands for nothing"),)),
    # MX
    Kind("MX is an alias", {**mx("10 alias.contoso.test."), ("alias.contoso.test.", "CNAME"): ("mail.contoso.test.",)},
         (("MX host alias", "an alias (CNAME) of mail.contoso.test."),)),
    Kind("MX is an IP address", mx("10 203.0.113.25."), (("MX host 203", "an IP address"),), ("it has no address",)),
    Kind("MX is absent", mx("10 gone.contoso.test."), (("MX host gone", "it has no address"),)),
    Kind("MX is an alias of nothing",
         {**mx("10 alias.contoso.test."), ("alias.contoso.test.", "CNAME"): ("gone.contoso.test.",)},
         (("MX host alias", "it has no address (it is an alias of gone.contoso.test.)"),)),
    Kind("MX is private", mx("10 inside.contoso.test.", inside="192.168.1.5"), (("MX host inside", "192.168.1.5"),)),
    Kind("MX has an IPv6 address only",
         {**mx("10 six.contoso.test."), ("six.contoso.test.", "AAAA"): ("2001:db8::25",)}, never=("MX host",)),
    Kind("MX is a filter", {**mx("10 mx1.contoso.pphosted.com."), ("mx1.contoso.pphosted.com.", "A"): ("9.9.9.1",)},
         (("MX contoso", "Proofpoint"),)),
    Kind("MX is Microsoft already",
         {**mx("0 contoso-test.mail.protection.outlook.com."),
          ("contoso-test.mail.protection.outlook.com.", "A"): ("9.9.9.1",)},
         (("MX contoso", "Microsoft 365 already"),)),
    Kind("null MX", mx("0 ."), (("!MX contoso", "a null MX"),), ("MX host",)),
    # Name servers
    Kind("two servers differ in SPF", second={(D, "TXT"): txt("v=spf1 a -all")},
         finds=(("!name servers", "v=spf1 a -all"),)),
    Kind("two servers differ in another text", second={(D, "TXT"): txt("v=spf1 mx -all", "x")},
         never=("name servers of",)),
    Kind("two servers differ in DMARC", second={(f"_dmarc.{D}", "TXT"): txt("v=DMARC1; p=reject")},
         finds=(("!name servers", "p=reject"),)),
    Kind("serials differ", second={(D, "SOA"): ("ns1.contoso.test. host.contoso.test. 6 3600 600 86400 60",)},
         finds=(("name servers", "their serials differ"),)),
    Kind("one server is lame", authorities={AUTHORITIES[1]: "REFUSED"}, finds=(("name server ns2", "REFUSED"),)),
    Kind("one server is silent", authorities={AUTHORITIES[1]: "silent"}, finds=(("name server ns2", "timeout"),)),
    Kind("a server without an address", finds=(("name server ns2", "has no address"),),
         without=(("ns2.contoso.test.", "A"),)),
    Kind("all servers are silent from here", authorities=dict.fromkeys(AUTHORITIES, "silent"),
         never=("name server ns",), complete=False),
    # DNSSEC
    Kind("signed and vouched for", SIGNED, (("DNSSEC", "the chain holds"),), resolvers={"8.8.8.8": "validates"}),
    Kind("signed, and nobody validates", SIGNED, (("DNSSEC", "no resolver that validates was met"),),
         ("the chain holds",)),
    Kind("broken, and one resolver is plain", {(D, "DS"): (DS,), (D, "DNSKEY"): (_KEY.to_text(),)},
         (("!DNSSEC", "chain is broken"),), resolvers={"8.8.8.8": "bogus"}),
    Kind("another key's DS", {**SIGNED, (D, "DS"): (OTHER_DS,)}, (("!DNSSEC", "no DNSKEY of the zone fits"),)),
    Kind("an unknown algorithm only", {**SIGNED, (D, "DS"): (UNKNOWN_DS,)},
         (("DNSSEC", "validators do not know"),), ("no DNSKEY of the zone fits", "the chain holds")),
    Kind("an unknown algorithm beside a good one", {**SIGNED, (D, "DS"): (UNKNOWN_DS, DS)},
         (("DNSSEC", "the chain holds"),), resolvers={"8.8.8.8": "validates"}),
    Kind("a revoked DNSKEY", {**SIGNED, (D, "DNSKEY"): (REVOKED_KEY,)}, (("!DNSSEC", "no DNSKEY of the zone fits"),)),
]  # fmt: skip
