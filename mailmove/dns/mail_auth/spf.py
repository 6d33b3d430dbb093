"""SPF records (RFC 7208): find, parse, count look-ups, and merge two senders into one."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT

LOOKUP_LIMIT = 10
"""Number of terms that may cost a DNS look-up; more is a permanent error (RFC 7208 section 4.6.4)."""
VOID_LIMIT = 2
"""Number of look-ups that may find nothing; more is a permanent error too."""

_TERM = re.compile(r"^(?P<qualifier>[+?~-]?)(?P<name>[a-z][a-z0-9_.-]*)(?P<sign>[:=]?)(?P<rest>.*)$", re.IGNORECASE)
_DUAL = re.compile(r"^(?P<value>.*?)(?P<cidr>(?:/\d+)?(?://\d+)?)$")
_MACRO = re.compile(r"%\{[slodiphcrtv]\d*r?[.\-+,/_=]*\}|%%|%_|%-", re.IGNORECASE)
_STRING = 255  # bytes of one character-string (RFC 1035 section 3.3)

_COSTLY = {"include", "a", "mx", "ptr", "exists", "redirect"}
_NEEDS = {"include", "exists", "ip4", "ip6"}
_MECHANISMS = {"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"}


class Term(NamedTuple):
    """One mechanism or modifier."""

    text: str
    qualifier: str  # "+", "-", "~", "?"; "" for a modifier
    name: str  # lower case; "" if it cannot be read; "include=" for a mechanism that is written as a modifier
    value: str = ""
    cidr: str = ""  # "/24", "//64", "/24//64"

    @property
    def costs(self) -> bool:
        return self.name in _COSTLY

    @property
    def key(self) -> str:
        """Text by which terms compare: two terms with the same key mean the same."""
        return self.text.lower().lstrip("+")


def text_of(value: str) -> str:
    """The text of a TXT value in presentation format, its strings joined (RFC 7208 section 3.3)."""
    rdata = dns.rdata.from_text("IN", "TXT", value)
    assert isinstance(rdata, dns.rdtypes.ANY.TXT.TXT)
    return b"".join(rdata.strings).decode("latin-1")


def value_of(text: str) -> str:
    """Text as a TXT value in presentation format, in strings of 255 bytes at most."""
    raw = text.encode("latin-1")
    strings = [raw[first : first + _STRING] for first in range(0, len(raw), _STRING)] or [b""]
    return str(dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings).to_text())


def is_spf(value: str) -> bool:
    """Is this TXT value an SPF record? `v=spf1` and then a space or nothing."""
    text = text_of(value).lower()
    return text == "v=spf1" or text.startswith("v=spf1 ")


def words_of(text: str) -> list[str]:
    """The record's words; only the space parts them (a tab or a no-break space is a fault)."""
    return [word for word in text.split(" ") if word]


def terms(text: str) -> list[Term]:
    """The terms after `v=spf1`, in order."""
    return [_term(word) for word in words_of(text)[1:]]


def faults(text: str) -> list[str]:
    """What is wrong with the record by itself, one sentence each: a permanent error (RFC 7208 sections 4.6.1, 6 and
    12), or a mechanism written with `=`, which receivers pass over as a modifier that nobody knows (section 6).
    """
    read = terms(text)
    sentences = [fault for term in read if (fault := _fault(term))]
    for name in ("redirect", "exp"):
        if sum(term.name == name for term in read) > 1:
            sentences.append(f"{name}= stands there more than once")
    return sentences


def in_force(text: str) -> list[Term]:
    """The terms that a receiver may come to: nothing after `all`, and no redirect= beside it."""
    read = terms(text)
    stop = next((index for index, term in enumerate(read) if term.name == "all"), None)
    return read if stop is None else [*read[: stop + 1], *(term for term in read[stop + 1 :] if term.name == "exp")]


def lookups(text: str) -> int:
    """Look-ups that the record's own terms cost; what included records cost is not counted."""
    return sum(term.costs for term in in_force(_without_idle_redirect(text)))


def merge(old: str, new: str, old_hosts: Iterable[str], domain: str = "") -> str:
    """The old record with the new one's senders before its `all` (or `redirect=`, or at its end).

    `mx` in the old record stands for the hosts that the MX set names today; after the switch it would stand for
    others, so those hosts (`old_hosts`) are named with `a:`, with mx's own prefix length. Nothing is taken out.
    domain: of the record; `mx:<domain>` is `mx` then.
    """
    words = words_of(old)
    read = terms(old)
    present = {term.key for term in in_force(old)}
    wanted = [term.text for term in terms(new) if term.name not in ("all", "redirect")]
    own = domain.rstrip(".").lower()
    mx = [
        t for t in in_force(old) if t.name == "mx" and t.qualifier == "+" and t.value.rstrip(".").lower() in ("", own)
    ]
    hosts = list(old_hosts)
    wanted = [f"a:{host.rstrip('.')}{term.cidr}" for term in mx for host in hosts] + wanted
    added = [word for word in dict.fromkeys(wanted) if _term(word).key not in present]
    stops = [index for index, term in enumerate(read, start=1) if term.name in ("all", "redirect")]
    place = stops[0] if stops else len(words)
    return " ".join([*words[:place], *added, *words[place:]])


def added_by_switch(text: str, old_hosts: Iterable[str], domain: str) -> int:
    """Look-ups that the switch will add: today's hosts by name where the record says `mx`, and Microsoft's include.

    The include is the one that Microsoft gives everybody; what a tenant asks for is known only once it exists.
    """
    merged = merge(text, "v=spf1 include:spf.protection.outlook.com -all", old_hosts, domain)
    return lookups(merged) - lookups(text)


def without(text: str, hosts: Iterable[str], addresses: Iterable[str] = ()) -> str:
    """The record without the terms that only name the given hosts and addresses."""
    gone = {host.rstrip(".").lower() for host in hosts}
    numbers = {ipaddress.ip_address(address) for address in addresses}
    kept = [term.text for term in terms(text) if not _only_names(term, gone, numbers)]
    return " ".join([words_of(text)[0], *kept])


def _only_names(term: Term, hosts: set[str], numbers: set[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> bool:
    if term.name == "a":
        return term.value.rstrip(".").lower() in hosts
    if term.name in ("ip4", "ip6"):
        try:
            network = ipaddress.ip_network(term.value + term.cidr, strict=False)
        except ValueError:
            return False
        return network.num_addresses == 1 and network.network_address in numbers
    return False


def _without_idle_redirect(text: str) -> str:
    """The record without redirect= if there is an `all`, which makes it void (RFC 7208 section 6.1)."""
    words = words_of(text)
    if not any(term.name == "all" for term in terms(text)):
        return text
    return " ".join(word for word in words if _term(word).name != "redirect")


def _term(word: str) -> Term:
    match = _TERM.match(word)
    if not match:
        return Term(word, "", "")
    name, sign, rest = match["name"].lower(), match["sign"], match["rest"]
    if sign == "=":
        mistaken = name in _MECHANISMS  # costs nothing and matches nobody: it is no mechanism
        return Term(word, "", f"{name}=" if mistaken else name, rest) if not match["qualifier"] else Term(word, "", "")
    if name not in _MECHANISMS or (rest and not sign and not rest.startswith("/")):
        return Term(word, "", "")
    parts = _DUAL.match(rest)
    assert parts is not None, "both groups may be empty"
    value, cidr = (parts["value"], parts["cidr"]) if name in ("a", "mx", "ip4", "ip6") else (rest, "")
    if sign and not value:
        return Term(word, "", "")
    return Term(word, match["qualifier"] or "+", name, value, cidr)


def _fault(term: Term) -> str | None:
    """Why a receiver would stumble over this term; None: it would not."""
    if not term.name:
        return f"{term.text} is not a mechanism"
    if term.name.endswith("="):
        return f"{term.text}: a mechanism has a colon; receivers pass over this one ({term.name[:-1]}:{term.value}?)"
    if not term.qualifier:
        return _bad_macro(term) if term.name in ("redirect", "exp") or "%" in term.value else None
    if term.name == "all":
        return f"{term.text}: nothing may follow `all`" if term.value or term.cidr else None
    if term.name in _NEEDS and not term.value:
        return f"{term.text} names nothing"
    if term.name in ("ip4", "ip6"):
        return _bad_address(term)
    first, _, second = term.cidr.partition("//")
    if (first and int(first[1:]) > 32) or (second and int(second) > 128):
        return f"{term.text} has a prefix that is too long"
    return _bad_macro(term) if term.value else None


def _bad_address(term: Term) -> str | None:
    kind = ipaddress.IPv4Network if term.name == "ip4" else ipaddress.IPv6Network
    try:
        kind(term.value + term.cidr, strict=False)
    except ValueError:
        return f"{term.text} is not an IPv{term.name[2]} address or network"
    return None


def _bad_macro(term: Term) -> str | None:
    if not term.value:
        return f"{term.text} names nothing"
    return f"{term.text} has a malformed macro" if "%" in _MACRO.sub("", term.value) else None
