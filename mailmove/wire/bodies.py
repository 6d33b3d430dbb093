"""Bodies of HTTP answers, unpacked piece by piece, so that neither a long nor a tightly packed one fills the memory."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Iterable

from mailmove.wire.acts import TooMuch, seconds_left

_PLAIN, _PACKED = {"", "identity"}, {"gzip", "x-gzip", "deflate"}
ACCEPTED = "gzip, deflate"
"""What we ask for. Nothing is unpacked twice, and nothing that can grow more than a thousandfold at all."""


class BadBody(OSError):
    """The body is packed in a way that nobody asked for, or is no such packing."""


class _Unpacker:
    """Takes pieces as they come; `whole` is what they make. TooMuch, BadBody, TimeoutError."""

    def __init__(self, encoding: str, most: int) -> None:
        name = encoding.strip().lower()
        if name not in _PLAIN | _PACKED:
            raise BadBody(f"a body packed by {name[:40]!r}, which was not asked for")
        self._name, self._most, self._size = name, most, 0
        self._pieces: list[bytes] = []
        self._inflate = zlib.decompressobj(47 if "gzip" in name else 15) if name in _PACKED else None
        self._first = True

    def take(self, piece: bytes) -> None:
        seconds_left()
        if self._inflate is None:
            self._keep(piece)
            return
        try:
            self._keep(self._inflate.decompress(piece, self._most - self._size + 1))
        except zlib.error as error:
            if not (self._first and self._name == "deflate"):
                raise BadBody("a body that is not packed as it says") from error
            self._inflate = zlib.decompressobj(-15)  # some servers leave the header of zlib out
            self._keep(self._inflate.decompress(piece, self._most - self._size + 1))
        self._first = False

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._most:
            raise TooMuch(f"the answer has more than {self._most} bytes")
        self._pieces.append(piece)

    def whole(self) -> bytes:
        if self._inflate is not None and not self._first and not self._inflate.eof:
            raise BadBody("a packed body that ends in the middle")
        return b"".join(self._pieces)


def unpacked(pieces: Iterable[bytes], encoding: str, most: int) -> bytes:
    """The whole body. pieces: as they came. encoding: the Content-Encoding. most: bytes that may come out.

    TooMuch, BadBody. TimeoutError: the act under way is over.
    """
    unpacker = _Unpacker(encoding, most)
    for piece in pieces:
        unpacker.take(piece)
    return unpacker.whole()


async def unpacked_later(pieces: AsyncIterable[bytes], encoding: str, most: int) -> bytes:
    """The same of a coroutine's pieces."""
    unpacker = _Unpacker(encoding, most)
    async for piece in pieces:
        unpacker.take(piece)
    return unpacker.whole()
