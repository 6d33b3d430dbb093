"""Reads items whole, property by property, and writes them as streams: for a server without ExportItems (2007).

One GetItem for the items of a class; what they name besides is asked for afterwards, together: attachments, the items
in them, changed occurrences, fields of their own. An item that is refused is left with the server's words, and the
others come through; a part of one that is refused for good is left out, and named.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from blocks.exchange.ews.answers import Answer, M, ResponseMessage, T
from blocks.exchange.ews.request_xml import Element
from blocks.exchange.ews.response_codes import GONE, OF_ITEM
from blocks.exchange.ews.results import Results
from blocks.exchange.ews.soap import EwsConnections
from blocks.exchange.ews.whole.element_reader import node_of, take_attachment
from blocks.exchange.ews.whole.nodes import Node, Occurrence, Part, Whole
from blocks.exchange.ews.whole.shapes import ATTACHED, Shape, asking, class_of, get_files, shape_of
from mailmove.errors import ItemUnwritable
from mailmove.items.copy.batches import cut
from mailmove.items.copy.interfaces import Content
from mailmove.items.item import Item
from mailmove.items.stream.from_ews import item_of
from mailmove.items.stream.own_fields import DEFINITIONS, own_properties
from mailmove.items.stream.writer import DEEPEST, stream_of

ATTACHMENTS, ATTACHMENT_BYTES = 50, 4_000_000
"""Attachments and bytes of one request to the old server; a larger attachment is asked for alone."""
_UNKNOWN_SIZE = 1_000_000
"""Bytes that an attachment is taken for where neither it nor its item says."""
_OCCURRENCES = 50
K = TypeVar("K")
Thing = TypeVar("Thing")


class WholeReader:
    """Of one server. Errors: for a request as a whole."""

    def __init__(self, connections: EwsConnections) -> None:
        self._ews = connections

    def read(self, mailbox: str, items: Sequence[Item], patience: float | None) -> Results:
        """Each item as a stream, or why there is none. patience: seconds of waiting in each request."""
        return _Reading(self._ews, mailbox, patience).read(items)


@dataclass(frozen=True)
class _Reading:
    ews: EwsConnections
    mailbox: str
    patience: float | None

    def read(self, items: Sequence[Item]) -> Results:
        results = Results()
        wholes = self._roots(items, results)
        self._own_fields(wholes)
        self._occurrences(wholes)
        self._attachments(wholes)
        for whole in wholes:
            _write(whole, results)
        return results

    def _roots(self, items: Sequence[Item], results: Results) -> list[Whole]:
        """Each with the properties of its class. An item of another class than it was listed with is asked again."""
        wholes: list[Whole] = []
        waiting = [(shape_of(class_of(item)), item) for item in items]
        for last in (False, True):
            again: list[tuple[Shape, Item]] = []
            for shape, some in _grouped(waiting):
                for item, message in self._items(shape, [(item, item.id) for item in some]):
                    element = _first(message, "Items")
                    if not message.ok:
                        results.refused(item, message)
                    elif element is None:
                        results.reasons[item.id] = "success, and no item in the answer"
                    else:
                        node = node_of(element)
                        node.item_class = node.item_class or class_of(item)
                        right = shape_of(node.item_class)
                        if right is shape or last:
                            wholes.append(Whole(item, node, node.fault, [f"the link '{name}'" for name in node.links]))
                        else:
                            again.append((right, item))
            waiting = again
        return wholes

    def _own_fields(self, wholes: Sequence[Whole]) -> None:
        """What people or forms have added: named in the item's own definitions, and nowhere else to be had by EWS."""
        waiting: list[tuple[Shape, Whole]] = []
        for whole in wholes:
            definitions = whole.root.values.get(DEFINITIONS)
            if not isinstance(definitions, str):
                continue
            try:
                own = own_properties(definitions)
            except ItemUnwritable:
                whole.without.append("fields of its own, whose definitions cannot be read")
                continue
            if lacking := tuple(wanted for wanted in own if wanted not in whole.root.values):
                waiting.append((asking(lacking), whole))
        for shape, some in _grouped(waiting):
            for whole, message in self._items(shape, [(whole, whole.item.id) for whole in some]):
                element = _first(message, "Items")
                if message.ok and element is not None:
                    whole.root.values.update(node_of(element).values)
                else:
                    _without(whole, message, "fields of its own")

    def _occurrences(self, wholes: Sequence[Whole]) -> None:
        changed = [(whole, occurrence) for whole in wholes for occurrence in whole.root.occurrences]
        shape = shape_of("IPM.Appointment")
        for some in cut(changed, lambda _: 0, _OCCURRENCES, 1):
            pairs: list[tuple[tuple[Whole, Occurrence], str]] = [(pair, pair[1].id) for pair in some]
            for (whole, occurrence), message in self._items(shape, pairs):
                element = _first(message, "Items")
                if message.ok and element is not None:
                    occurrence.node = node_of(element)
                    occurrence.node.item_class = occurrence.node.item_class or "IPM.Appointment"
                    whole.reason = whole.reason or occurrence.node.fault
                else:
                    _without(whole, message, f"what was changed on {occurrence.original:%Y-%m-%d}")

    def _attachments(self, wholes: Sequence[Whole]) -> None:
        """Level by level, down to where the writer refuses an item."""
        level = [(whole, node) for whole in wholes for node in whole.nodes()]
        for _ in range(DEEPEST + 1):
            wanted = [(whole, node, part) for whole, node in level for part in node.wanted()]
            files = [each for each in wanted if not each[2].is_item]
            self._fetch(files, get_files)
            inner = [each for each in wanted if each[2].is_item]
            self._fetch(inner, shape_of(ATTACHED).get_attached_items)
            other = [
                (shape_of(part.inner.item_class), (whole, node, part))
                for whole, node, part in inner
                if part.inner is not None and part.inner.item_class and shape_of(part.inner.item_class) is not _ATTACHED
            ]
            for shape, some in _grouped(other):
                self._fetch(some, shape.get_attached_items)
            level = [(whole, part.inner) for whole, _, part in inner if part.inner is not None]
            for whole, node in level:
                node.item_class = node.item_class or ATTACHED
                whole.without += [f"the link '{name}'" for name in node.links]

    def _fetch(self, wanted: Sequence[tuple[Whole, Node, Part]], request: Callable[[Iterable[str]], Element]) -> None:
        for some in cut(wanted, _weight, ATTACHMENTS, ATTACHMENT_BYTES):
            asked = [((whole, node, part), part.id) for whole, node, part in some]
            name = f"{len(some)} attachments of items of {self.mailbox}"
            for (whole, node, part), message in self._ask(asked, request, name, "AttachmentId"):
                element = _first(message, "Attachments")
                if message.ok and element is not None:
                    take_attachment(node, part, element)
                    whole.reason = whole.reason or node.fault
                if not message.ok or (part.content is None and part.inner is None and not node.fault):
                    _without(whole, message, f"attachment '{part.name}'")

    def _items(self, shape: Shape, asked: Sequence[tuple[K, str]]) -> list[tuple[K, ResponseMessage]]:
        return self._ask(asked, shape.get_items, f"{len(asked)} items of {self.mailbox}, whole", "ItemId")

    def _ask(
        self,
        asked: Sequence[tuple[K, str]],
        request: Callable[[Iterable[str]], Element],
        wanted: str,
        id_tag: str,
    ) -> list[tuple[K, ResponseMessage]]:
        """asked: what each question is for, and the id in it. The answers with what they are for, in order."""

        def read(answer: Answer) -> list[tuple[K, ResponseMessage]]:
            identities = [identity for _, identity in asked]
            if len(answer.messages) != len(asked):
                raise answer.speaker.unreadable(f"{len(answer.messages)} answers to {len(asked)} questions")
            for identity, message in zip(identities, answer.messages, strict=True):
                answered = _identity(message.element, id_tag)
                # An id that nobody asked for is the same thing's in another schema's spelling.
                if answered in identities and answered != identity:
                    raise answer.speaker.unreadable("answers in another order than the questions")
            return [(key, message) for (key, _), message in zip(asked, answer.messages, strict=True)]

        identities = [identity for _, identity in asked]
        return self.ews.ask(request(identities), wanted, read, patience=self.patience)


_ATTACHED = shape_of(ATTACHED)


def _grouped(waiting: Iterable[tuple[Shape, Thing]]) -> Iterator[tuple[Shape, list[Thing]]]:
    groups: dict[Shape, list[Thing]] = {}
    for shape, thing in waiting:
        groups.setdefault(shape, []).append(thing)
    yield from groups.items()


def _first(message: ResponseMessage, container: str) -> Any:
    return next(message.element.iterfind(f"{M}{container}/*"), None)


def _identity(message: Any, id_tag: str) -> str:
    """Of the thing itself: what lies in an attached item has ids of its own, and they come later."""
    element = next(message.iter(f"{T}{id_tag}"), None)
    return "" if element is None else str(element.get("Id", ""))


def _weight(wanted: tuple[Whole, Node, Part]) -> int:
    whole, node, part = wanted
    if part.size is not None:
        return part.size
    return (whole.item.size or _UNKNOWN_SIZE * len(node.parts)) // len(node.parts)


def _without(whole: Whole, message: ResponseMessage, part: str) -> None:
    """What is refused for good, or succeeds without content, is left out; what may pass holds the item up."""
    if message.ok or message.code in GONE | OF_ITEM:
        whole.without.append(f"{part} ({'the answer holds none' if message.ok else message.words})")
    else:
        whole.reason = whole.reason or message.words


def _write(whole: Whole, results: Results) -> None:
    """What cannot be written at all is no reason to ask again."""
    if whole.reason:
        results.reasons[whole.item.id] = whole.reason
        return
    try:
        stream = stream_of(item_of(whole.root.as_item()))
    except ItemUnwritable as error:
        words = f"it cannot be written whole: {error.wanted}: {error.seen}"
        results.done[whole.item.id] = Content(whole.item, missing=words)
        return
    data = base64.b64encode(stream).decode()
    results.take(Content(whole.item, stream=data, without=tuple(whole.without)))
