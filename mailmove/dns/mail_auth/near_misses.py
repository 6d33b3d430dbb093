"""Texts that somebody meant as an SPF, DMARC, MTA-STS or TLS-RPT record, and that are none to receivers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from mailmove.dns.mail_auth.spf import is_spf
from mailmove.dns.mail_auth.tag_lists import texts

_LONGEST = 120  # characters of a text that are shown
_MARKS = "\"'`\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u200b\ufeff \t\xa0"
"""Quotation marks and spaces that come along when a record is copied from a page."""


def near_spf(values: Iterable[str]) -> tuple[str, ...]:
    """Each text that is nearly an SPF record, with why it is none."""
    near = []
    for value in values:
        if is_spf(value):
            continue
        [text] = texts([value])
        reason = _why_no_spf(text)
        near += [f"{_short(text)} ({reason})"] if reason else []
    return tuple(near)


def near_dmarc(values: Iterable[str], is_record: Callable[[str], object]) -> tuple[str, ...]:
    """The same for DMARC. is_record: does a receiver take the text for a record?"""
    return _near(values, "DMARC1", r"v?[\s=]*d\s*marc", r"(^|[;\s])(p|rua|sp)\s*=", is_record)


def near_mta_sts(values: Iterable[str], is_record: Callable[[str], object]) -> tuple[str, ...]:
    """The same for MTA-STS."""
    return _near(values, "STSv1", r"v?[\s=]*sts", r"(^|[;\s])id\s*=", is_record)


def near_tls_rpt(values: Iterable[str], is_record: Callable[[str], object]) -> tuple[str, ...]:
    """The same for TLS-RPT."""
    return _near(values, "TLSRPTv1", r"v?[\s=]*tls-?rpt", r"(^|[;\s])rua\s*=", is_record)


def _why_no_spf(text: str) -> str | None:
    bare = _decoded(text).strip(_MARKS).lower()
    if re.match(r"v\s*=\s*spf10\b", bare):
        return None  # somebody's own
    if bare.startswith(("spf2.0/", "v=spf2", "v=spf2.0/")):
        return "Sender ID, which nobody asks for any more"
    if re.match(r"v\s*=\s*spf\s*1", bare) or re.match(r"(v[\s:]*)?spf1\b", bare):
        return "an SPF record begins with `v=spf1`, and then a space: nothing before it, nothing else behind"
    if re.match(r"v\s*=\s*spf\b", bare) or (
        re.search(r"\b(include:|ip4:|redirect=)", bare) and re.search(r"[-~?+]all\b", bare)
    ):
        return "an SPF record begins with `v=spf1`"
    return None


def _near(
    values: Iterable[str], version: str, begins: str, has: str, is_record: Callable[[str], object]
) -> tuple[str, ...]:
    near = []
    for text in texts(values):
        bare = _decoded(text).strip(_MARKS)
        meant = re.match(begins, bare, re.IGNORECASE) or re.search(has, bare, re.IGNORECASE)
        if not is_record(text) and meant and not re.match(r"v\s*=\s*spf1", bare, re.IGNORECASE):
            reason = f"the record begins with `v={version}`, in these letters, and then a semicolon"
            near.append(f"{_short(text)} ({reason})")
    return tuple(near)


def _decoded(text: str) -> str:
    """The text as it was typed: what came as UTF-8 is read as that."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")
