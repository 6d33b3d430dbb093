"""ChangeResourceRecordSets as AWS judges it: the whole batch is checked against the zone, then done or refused.

Messages follow what Route 53 says (InvalidChangeBatch, API version 2013-04-01).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import dns.exception
import dns.rdata
import dns.rdatatype

from mailmove.records import RRset

_NS = "{https://route53.amazonaws.com/doc/2013-04-01/}"
Key = tuple[str, str]


class Faulty(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Change:
    action: str
    name: str  # lower case, last dot, as AWS spells it: * is \052
    type: str
    ttl: int | None
    values: tuple[str, ...]
    routed: bool = False  # an alias, or one of several sets of that name and type (weighted, ...)

    @property
    def key(self) -> Key:
        return self.name, self.type


def aws_name(name: str) -> str:
    return name.lower().rstrip(".").replace("*", "\\052") + "."


def parse(body: bytes) -> list[Change]:
    """The changes of a request body. Faulty: not the XML that the API wants."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise Faulty(400, "MalformedInput", str(error)) from error
    changes = [_change(each) for each in root.iter(f"{_NS}Change")]
    if not changes:
        raise Faulty(400, "InvalidInput", "Changes must have at least 1 element")
    return changes


def _change(element: ElementTree.Element) -> Change:
    record_set = element.find(f"{_NS}ResourceRecordSet")
    if record_set is None:
        raise Faulty(400, "MalformedInput", "no ResourceRecordSet")
    ttl = record_set.findtext(f"{_NS}TTL")
    return Change(
        action=element.findtext(f"{_NS}Action", ""),
        name=aws_name(record_set.findtext(f"{_NS}Name", "")),
        type=record_set.findtext(f"{_NS}Type", ""),
        ttl=int(ttl) if ttl else None,
        values=tuple(value.text or "" for value in record_set.iter(f"{_NS}Value")),
        routed=any(record_set.find(f"{_NS}{tag}") is not None for tag in ("AliasTarget", "SetIdentifier")),
    )


def held_sets(zone: Any) -> dict[Key, tuple[int, tuple[str, ...]]]:
    """(name, type) -> (TTL, values) of a moto zone; alias sets have no values."""
    return {
        (aws_name(record_set.name), record_set.type): (int(record_set.ttl or 0), tuple(record_set.records or ()))
        for record_set in zone.rrsets
    }


def to_rrsets(zone: Any) -> list[RRset]:
    """What a moto zone holds, as record sets; aliases are left out."""
    return [
        RRset(name=name.replace("\\052", "*"), type=rtype, ttl=ttl, values=tuple(map(_decimal, values)))
        for (name, rtype), (ttl, values) in held_sets(zone).items()
        if values and rtype != "SOA"
    ]


def upsert(record_set: RRset) -> Change:
    """The change that sets a record set, spelt as Route 53 spells it."""
    octal = [re.sub(r"\\([0-9]{3})", lambda match: f"\\{int(match[1]):03o}", value) for value in record_set.values]
    return Change("UPSERT", aws_name(record_set.name), record_set.type, record_set.ttl, tuple(octal))


def _decimal(value: str) -> str:
    """Route 53 escapes a byte in octal (\\344), master files in decimal (\\228)."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: f"\\{int(match[1], 8):03d}", value)


def check(changes: list[Change], zone: Any) -> None:
    """Faulty, with every fault of the batch: InvalidChangeBatch."""
    held = held_sets(zone)
    apex = aws_name(zone.name)
    faults: list[str] = []
    after = dict(held)
    deleted: set[Key] = set()
    for change in changes:  # each is judged by what the ones before it leave
        faults += _faults(change, after, apex)
        if change.action == "DELETE" and change.key in deleted:
            faults.append(f"The request contains more than one DELETE of [name='{change.name}', type='{change.type}']")
        deleted |= {change.key} if change.action == "DELETE" else set()
        after.pop(change.key, None)
        if change.action != "DELETE":
            after[change.key] = (change.ttl or 0, change.values)
    for name, rtype in after:
        if rtype == "CNAME" and sum(1 for key in after if key[0] == name) > 1:
            faults.append(
                f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with "
                f"the same DNS name in zone {apex}"
            )
    if faults:
        raise Faulty(400, "InvalidChangeBatch", f"[{', '.join(faults)}]")


def _faults(change: Change, held: dict[Key, tuple[int, tuple[str, ...]]], apex: str) -> list[str]:
    label = f"[name='{change.name}', type='{change.type}']"
    if change.action not in ("CREATE", "DELETE", "UPSERT"):
        raise Faulty(400, "InvalidInput", f"Value '{change.action}' is not facet-valid")
    if change.name != apex and not change.name.endswith("." + apex):
        return [f"RRSet with DNS name {change.name} is not permitted in zone {apex}"]
    if change.type in ("SOA", "NS") and change.name == apex and change.action == "DELETE":
        return ["A HostedZone must contain at least one NS record and exactly one SOA record for the zone itself."]
    if change.routed:
        return []
    if change.ttl is None or not change.values:
        raise Faulty(
            400, "InvalidInput", f"Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]] {label}"
        )
    now = held.get(change.key)
    if change.action == "CREATE" and now is not None:
        return [f"Tried to create resource record set {label} but it already exists"]
    if change.action == "DELETE":
        if now is None:
            return [f"Tried to delete resource record set {label} but it was not found"]
        if now[0] != change.ttl or sorted(now[1]) != sorted(change.values):
            return [
                f"Tried to delete resource record set {label} but the values provided do not match the current values"
            ]
        return []
    return [fault for value in change.values for fault in _value_faults(change.type, value)]


def _value_faults(rtype: str, value: str) -> list[str]:
    if rtype in ("TXT", "SPF") and not value.startswith('"'):
        return [
            "Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation "
            f"marks) encountered with '{value}''"
        ]
    if rtype in ("TXT", "SPF"):
        return []  # octal escapes are not ours to judge
    try:
        dns.rdata.from_text("IN", rtype, value)
    except (dns.exception.DNSException, dns.rdatatype.UnknownRdatatype):
        return [f"Invalid Resource Record: 'FATAL problem: {rtype}RRDATAInvalid encountered with '{value}''"]
    return []


def apply(changes: list[Change], zone: Any) -> None:
    """Make checked changes in a moto zone."""
    for change in changes:
        for record_set in [
            record_set for record_set in zone.rrsets if (aws_name(record_set.name), record_set.type) == change.key
        ]:
            zone.rrsets.remove(record_set)
        if change.action != "DELETE":
            zone.add_rrset(
                {"Name": change.name, "Type": change.type, "TTL": change.ttl, "ResourceRecords": list(change.values)}
            )
