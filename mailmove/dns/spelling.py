"""One spelling for each value of a record, so that values which say the same are the same text.

- strings of a TXT record are one text, in pieces of 255 bytes (RFC 7208 section 3.3: receivers join them);
- a TXT value without quotes is its text: APIs and forms give it so;
- names are absolute, in lower case, `xn--` inside (RFC 4343, RFC 5890); numbers have no leading zeros.
"""

from __future__ import annotations

from functools import lru_cache

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.tokenizer
from dns.rdtypes.txtbase import TXTBase

from mailmove.domain_names import to_ascii

_NAMES_IN_RDATA = {"MX", "CNAME", "NS", "PTR", "SRV", "SOA", "DNAME"}
"""Record types whose RDATA holds only names and numbers: case has no meaning (RFC 4343)."""
_TEXTS = {"TXT", "SPF"}
_STRING = 255  # bytes of one character-string (RFC 1035 section 3.3)


@lru_cache(maxsize=8192)
def canonical_value(rtype: str, value: str) -> str:
    """One value in its one spelling; a value that cannot be parsed stays as it is."""
    try:
        return spelling(rtype, parsed(rtype, value))
    except (dns.exception.DNSException, dns.rdatatype.UnknownRdatatype, ValueError):
        return value


def parsed(rtype: str, value: str) -> dns.rdata.Rdata:
    """A value as dnspython holds it. DNSException or ValueError: it is none of this type."""
    if rtype in _TEXTS:
        return _text_record(rtype, value)
    if rtype in _NAMES_IN_RDATA and not value.isascii():
        value = " ".join(to_ascii(word) for word in value.split())
    return dns.rdata.from_text(
        dns.rdataclass.IN, dns.rdatatype.from_text(rtype), value, origin=dns.name.root, relativize=False
    )


def spelling(rtype: str, rdata: dns.rdata.Rdata) -> str:
    """The one spelling of a value that was parsed."""
    if isinstance(rdata, TXTBase):
        rdata = joined(rdata)
    text = str(rdata.to_text())
    return text.lower() if rtype in _NAMES_IN_RDATA else text


def joined(rdata: TXTBase) -> TXTBase:
    """The same text, cut after every 255 bytes and nowhere else."""
    return type(rdata)(rdata.rdclass, rdata.rdtype, _pieces(b"".join(rdata.strings)))


def _text_record(rtype: str, value: str) -> dns.rdata.Rdata:
    """A text as a record. Some APIs give all of a long one between two quotes, which no master file may."""
    quoted = value.lstrip().startswith('"')
    tokens = dns.tokenizer.Tokenizer(value if quoted else f'"{_without_open_quotes(value)}"')
    raw = b""
    while not (token := tokens.get()).is_eol_or_eof():
        raw += token.unescape_to_bytes().value
    kind = dns.rdatatype.from_text(rtype)
    return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, kind, _pieces(raw))


def _pieces(raw: bytes) -> list[bytes]:
    return [raw[first : first + _STRING] for first in range(0, len(raw), _STRING)] or [b""]


def _without_open_quotes(text: str) -> str:
    """The text with a backslash before each quote that has none."""
    parts, escaped = [], False
    for letter in text:
        parts.append('\\"' if letter == '"' and not escaped else letter)
        escaped = letter == "\\" and not escaped
    return "".join(parts) + ("\\" if escaped else "")
