"""DMARC records, as RFC 9989 has them (RFC 7489 before it). They are read and judged here, and never changed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailmove.dns.mail_auth.tag_lists import Verdict, fields_of, texts

_VERSION = re.compile(r"^[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")
_URI = re.compile(r"^[a-z][a-z0-9+.-]*:[^\s,!;]+$", re.IGNORECASE)
_MAILTO = re.compile(r"^mailto:[^@\s,!;]+@[^@\s,!;]+(![0-9]+[kmgt]?)?$", re.IGNORECASE)
_ALLOWED = {
    "p": {"none", "quarantine", "reject"},
    "sp": {"none", "quarantine", "reject"},
    "np": {"none", "quarantine", "reject"},
    "psd": {"y", "n", "u"},
    "t": {"y", "n"},
}
_OPTIONS = {"0", "1", "d", "s"}
_KNOWN = {*_ALLOWED, "adkim", "aspf", "fo", "rua", "ruf", "pct", "rf", "ri"}


def read(values: Iterable[str], location: str) -> Verdict:
    """What the TXT values at `_dmarc.<location>` say. More than one DMARC record counts as a fault: none is used."""
    found = [text for text in texts(values) if _VERSION.match(text)]
    if not found:
        return Verdict()
    if len(found) > 1:
        return Verdict(record=found[0], valid=False, faults=(f"{len(found)} DMARC records; none of them counts",))
    try:
        pairs = [(name.lower(), value) for name, value in fields_of(found[0])]
    except ValueError as error:
        return Verdict(record=found[0], valid=False, faults=(str(error),), facts={"location": location})
    known = [(name, value) for name, value in pairs if name in _KNOWN]
    said = dict(known)
    faults = [f"{name} stands there twice" for name in said if sum(one == name for one, _ in known) > 1]
    for name, allowed in _ALLOWED.items():
        if name in said and said[name].lower() not in allowed:
            faults.append(f"{name}={said[name]} is none of {', '.join(sorted(allowed))}")
    faults += [
        f"fo={one} is none of 0, 1, d, s" for one in said.get("fo", "0").split(":") if one.lower() not in _OPTIONS
    ]
    for name in ("rua", "ruf"):
        faults += [
            f"{name} has no usable address in {uri!r}" for uri in said.get(name, "").split(",") if not _usable(uri)
        ]
    facts = {
        "location": location,
        "p": said.get("p", "none").lower(),
        "p_given": "p" in said,
        "sp": said.get("sp", said.get("p", "none")).lower(),
        "adkim": said.get("adkim", "r").lower(),
        "aspf": said.get("aspf", "r").lower(),
        "rua": [uri.strip() for uri in said.get("rua", "").split(",") if uri.strip()],
    }
    return Verdict(record=found[0], valid=not faults, faults=tuple(faults), facts=facts)


def _usable(uri: str) -> bool:
    """A report address; other schemes than mailto are allowed and hardly anybody serves them."""
    uri = uri.strip()
    if not uri:
        return True
    return bool(_MAILTO.match(uri)) if uri.lower().startswith("mailto:") else bool(_URI.match(uri))
