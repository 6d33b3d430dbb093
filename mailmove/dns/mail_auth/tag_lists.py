"""Records that are lists of `tag=value;` (DMARC, MTA-STS, TLS-RPT), and what was made of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mailmove.dns.mail_auth.spf import text_of


class Verdict(BaseModel):
    """What a domain publishes of one kind, and whether the world can use it. JSON-able."""

    model_config = ConfigDict(frozen=True)

    record: str | None = Field(default=None, description="Its text; None: there is none")
    valid: bool | None = Field(default=None, description="None: there is none, or it could not be asked")
    faults: tuple[str, ...] = Field(default=(), description="Why it is not valid, one sentence each")
    facts: dict[str, Any] = Field(default={}, description="What it says")
    unanswered: str | None = Field(default=None, description="Why it could not be asked")

    def __str__(self) -> str:
        if self.unanswered:
            return f"could not be asked: {self.unanswered}"
        if self.record is None:
            return "; ".join(self.faults) or "none"
        return f"{self.record} ({'; '.join(self.faults) or 'valid'})"


def texts(values: Iterable[str]) -> list[str]:
    """The texts of TXT values in presentation format."""
    return [text_of(value) for value in values]


def fields_of(text: str) -> list[tuple[str, str]]:
    """(name, value) of every field after the version. ValueError: a field that is none."""
    found = []
    parts = [part.strip(" \t") for part in text.split(";")][1:]
    for index, part in enumerate(parts):
        if not part and index == len(parts) - 1:
            continue  # a trailing delimiter
        name, sign, value = part.partition("=")
        if not sign or not name.strip(" \t") or not value.strip(" \t"):
            raise ValueError(f"{part!r} is not tag=value")
        found.append((name.strip(" \t"), value.strip(" \t")))
    return found
