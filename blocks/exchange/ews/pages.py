"""Pages of FindItem and FindFolder: what lies in a RootFolder, and whether it is all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lxml import etree

from blocks.exchange.ews.answers import Answer, M, ResponseMessage, Speaker, T, number

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
"""xs:boolean."""


@dataclass(frozen=True)
class Listing:
    """The elements of a page. last: no page follows."""

    elements: list[Any]
    last: bool


def listing_of(answer: Answer, container: str, offset: int) -> Listing:
    """container: 'Items' or 'Folders'. offset: of this page.

    AnswerUnreadable: it does not say whether it is all, or says that there is more than it gives.
    """
    answer.only()
    return listing_in(answer.speaker, answer.messages[0], container, offset)


def listing_in(speaker: Speaker, message: ResponseMessage, container: str, offset: int) -> Listing:
    """As `listing_of`, of one message among several. An error that it is, is raised."""
    if not message.ok:
        raise speaker.error(message.code, message.text)
    root = message.element.find(f"{M}RootFolder")
    inner = None if root is None else root.find(f"{T}{container}")
    elements = [] if inner is None else list(inner.iterchildren(etree.Element))
    last = None if root is None else truth(root.get("IncludesLastItemInRange"))
    total = None if root is None else number(root.get("TotalItemsInView"))
    after = offset + len(elements)
    if (last is None or not last) and total is None:
        raise speaker.unreadable("a page that does not say whether another one follows")
    if last is None:
        last = total is not None and after >= total
    if last and total is not None and after < total:
        raise speaker.unreadable(f"{len(elements)} of {total - offset} on the last page")
    if not last and total is not None and offset >= total:
        if elements:
            raise speaker.unreadable("a page behind the last one, and another one to follow")
        last = True  # what was there went away while pages were read
    if not last and not elements:
        raise speaker.unreadable("an empty page, and another one to follow")
    return Listing(elements, last)


def truth(text: str | None) -> bool | None:
    """xs:boolean; None: it is none."""
    return _BOOLEANS.get((text or "").strip().lower())
