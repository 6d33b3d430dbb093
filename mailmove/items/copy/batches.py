"""Split items into portions for reading and batches for sending, within both servers' limits and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from mailmove.items.copy.interfaces import Content
from mailmove.items.item import Item

PORTION_ITEMS, PORTION_BYTES = 60, 4_000_000
"""Items and bytes of one request to the old server; whole messages come back, so they bound memory."""
LARGEST_IMPORT = 150_000_000
"""Bytes of a stream in base64: what Exchange Online takes as one item, and a mailbox within five minutes
(exchange-online-limits, message limits; graph/throttling-limits). Unverified: that the import's own limit is no lower.
"""
BATCH_ITEMS, BATCH_BYTES = 20, 3_000_000
"""Items and bytes of one request to Graph, which takes 20 requests and 4 MB in a batch (graph/json-batching)."""

T = TypeVar("T")


def import_bytes(size: int) -> int:
    """Bytes of an item of this size in base64."""
    return size * 4 // 3


def portions(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items to be read together. An item above the limit comes alone."""
    return cut(items, lambda item: item.size or 20_000, PORTION_ITEMS, PORTION_BYTES)


def batches(contents: Iterable[Content]) -> Iterator[list[Content]]:
    """Contents to be sent together."""
    return cut(contents, lambda content: content.weight, BATCH_ITEMS, BATCH_BYTES)


def cut(things: Iterable[T], weight: Callable[[T], int], most: int, heaviest: int) -> Iterator[list[T]]:
    """Pieces of at most `most` things and `heaviest` bytes, in order; a single thing may be heavier."""
    piece: list[T] = []
    weighs = 0
    for thing in things:
        if piece and (len(piece) == most or weighs + weight(thing) > heaviest):
            yield piece
            piece, weighs = [], 0
        piece.append(thing)
        weighs += weight(thing)
    if piece:
        yield piece
