"""Route 53's answers and DNS messages, mutated: typed values or an error of ours, and never less content as success."""

from __future__ import annotations

import copy
import random
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from blocks.dns.read_by_query import NotServed, read_by_query
from blocks.dns.route53_answers import ChangeAnswer, HostedZonesAnswer, RecordSet, read, read_sets
from mailmove.errors import MailmoveError
from mailmove.records import AskedZone

ZONE = "kunde.example."
PAGES: list[dict[str, Any]] = [
    {
        "ResourceRecordSets": [
            {"Name": ZONE, "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": "a. b. 1 2 3 4 5"}]},
            {"Name": ZONE, "Type": "MX", "TTL": 60, "ResourceRecords": [{"Value": "10 a.b."}, {"Value": "20 c.d."}]},
            {"Name": ZONE, "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"v=spf1 mx -all"'}]},
        ],
        "IsTruncated": True,
        "MaxItems": "2",
        "NextRecordName": "www",
        "ResponseMetadata": {"HTTPStatusCode": 200},
    },
    {
        "ResourceRecordSets": [
            {"Name": f"www.{ZONE}", "Type": "A", "AliasTarget": {"DNSName": "x.y.", "HostedZoneId": "Z"}},
        ],
        "IsTruncated": False,
        "MaxItems": "2",
    },
]
ZONES = {
    "HostedZones": [{"Id": "/hostedzone/Z1", "Name": ZONE, "Config": {"PrivateZone": False}}],
    "IsTruncated": False,
}
CHANGE = {"ChangeInfo": {"Id": "/change/C1", "Status": "PENDING", "SubmittedAt": "2026-11-30T00:00:00Z"}}
OTHERS: tuple[Any, ...] = (None, "", 0, -1, 2**40, [], {}, "x", [None], {"Value": None}, True, "NaN")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def mutated(value: Any, luck: random.Random) -> Any:
    """One part dropped, doubled, emptied, or of another type."""
    value = copy.deepcopy(value)
    *path, last = luck.choice([place for place in places(value) if place])
    holder = value
    for step in path:
        holder = holder[step]
    match luck.choice(("drop", "double", "other")):
        case "drop":
            del holder[last]
        case "double" if isinstance(holder, list):
            holder.append(holder[last])
        case _:
            holder[last] = luck.choice(OTHERS)
    return value


@pytest.mark.parametrize("seed", range(3))
def test_route_53(seed: int) -> None:
    luck = random.Random(seed)
    whole, typed = len(read_sets(PAGES, "sets")), 0
    for _ in range(300):
        pages = mutated(PAGES, luck)
        try:
            sets = read_sets(pages, "sets")
        except MailmoveError:
            typed += 1
        else:
            assert all(isinstance(each, RecordSet) for each in sets)
            given = [each for page in pages for each in page["ResourceRecordSets"]]
            assert len(sets) == len(given) and abs(len(sets) - whole) <= 2
            for each, raw in zip(sets, given, strict=True):
                assert len(each.records) == len(raw.get("ResourceRecords") or [])
        for kind, answer in ((HostedZonesAnswer, ZONES), (ChangeAnswer, CHANGE)):
            try:
                read(kind, mutated(answer, luck), "an answer")
            except MailmoveError:
                typed += 1
    assert typed > 100, "most of what is mutated is noticed"


def test_a_list_that_ends_before_its_end_is_no_zone() -> None:
    with pytest.raises(MailmoveError, match="ends before its end"):
        read_sets(PAGES[:1], "sets")
    with pytest.raises(MailmoveError):
        read_sets([], "sets")


VALUES = {
    "MX": ["10 mail.kunde.example.", "20 mail2.kunde.example."],
    "TXT": ['"v=spf1 mx -all"', '"a" "b"'],
    "SOA": ["ns1.kunde.example. h.kunde.example. 1 7200 900 1209600 60"],
    "NS": ["ns1.kunde.example.", "ns2.kunde.example."],
    "A": ["192.0.2.1"],
}


def test_dns_messages() -> None:
    luck, outcomes = random.Random(7), {"read": 0, "refused": 0}
    whole = read_by_query(ZONE, (), lambda query: dns.message.from_wire(answer_to(query)))
    assert isinstance(whole, AskedZone) and len(whole[ZONE, "MX"].values) == 2
    for _ in range(300):
        struck = luck.randrange(20)
        asked = [0]

        def send(query: dns.message.Message, struck: int = struck, asked: list[int] = asked) -> dns.message.Message:
            wire = answer_to(query)
            asked[0] += 1
            return dns.message.from_wire(spoilt(wire, luck) if asked[0] - 1 == struck else wire)

        try:
            zone = read_by_query(ZONE, (), send)
        except (NotServed, dns.exception.DNSException):
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
            assert zone.keys() - whole.keys() == set()
    assert outcomes["refused"] > 100, outcomes


def answer_to(query: dns.message.Message) -> bytes:
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.AA
    rtype, name = dns.rdatatype.to_text(query.question[0].rdtype), query.question[0].name
    if rtype in VALUES and name.to_text() == ZONE:
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", rtype, *VALUES[rtype]))
    return answer.to_wire()


def spoilt(wire: bytes, luck: random.Random) -> bytes:
    at = luck.randrange(len(wire))
    return luck.choice(
        (
            wire[:at],
            wire[:at] + wire[at + 1 :],
            wire[:at] + bytes([luck.randrange(256)]) + wire[at:],
            wire[:at] + bytes([wire[at] ^ 1 << luck.randrange(8)]) + wire[at + 1 :],
        )
    )


@pytest.mark.parametrize("kind", ["", "x", "mx", "1e999", "A B"])
def test_a_record_set_has_a_type(kind: str) -> None:
    pages = copy.deepcopy(PAGES)
    pages[0]["ResourceRecordSets"][0]["Type"] = kind
    with pytest.raises(MailmoveError):
        read_sets(pages, "a zone")
