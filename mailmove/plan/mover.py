"""Who copies the mailboxes, Microsoft's batch or Mailmove itself: chosen from what is known, each reason as data.

Sources: OfficeDocs-Exchange and microsoft-365-docs, cutover migration (at most 2,000 mailboxes, 150 recommended; no
directory synchronisation); Microsoft 365 takes TLS 1.2 and later only.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MoverName = Literal["native", "direct"]
PlannedMover = Literal["auto", MoverName]
"""As a plan says it; auto: chosen at preflight."""
MOST_MAILBOXES, RECOMMENDED_MAILBOXES = 2000, 150
MODERN_TLS = ("TLSv1.2", "TLSv1.3")


class ReasonCode(StrEnum):
    """What a reason is about."""

    TLS = "tls"
    OUTLOOK_ANYWHERE = "outlook_anywhere"
    MICROSOFTS_TEST = "microsofts_test"
    NUMBER = "number"
    SYNCHRONISATION = "synchronisation"
    RIGHTS = "rights"
    LICENCES = "licences"


class MoverFacts(BaseModel):
    """What is known before the first stage. None: it was not seen, and is neither good nor bad.

    tls: address -> version of TLS that the old server spoke there; "": none that we know.
    outlook_anywhere: proved from outside; to_enable: a stage of the cutover is to switch it on; failed.
    microsofts_test: Test-MigrationServerAvailability, where the plan names an endpoint; no_cutover: the tenant takes no
    cutover batch. missing_rights: for a copy of our own. short_of_licences: how many people would go without.
    """

    model_config = ConfigDict(frozen=True)

    mailboxes: int | None = None
    tls: dict[str, str] | None = None
    outlook_anywhere: Literal["proved", "to_enable", "failed"] | None = None
    outlook_anywhere_seen: str = ""
    microsofts_test: Literal["good", "failed", "no_cutover"] | None = None
    microsofts_words: str = ""
    synchronised: bool | None = None
    missing_rights: tuple[str, ...] | None = None
    short_of_licences: int | None = None


class MoverReason(BaseModel):
    """One fact, and what it says of one of the two. impossible: it cannot be done so. against: better not."""

    model_config = ConfigDict(frozen=True)

    code: ReasonCode
    of: MoverName
    weight: Literal["good", "against", "impossible", "not_seen"]
    seen: str = Field(description="For people; no code reads it")


class MoverChoice(BaseModel):
    """mover None: neither can be done."""

    model_config = ConfigDict(frozen=True)

    mover: MoverName | None
    reasons: tuple[MoverReason, ...]

    def reasons_against(self, mover: MoverName) -> list[MoverReason]:
        return [reason for reason in self.reasons if reason.of == mover and reason.weight in ("against", "impossible")]


def choose_mover(facts: MoverFacts) -> MoverChoice:
    """Microsoft's batch, unless it cannot or had better not; then a copy of our own, if that can."""
    reasons = (*_of_native(facts), *_of_direct(facts))
    weights: dict[MoverName, set[str]] = {
        "native": {reason.weight for reason in reasons if reason.of == "native"},
        "direct": {reason.weight for reason in reasons if reason.of == "direct"},
    }
    native, direct = "impossible" not in weights["native"], "impossible" not in weights["direct"]
    mover: MoverName | None
    if native and direct:
        mover = "direct" if "against" in weights["native"] else "native"
    else:
        mover = "native" if native else "direct" if direct else None
    return MoverChoice(mover=mover, reasons=reasons)


def _of_native(facts: MoverFacts) -> Iterator[MoverReason]:
    yield _reason(ReasonCode.TLS, "native", *_tls(facts))
    yield _reason(ReasonCode.OUTLOOK_ANYWHERE, "native", *_outlook_anywhere(facts))
    if facts.microsofts_test is not None:
        weight = {"good": "good", "failed": "against", "no_cutover": "impossible"}[facts.microsofts_test]
        yield _reason(ReasonCode.MICROSOFTS_TEST, "native", weight, facts.microsofts_words or facts.microsofts_test)
    yield _reason(ReasonCode.NUMBER, "native", *_number(facts))
    if facts.synchronised is None:
        yield _reason(ReasonCode.SYNCHRONISATION, "native", "not_seen", "whether the directory is synchronised")
    elif facts.synchronised:
        words = "directory synchronisation is on, and the batch makes the users itself"
        yield _reason(ReasonCode.SYNCHRONISATION, "native", "impossible", words)


def _of_direct(facts: MoverFacts) -> Iterator[MoverReason]:
    if facts.missing_rights is None:
        yield _reason(ReasonCode.RIGHTS, "direct", "not_seen", "our rights to write into mailboxes")
    elif facts.missing_rights:
        words = f"our application lacks {', '.join(facts.missing_rights)}"
        yield _reason(ReasonCode.RIGHTS, "direct", "impossible", words)
    else:
        yield _reason(ReasonCode.RIGHTS, "direct", "good", "our application may write into mailboxes")
    if facts.short_of_licences is None:
        yield _reason(ReasonCode.LICENCES, "direct", "not_seen", "whether licences are free before the copy")
    elif facts.short_of_licences:
        words = f"{facts.short_of_licences} licences too few, and a mailbox needs one before anything is copied into it"
        yield _reason(ReasonCode.LICENCES, "direct", "impossible", words)
    else:
        yield _reason(ReasonCode.LICENCES, "direct", "good", "there is a licence for everybody")


def _tls(facts: MoverFacts) -> tuple[str, str]:
    """Microsoft's own word counts more than what we see of the handshake."""
    if not facts.tls:
        return "not_seen", "which TLS the old server speaks"
    old = {address: version or "none that we know" for address, version in facts.tls.items()}
    old = {address: version for address, version in old.items() if version not in MODERN_TLS}
    if not old:
        return "good", f"the old server speaks {', '.join(sorted(set(facts.tls.values())))}"
    words = f"the old server speaks {'; '.join(f'{version} at {address}' for address, version in sorted(old.items()))}"
    tested = facts.microsofts_test == "good"
    return ("against", words) if tested else ("impossible", f"{words}; Microsoft wants TLS 1.2")


def _outlook_anywhere(facts: MoverFacts) -> tuple[str, str]:
    match facts.outlook_anywhere:
        case None:
            return "not_seen", "whether Outlook Anywhere answers"
        case "proved":
            return "good", "Outlook Anywhere answers as Microsoft asks"
        case "to_enable":
            return "good", "Outlook Anywhere is switched on by the cutover"
        case "failed":
            return "against", f"Outlook Anywhere: {facts.outlook_anywhere_seen}"


def _number(facts: MoverFacts) -> tuple[str, str]:
    if facts.mailboxes is None:
        return "not_seen", "how many mailboxes move"
    words = (
        f"{facts.mailboxes} mailboxes; Microsoft recommends {RECOMMENDED_MAILBOXES} at most, and takes {MOST_MAILBOXES}"
    )
    if facts.mailboxes > MOST_MAILBOXES:
        return "impossible", words
    return ("against" if facts.mailboxes > RECOMMENDED_MAILBOXES else "good"), words


def _reason(code: ReasonCode, of: MoverName, weight: str, seen: str) -> MoverReason:
    return MoverReason.model_validate({"code": code, "of": of, "weight": weight, "seen": seen})
