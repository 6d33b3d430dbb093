"""Contents of items: GetItem, ExportItems or whole (`whole/`) for many, where one item's answer is that item's answer.

An item that the server refuses is left with its words, and the others come through. What may pass is asked for again,
alone and with growing pauses. Where a whole request fails, it is halved until the item stands alone because of which it
does. Before an item is left that way, the mailbox is asked for its Inbox: if that fails, too, nothing is wrong with
the item, and the whole stops.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from blocks.exchange.ews.answers import Answer, M, ResponseMessage, T
from blocks.exchange.ews.contact_reader import contact_fields, contact_losses, contact_properties
from blocks.exchange.ews.folder_reader import read_well_known
from blocks.exchange.ews.request_xml import Element, id_and, item_ids, m, t
from blocks.exchange.ews.results import Results
from blocks.exchange.ews.soap import BASE_VERSION, EXPORT_VERSION, EwsConnections
from blocks.exchange.ews.whole.reader import WholeReader
from mailmove.errors import AnswerUnreadable, MailmoveError, Refused, Throttled
from mailmove.items.copy.interfaces import Content, Way
from mailmove.items.item import Item

PAUSES = (1.0, 3.0, 9.0)
"""Seconds before an item is asked for again, alone."""
_HALVING = 3.0
"""Seconds of patience of a request for a part of the items."""
_HEADER = re.compile(rb"^[!-9;-~]+[ \t]*:", re.MULTILINE)
"""A field of RFC 5322, iCalendar or vCard."""
_HEAD = 65_536
"""Bytes in which one must stand."""
_LEAST = 64
"""Bytes of an item's stream; even an empty item has some twenty properties."""


class ContentReader:
    """Of one server. Refused, Throttled, Transient, Blocked: for the mailbox or the server, never for one item."""

    def __init__(self, connections: EwsConnections) -> None:
        self._ews, self._whole = connections, WholeReader(connections)

    def contents(self, mailbox: str, items: Sequence[Item], *, way: Way) -> list[Content]:
        """In the order asked for."""
        results = self._ask(mailbox, items, way, None)
        for delay in self._pauses():
            waiting = [item for item in items if item.id not in results.done]
            if not waiting:
                break
            self._ews.sleep(delay)
            for item in waiting:
                results.add(self._alone(mailbox, item, way, results.reasons[item.id]))
        # Where others of the same mailbox came through, it answers.
        if results.reasons and not any(content.missing is None for content in results.done.values()):
            self._mailbox_answers(mailbox)
        return [results.of(item) for item in items]

    def _alone(self, mailbox: str, item: Item, way: Way, reason: str) -> Results:
        """Ask for one item again. reason: why it was not given before, which holds where this answer says nothing."""
        try:
            return self._once(mailbox, [item], way, _HALVING)
        except AnswerUnreadable:
            return Results(reasons={item.id: reason})
        except (Refused, Throttled):
            raise
        except MailmoveError as error:
            self._mailbox_answers(mailbox)
            return Results(reasons={item.id: error.seen})

    def _pauses(self) -> Iterator[float]:
        """Those that the patience of the connection has room for."""
        left = self._ews.patience
        for delay in PAUSES:
            if delay > left:
                return
            left -= delay
            yield delay

    def _mailbox_answers(self, mailbox: str) -> None:
        """Raises what stands in the way where not even the mailbox's folders can be had."""
        read_well_known(self._ews, mailbox)

    def _ask(self, mailbox: str, items: Sequence[Item], way: Way, patience: float | None) -> Results:
        """One request; where it fails as a whole, two for its halves."""
        try:
            return self._once(mailbox, items, way, patience)
        except (Refused, Throttled):
            raise
        except MailmoveError as error:
            self._mailbox_answers(mailbox)
            if len(items) == 1:
                return Results(reasons={items[0].id: error.seen})
        half = len(items) // 2
        results = self._ask(mailbox, items[:half], way, _HALVING)
        results.add(self._ask(mailbox, items[half:], way, _HALVING))
        return results

    def _once(self, mailbox: str, items: Sequence[Item], way: Way, patience: float | None) -> Results:
        if way == "written":
            return self._whole.read(mailbox, items, patience)
        wanted = f"the content of {len(items)} items of {mailbox}"
        version = EXPORT_VERSION if way == "exported" else BASE_VERSION
        read = partial(_results, items, way)
        return self._ews.ask(_request(items, way), wanted, read, version=version, patience=patience)


def _request(items: Sequence[Item], way: Way) -> Element:
    identities = item_ids(item.id for item in items)
    if way == "exported":
        return m.ExportItems(identities)
    contacts = items[0].kind == "contact"  # 2007 has no MIME of a contact, and Graph takes none of it
    shape = id_and(*(contact_properties() if contacts else []))
    shape.insert(1, t.IncludeMimeContent("false" if contacts else "true"))
    if contacts:
        shape.insert(2, t.BodyType("Text"))
    return m.GetItem(m.ItemShape(*shape), identities)


def _results(items: Sequence[Item], way: Way, answer: Answer) -> Results:
    results = Results()
    for item, message in _pairs(items, answer):
        if message.ok:
            results.take(_content(item, message.element, way))
        else:
            results.refused(item, message)
    return results


def _pairs(items: Sequence[Item], answer: Answer) -> Iterator[tuple[Item, ResponseMessage]]:
    """Which message is for which item: by the id in it, and by its place where it has none.

    AnswerUnreadable: as many answers as questions there must be, and none for another item.
    """
    if len(answer.messages) != len(items):
        raise answer.speaker.unreadable(f"{len(answer.messages)} answers to {len(items)} questions")
    asked = {item.id: item for item in items}
    for item, message in zip(items, answer.messages, strict=True):
        identity = _identity(message.element)
        # An id that nobody asked for is the same item's in another schema's spelling.
        if identity in asked and identity != item.id:
            raise answer.speaker.unreadable("answers in another order than the questions")
        yield item, message


def _identity(message: Any) -> str:
    element = next(message.iter(f"{T}ItemId", f"{M}ItemId"), None)
    return "" if element is None else str(element.get("Id", ""))


def _content(item: Item, message: Any, way: Way) -> Content:
    """`missing`: the answer says success, and holds no content."""
    if way == "exported":
        data = message.findtext(f"{M}Data")
        return _checked(item, data, "Data", stream=True)
    element = next(message.iterfind(f"{M}Items/*"), None)
    if element is None:
        return Content(item, missing="success, and no item in the answer")
    if item.kind == "contact":
        fields = contact_fields(element)
        return (
            Content(item, fields=fields, without=contact_losses(element))
            if fields
            else Content(item, missing="a contact without a single property")
        )
    return _checked(item, element.findtext(f"{T}MimeContent"), "MimeContent", stream=False)


def _checked(item: Item, text: str | None, name: str, *, stream: bool) -> Content:
    """Base64 of more than white space. Exchange gives it broken, empty and not at all (exchangelib 707, 584, 683)."""
    if text is None:
        return Content(item, missing=f"success, and no {name} in the answer")
    data = "".join(text.split())
    try:
        content = binascii.a2b_base64(data, strict_mode=True) if data else b""
    except ValueError:  # a letter beyond ASCII, too
        return Content(item, missing=f"success, and a {name} that is no base64 ({len(data)} letters)")
    if not content.strip():
        return Content(item, missing=f"success, and an empty {name}")
    if stream:
        few = f"success, and a {name} of {len(content)} bytes"
        return Content(item, stream=data) if len(content) >= _LEAST else Content(item, missing=few)
    if not _HEADER.search(content[:_HEAD]):
        return Content(item, missing=f"success, and a {name} without a header field ({len(content)} bytes)")
    return Content(item, mime=data)
