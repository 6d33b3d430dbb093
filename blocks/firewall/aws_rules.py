"""Inbound rules of a security group, taken apart: one rule for each source, as EC2 spells it in IpPermissions.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from blocks.firewall.aws_errors import damaged

Rule = dict[str, Any]
"""An IpPermission with exactly one source: {"IpProtocol", "FromPort", "ToPort", "IpRanges": [{"CidrIp", ...}]}."""

_SOURCES = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
    "UserIdGroupPairs": "GroupId",
}


_PROTOCOLS = re.compile(r"tcp|udp|icmp|icmpv6|-1|\d{1,3}")
_WITH_PORTS = {"tcp", "udp", "6", "17"}


def permissions_of(who: str, answer: Mapping[str, Any], group_id: str) -> list[Mapping[str, Any]]:
    """The inbound IpPermissions of one group, from DescribeSecurityGroups; each is known to be whole.

    Transient: it is not this group's answer, or a permission lacks its protocol, ports or sources: what lets a port in
    must never be passed over.
    """
    groups = answer.get("SecurityGroups")
    if not isinstance(groups, list) or len(groups) != 1 or groups[0].get("GroupId") != group_id:
        raise damaged(who, "its inbound rules", "an answer without this group")
    permissions = groups[0].get("IpPermissions")
    if not isinstance(permissions, list):
        raise damaged(who, "its inbound rules", "a group without inbound rules, not even none")
    for permission in permissions:
        if fault := _fault(permission):
            raise damaged(who, "its inbound rules", f"a rule {fault}")
    return permissions


def _fault(permission: Mapping[str, Any]) -> str:
    """What the permission lacks; empty: nothing."""
    protocol = permission.get("IpProtocol")
    if not isinstance(protocol, str) or not _PROTOCOLS.fullmatch(protocol):
        return f"of protocol {protocol!r}"
    ports = [permission.get(name) for name in ("FromPort", "ToPort")]
    if any(port is not None and not isinstance(port, int) for port in ports):
        return f"for ports {ports}"
    if protocol in _WITH_PORTS and not all(isinstance(port, int) and 0 <= port <= 65535 for port in ports):
        return f"for ports {ports}"
    if missing := [kind for kind in _SOURCES if not isinstance(permission.get(kind), list)]:
        return f"without {', '.join(missing)}"  # EC2 names all four kinds of sources, also where there is none
    sources = [(source, name) for kind, name in _SOURCES.items() for source in permission[kind]]
    if not sources:
        return "without a source"
    return "" if all(source.get(name) for source, name in sources) else "with a source that has no name"


def apart(permissions: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """One rule for each source; sorted, empty fields left out, so that two readings compare equal."""
    rules: list[Rule] = []
    for permission in permissions:
        where = {name: permission[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in permission}
        for kind in _SOURCES:
            for source in permission.get(kind) or []:
                rules.append({**where, kind: [{name: value for name, value in sorted(source.items()) if value}]})
    return sorted(rules, key=lambda rule: (str(identity(rule)), description(rule)))


def lets_in(rule: Rule, port: int) -> bool:
    """Does it let this TCP port in?"""
    if rule["IpProtocol"] == "-1":
        return True
    return rule["IpProtocol"] in ("tcp", "6") and int(rule["FromPort"]) <= port <= int(rule["ToPort"])


def only(rule: Rule, port: int) -> bool:
    """Does it let in this one TCP port, and nothing else?"""
    return lets_in(rule, port) and rule.get("FromPort") == rule.get("ToPort") == port


def identity(rule: Rule) -> tuple[Any, ...]:
    """What EC2 tells rules apart by; the description is not part of it."""
    kind, source = _source(rule)
    return rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"), kind, source[_SOURCES[kind]]


def description(rule: Rule) -> str:
    return str(_source(rule)[1].get("Description", ""))


def words(rule: Rule) -> str:
    """`tcp 1-1024 from 0.0.0.0/0 (old rule)`."""
    kind, source = _source(rule)
    first, last = rule.get("FromPort"), rule.get("ToPort")
    ports = "" if first is None else f" {first}" if first == last else f" {first}-{last}"
    protocol = "all traffic" if rule["IpProtocol"] == "-1" else f"{rule['IpProtocol']}{ports}"
    description = f" ({source['Description']})" if source.get("Description") else ""
    return f"{protocol} from {source[_SOURCES[kind]]}{description}"


def _source(rule: Rule) -> tuple[str, Mapping[str, Any]]:
    kind = next(kind for kind in _SOURCES if rule.get(kind))
    return kind, rule[kind][0]
