"""Read and judge DMARC records (RFC 9989, and RFC 7489 before it). Mailmove never changes them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from mailmove.dns.mail_auth.near_misses import near_dmarc
from mailmove.dns.mail_auth.record_verdict import RecordVerdict
from mailmove.dns.mail_auth.tag_lists import readable_fields, texts

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


class DmarcFacts(BaseModel):
    """What a DMARC record asks for. Policies are in lower case.

    location: the domain that has the record. p_given: False: `p` is the default. rua: URIs for reports that can be
    used. testing: t=y, which asks receivers to apply one policy less.
    """

    model_config = ConfigDict(frozen=True)

    location: str = ""
    p: str = "none"
    p_given: bool = False
    sp: str = "none"
    adkim: str = "r"
    aspf: str = "r"
    rua: tuple[str, ...] = ()
    testing: bool = False


class DmarcVerdict(RecordVerdict):
    """A domain's DMARC record, read."""

    facts: DmarcFacts = DmarcFacts()


def read(values: Iterable[str], location: str) -> DmarcVerdict:
    """Judge the TXT values at `_dmarc.<location>`. More than one DMARC record counts as a fault: none is used.

    Faults are what takes the policy out of force. What is wrong with report addresses, options or unknown tags leaves
    it in force (RFC 7489 section 6.3, RFC 9989 section 4.7): remarks.
    """
    everything = list(values)
    records = [text for text in texts(everything) if is_record(text)]
    if not records:
        return DmarcVerdict(state="answered", near=near_dmarc(everything, is_record))
    if len(records) > 1:
        return DmarcVerdict(
            record=records[0], valid=False, faults=(f"{len(records)} DMARC records; none of them counts",)
        )
    pairs, unreadable = readable_fields(records[0])
    known = [(name.lower(), value) for name, value in pairs if name.lower() in _KNOWN]
    tags = dict(known)
    faults = [f"{name} stands there twice" for name in tags if sum(other == name for other, _ in known) > 1]
    for name, allowed in _ALLOWED.items():
        if name in tags and tags[name].lower() not in allowed:
            faults.append(f"{name}={tags[name]} is none of {', '.join(sorted(allowed))}")
    broken = [f"{part!r} is not tag=value" for part in unreadable]
    remarks = _remarks(tags)
    if "p" in tags and not faults:
        remarks += broken
    else:
        faults += broken  # without a policy of its own nothing shows what was meant
    facts = DmarcFacts(
        location=location,
        p=tags.get("p", "none").lower(),
        p_given="p" in tags,
        sp=tags.get("sp", tags.get("p", "none")).lower(),
        adkim=tags.get("adkim", "r").lower(),
        aspf=tags.get("aspf", "r").lower(),
        rua=tuple(uri.strip() for uri in tags.get("rua", "").split(",") if uri.strip() and _usable(uri)),
        testing=tags.get("t", "n").lower() == "y",
    )
    return DmarcVerdict(record=records[0], valid=not faults, faults=tuple(faults), remarks=tuple(remarks), facts=facts)


def is_record(text: str) -> bool:
    """Does a receiver take this text for a DMARC record?"""
    return bool(_VERSION.match(text))


def _remarks(tags: dict[str, str]) -> list[str]:
    """What receivers pass over in the record, one sentence each; its policy stays in force."""
    remarks = [
        f"fo={option} is none of 0, 1, d, s"
        for option in tags.get("fo", "0").split(":")
        if option.strip().lower() not in _OPTIONS
    ]
    for name in ("rua", "ruf"):
        remarks += [
            f"{name} has no usable address in {uri!r}" for uri in tags.get(name, "").split(",") if not _usable(uri)
        ]
    for name in ("adkim", "aspf"):
        if tags.get(name, "r").lower() not in ("r", "s"):
            remarks.append(f"{name}={tags[name]} is none of r, s, and counts as r")
    return remarks


def _usable(uri: str) -> bool:
    """Is this a report address, or nothing? Other schemes than mailto are allowed, and hardly anybody serves them."""
    uri = uri.strip()
    if not uri:
        return True
    return bool(_MAILTO.match(uri)) if uri.lower().startswith("mailto:") else bool(_URI.match(uri))
