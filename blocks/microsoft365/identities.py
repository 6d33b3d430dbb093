"""Identities that a cmdlet shows as objects, as texts that keep every name that the object has.

With some tenants an identity is `{"Name": ..., "Id": ..., "RawIdentity": ...}` where others show one text
(facts/microsoft-2026-11.md). Which of the names is which, no source says: an address comes first, then the name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from blocks.microsoft365.answers import Answer, Json

_IDENTITIES = frozenset({"identity", "id", "batchid", "sourceendpoint", "targetendpoint", "user", "trustee"})
"""Members that are identities whatever names their object has, in lower case."""
_NAMES = ("Name", "Id", "RawIdentity", "Identity", "DisplayName", "DistinguishedName", "ObjectGuid", "Guid")
_MARKS = ("RawIdentity", "DistinguishedName", "ObjectGuid")
"""Names that nothing but an identity has."""
_ADDRESS = re.compile(r"[^\s@/\\]+@[^\s@/\\]+\.[^\s@/\\]+")


class Identity(str):
    """The text by which a person knows it. spellings: all of its names, in lower case."""

    spellings: frozenset[str]


def spellings(row: Mapping[str, Any], name: str) -> frozenset[str]:
    """Every name that a member is known by, in lower case; none where it is no text."""
    value = row.get(name)
    if isinstance(value, Identity):
        return value.spellings
    return frozenset({value.lower()}) if isinstance(value, str) else frozenset()


def plain(row: Json) -> Json:
    """A row with texts in place of the objects that are identities; what else it holds is left."""
    changed = {name: _plain(name, value) for name, value in row.items()}
    return Answer(changed, row.who, row.wanted) if isinstance(row, Answer) else changed


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_identity("", entry) for entry in value]
    return _identity(name, value)


def _identity(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    marked = any(mark in value for mark in _MARKS) or {"Name", "Id"} <= set(value)
    if name.lower() not in _IDENTITIES and not marked:
        return value
    texts = [text for key in _NAMES if isinstance(text := value.get(key), str) and text]
    if not texts:
        return value
    identity = Identity(next(filter(_ADDRESS.fullmatch, texts), texts[0]))
    identity.spellings = frozenset(text.lower() for text in texts)
    return identity
