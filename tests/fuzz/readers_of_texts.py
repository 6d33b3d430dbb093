"""Readers that take a text or bytes: iCalendar, prices, policies, records, DNS messages, PDUs, certificates."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset
from answers import Answer, Shape
from mutate_text import bytes_mutation, csv_mutation, lines_mutation
from reader import Case, Reader

from blocks.partner.purchases import read_prices
from lab.authority import Authority
from lab.item_parts import EventParts, event_mime
from mailmove.dns.client.messages import QuestionCodec
from mailmove.dns.mail_auth import dmarc, mta_sts, spf, tls_rpt
from mailmove.errors import Transient
from mailmove.items.copy.calendar_events import Unmovable, event_fields
from mailmove.outlook_anywhere import nspi, rpc_pdu
from mailmove.outlook_anywhere.certificate import certificate_steps
from mailmove.plan.purchase import Product

RECORDED = Path(__file__).with_name("recorded")
NOW = datetime(2026, 11, 30, tzinfo=UTC)
_FREE = frozenset(
    {"SUMMARY", "DESCRIPTION", "LOCATION", "ORGANIZER", "ATTENDEE", "UID", "PRIORITY", "CLASS", "DTSTAMP"}
)


def of_files(pattern: str, read: Callable[[bytes], Any]) -> list[Case]:
    """A case for each recorded file."""
    return [one_answer(path.name, path.read_bytes(), read) for path in sorted(RECORDED.glob(pattern))]


def one_answer(name: str, body: bytes, read: Callable[[bytes], Any]) -> Case:
    return Case(name, [Answer(body)], lambda answers: read(answers[0].body))


def _of_event(fields: dict[str, Any]) -> Counter[str]:
    return Counter(
        {
            "subject": len(fields["subject"]),
            "text": len(fields["body"]["content"]),
            "start": len(fields["start"]["dateTime"]),
            "end": len(fields["end"]["dateTime"]),
            "place": len(fields.get("location", {}).get("displayName", "")),
            "series": int("recurrence" in fields),
        }
    )


_MEETING = EventParts("uid-1", "Meeting", NOW, NOW, False)
_SERIES = EventParts("040000008200E00074C5B7101A82E00800000000", "Jour fixe", NOW, NOW, True)

ICALENDAR = Reader(
    "iCalendar",
    [
        *of_files("*.ics", event_fields),
        *of_files("*event*.eml", event_fields),
        one_answer("an event of the lab", event_mime(_MEETING), event_fields),
        one_answer("a series of the lab", event_mime(_SERIES), event_fields),
    ],
    [lines_mutation, bytes_mutation],
    # A whole line of these may be absent; another value of theirs is another event only where it can be read.
    Shape(records=_FREE, lists=frozenset({"RRULE", "DTEND", "X-ALT-DESC"})),
    _of_event,
    raises=(Unmovable,),
)

_SHEET = (
    "\ufeffProductTitle,ProductId,SkuId,SkuTitle,TermDuration,BillingPlan,Market,Currency,UnitPrice,EffectiveStartDate,"
    "EffectiveEndDate,ERP Price,Segment\r\n"
    'Basic,CFQ7TTC0LH18,0001,"Business, Basic",P1M,Monthly,GB,GBP,1.00,'
    "2020-01-01T00:00:00Z,2021-01-01T00:00:00Z,5,Comm\r\n"
    'Basic,CFQ7TTC0LH18,0001,"Business, Basic",P1M,Monthly,GB,GBP,4.90,'
    "2021-01-02T00:00:00Z,9999-12-31T00:00:00Z,5,Comm\r\n"
    "Exchange,CFQ7TTC0LH16,0002,Exchange,P1Y,Annual,GB,GBP,40.80,2021-01-02T00:00:00Z,9999-12-31T00:00:00Z,50,Comm\r\n"
)
_WANTED = [
    Product(catalog_item="CFQ7TTC0LH18:0001:CFQ7TTC0K971", quantity=1, term="P1M", billing="monthly"),
    Product(catalog_item="CFQ7TTC0LH16:0002:CFQ7TTC0K972", quantity=1, term="P1Y", billing="annual"),
]


def _prices(body: bytes) -> Any:
    """As PriceSheet: a product without a price is an error of ours there, so its absence counts as said."""
    prices = read_prices(body.decode("utf-8", "replace").splitlines(), _WANTED, NOW)
    if len(prices) < len(_WANTED):
        raise Transient("Price sheet", wanted="two prices", seen=f"{len(prices)}", todo="Look.")
    return prices


def _of_prices(prices: Any) -> Counter[str]:
    counted: Counter[str] = Counter()
    for item, price in prices.items():
        amount: Decimal = price.unit_price
        counted[item] = int(amount.is_finite() and amount > 0)
        counted[f"{item} currency"] = int(bool(price.currency))
    return counted


PRICES = Reader(
    "price sheet",
    [one_answer("sheet", _SHEET.encode(), _prices)],
    [csv_mutation],
    Shape(free=frozenset({"UnitPrice"})),
    _of_prices,
)

_POLICY = (
    "version: STSv1\r\nmode: enforce\r\nmx: mail.contoso.com\r\nmx: *.mail.protection.outlook.com\r\n"
    "max_age: 604800\r\n"
)


def _of_policy(policy: mta_sts.MtaStsPolicy) -> Counter[str]:
    return Counter({"patterns": len(policy.mx), "enforce": int(policy.mode == "enforce")})


MTA_STS = Reader(
    "MTA-STS policy",
    [one_answer("policy", _POLICY.encode(), lambda body: mta_sts.read_policy(body.decode("utf-8", "replace")))],
    [lines_mutation],
    Shape(records=frozenset({"mode"}), lists=frozenset({"mx"})),
    _of_policy,
    optional=frozenset({"mx"}),
    raises=(ValueError,),
)


def _records(body: bytes) -> Any:
    value = spf.value_of(body.decode("latin-1"))
    text = spf.text_of(value)
    verdicts = (dmarc.read([value], "contoso.com"), mta_sts.read_record([value]), tls_rpt.read([value]))
    return spf.is_spf(value), spf.terms(text), spf.faults(text), spf.in_force(text), spf.lookups(text), verdicts


_TEXTS = {
    "SPF": b"v=spf1 include:spf.protection.outlook.com ip4:192.0.2.0/24 ip6:2001:db8::/32 a:mail.contoso.com/28 mx "
    b"exists:%{i}.x.example redirect=_spf.contoso.com ~all",
    "DMARC": b"v=DMARC1; p=quarantine; sp=none; rua=mailto:a@contoso.com,mailto:b@contoso.com!10m; fo=1:d; pct=50",
    "MTA-STS": b"v=STSv1; id=20260101T000000;",
    "TLS-RPT": b"v=TLSRPTv1; rua=mailto:tls@contoso.com,https://report.example/x",
}
TEXT_RECORDS = Reader(
    "TXT records",
    [one_answer(name, text, _records) for name, text in _TEXTS.items()],
    [bytes_mutation, lines_mutation],
    measure=lambda result: Counter(),
)


def _wire(rtype: str, *answers: str, rcode: int = 0) -> bytes:
    query = dns.message.make_query("contoso.com.", rtype, use_edns=0)
    response = dns.message.make_response(query)
    response.set_rcode(rcode)
    for line in answers:
        name, ttl, kind, value = line.split(" ", 3)
        response.answer.append(dns.rrset.from_text(name, int(ttl), "IN", kind, *value.split(" | ")))
    return response.to_wire()


def _dns(rtype: str) -> Callable[[bytes], Any]:
    def read(wire: bytes) -> Any:
        answer = QuestionCodec("contoso.com.", rtype, recursive=True).read(wire)
        if answer is None:
            raise Transient("a resolver", wanted=rtype, seen="malformed", todo="Ask again.")
        return answer.values

    return read


_MESSAGES = {
    ("MX", 0): ("contoso.com. 300 MX 10 mail.contoso.com. | 20 mx2.contoso.com.",),
    ("A", 0): ("contoso.com. 60 CNAME a.contoso.com.", "a.contoso.com. 30 A 192.0.2.1 | 192.0.2.2"),
    ("TXT", 0): (
        'contoso.com. 60 TXT "v=spf1 include:spf.protection.outlook.com -all" | "MS=ms12345678" | "'
        + "x" * 200
        + '" "y"',
    ),
    ("NS", 0): ("contoso.com. 3600 NS ns1.contoso.com. | ns2.contoso.com.",),
    ("SOA", 0): ("contoso.com. 3600 SOA ns1.contoso.com. h.contoso.com. 1 2 3 4 5",),
    ("AAAA", 3): (),
    ("MX", 2): (),
}
DNS_MESSAGES = Reader(
    "DNS message",
    [
        one_answer(f"{rtype} {rcode}", _wire(rtype, *answers, rcode=rcode), _dns(rtype))
        for (rtype, rcode), answers in _MESSAGES.items()
    ],
    [bytes_mutation],
)


def _pdu(body: bytes) -> Any:
    """As `_read_pdu` of the channel hands them on: whole, of the length that they say."""
    if not rpc_pdu.is_pdu(body[:16]) or rpc_pdu.length_of(body) > len(body):
        raise ValueError("no PDU")
    body = body[: rpc_pdu.length_of(body)]
    return (rpc_pdu.is_a3(body), rpc_pdu.is_c2(body), rpc_pdu.accepts(body) if body[2] == rpc_pdu.BIND_ACK else None,
            rpc_pdu.token_of(body), rpc_pdu.fault_of(body))  # fmt: skip


_ACK = (
    struct.pack("<HHI", 5840, 5840, 1) + struct.pack("<H", 5) + b"6001\0" + b"\0" + struct.pack("<BBHHH", 1, 0, 0, 0, 0)
)
_PDUS = {
    "bind ack": rpc_pdu.pdu(rpc_pdu.BIND_ACK, _ACK + b"\0" * 20, 1, b"NTLMSSP\0" + b"\2" * 40),
    "fault": rpc_pdu.pdu(rpc_pdu.FAULT, struct.pack("<IHBBI", 0, 0, 0, 0, 5) + b"\0" * 4, 2),
    "response": rpc_pdu.pdu(rpc_pdu.RESPONSE, b"\0" * 40, 2, b"\1" * 16),
    "A3": rpc_pdu.pdu(rpc_pdu.RTS, struct.pack("<HHII", 0, 1, 2, 120_000)),
    "C2": rpc_pdu.pdu(rpc_pdu.RTS, struct.pack("<HHIIIIII", 0, 3, 6, 1, 0, 262_144, 2, 120_000)),
}
RPC_PDUS = Reader(
    "RPC PDU",
    [one_answer(name, pdu, _pdu) for name, pdu in _PDUS.items()],
    [bytes_mutation],
    measure=lambda result: Counter(),
    raises=(ValueError,),
)


def _resolved_stub() -> bytes:
    text = "Anna Berg\0".encode("utf-16-le")
    value = struct.pack("<III", len(text) // 2, 0, len(text) // 2) + text
    row = struct.pack("<I", 1) + struct.pack("<III", nspi.DISPLAY_NAME, 0, 0x1F) + struct.pack("<I", 0x20010) + value
    ids = struct.pack("<III", 0x20000, 1, 1) + struct.pack("<II", 0, 1) + struct.pack("<I", 2)
    rows = struct.pack("<II", 0x20004, 1) + struct.pack("<I", 1) + struct.pack("<III", 0, 1, 0x20008) + row
    return ids + rows + struct.pack("<I", 0)


NSPI = Reader(
    "NSPI",
    [
        one_answer("bind", struct.pack("<I", 0x20000) + b"\0" * 16 + b"h" * 20 + struct.pack("<I", 0), nspi.read_bind),
        one_answer("resolved", _resolved_stub(), nspi.read_resolved),
    ],
    [bytes_mutation],
    measure=lambda result: Counter(),
    raises=(ValueError,),
)


def _certificate(body: bytes) -> Any:
    return certificate_steps([body], "mail.contoso.com", [], NOW, covers=["autodiscover.contoso.com"])


def leaf_certificate() -> bytes:
    """A certificate of the lab in DER."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = Authority().issue("mail.contoso.com", "192.0.2.1").cert_chain_pems[0].bytes()
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


CERTIFICATES = Reader(
    "certificate",
    [one_answer("leaf", leaf_certificate(), _certificate)],
    [bytes_mutation],
    measure=lambda result: Counter(),
)

READERS: Sequence[Reader] = (
    ICALENDAR, PRICES, MTA_STS, TEXT_RECORDS, DNS_MESSAGES, RPC_PDUS, NSPI, CERTIFICATES,
)  # fmt: skip
