"""Read records that are lists of `tag=value;` (DMARC, MTA-STS, TLS-RPT)."""

from __future__ import annotations

from collections.abc import Iterable

from mailmove.dns.mail_auth.spf import text_of


def texts(values: Iterable[str]) -> list[str]:
    """The texts of TXT values in presentation format."""
    return [text_of(value) for value in values]


def readable_fields(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """((name, value) of every field after the version that is one, the parts that are none)."""
    pairs, unreadable = [], []
    for part in (part.strip(" \t") for part in text.split(";")[1:]):
        name, sign, value = (word.strip(" \t") for word in part.partition("="))
        if sign and name and value:
            pairs.append((name, value))
        elif part:
            unreadable.append(part)
    return pairs, unreadable


def fields_of(text: str) -> list[tuple[str, str]]:
    """(name, value) of every field after the version. ValueError: a field that is none."""
    fields = []
    parts = [part.strip(" \t") for part in text.split(";")][1:]
    for index, part in enumerate(parts):
        if not part and index == len(parts) - 1:
            continue  # a trailing delimiter
        name, sign, value = part.partition("=")
        if not sign or not name.strip(" \t") or not value.strip(" \t"):
            raise ValueError(f"{part!r} is not tag=value")
        fields.append((name.strip(" \t"), value.strip(" \t")))
    return fields
