"""Bytes that are read once, from front to back."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from typing import NoReturn
from uuid import UUID

from lab.cloud.item_stream.refusal import Fault, StreamRefused


class Cursor:
    """Little-endian numbers, strings and pieces of `data`.

    pieces: (start within `data`, where that lies in what was given), ascending: a stream that came in several buffers.
    """

    def __init__(self, data: bytes, pieces: Sequence[tuple[int, int]] = ((0, 0),)) -> None:
        self.data, self.at = data, 0
        self._starts = [start for start, _ in pieces]
        self._places = [place for _, place in pieces]

    def place(self, at: int | None = None) -> int:
        """Offset in what was given. A place between two buffers belongs to the later one."""
        at = self.at if at is None else at
        piece = max(bisect_right(self._starts, at) - 1, 0)
        return self._places[piece] + at - self._starts[piece]

    def refuse(self, fault: Fault, wanted: str, seen: str, at: int | None = None) -> NoReturn:
        raise StreamRefused(fault, self.place(at), wanted, seen)

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int, wanted: str, *, whole: bool = True) -> bytes:
        """whole: MS-OXCFXICS 2.2.4.1 lets a stream be split inside the value of a variable size only."""
        if size > self.left:
            self.refuse(Fault.CUT_SHORT, f"{size} bytes of {wanted}", f"{self.left} bytes")
        if whole and size and bisect_right(self._starts, self.at + size - 1) != bisect_right(self._starts, self.at):
            self.refuse(Fault.SPLIT, f"{wanted} in one buffer", "the end of a buffer within it")
        taken = self.data[self.at : self.at + size]
        self.at += size
        return taken

    def one_piece(self, start: int, wanted: str) -> None:
        """What was read since `start` is an atom, too (2.2.4.1)."""
        if bisect_right(self._starts, self.at - 1) != bisect_right(self._starts, start):
            self.refuse(Fault.SPLIT, f"{wanted} in one buffer", "the end of a buffer within it", start)

    def peek(self, size: int) -> bytes:
        return self.data[self.at : self.at + size]

    def _number(self, form: str, wanted: str) -> int:
        number: int = struct.unpack(form, self.take(struct.calcsize(form), wanted))[0]
        return number

    def u8(self, wanted: str) -> int:
        return self._number("<B", wanted)

    def u16(self, wanted: str) -> int:
        return self._number("<H", wanted)

    def u32(self, wanted: str) -> int:
        return self._number("<I", wanted)

    def i32(self, wanted: str) -> int:
        return self._number("<i", wanted)

    def u64(self, wanted: str) -> int:
        return self._number("<Q", wanted)

    def guid(self, wanted: str) -> UUID:
        return UUID(bytes_le=self.take(16, wanted))

    def expect(self, value: bytes, wanted: str) -> None:
        at, seen = self.at, self.take(len(value), wanted)
        if seen != value:
            self.refuse(Fault.BAD_VALUE, f"{wanted} ({value.hex()})", seen.hex(), at)

    def zeros(self, size: int, wanted: str) -> None:
        self.expect(bytes(size), wanted)

    def utf16(self, size: int, wanted: str) -> str:
        """size: in bytes, without a null at the end."""
        at, raw = self.at, self.take(size, wanted)
        return text_of(raw, "utf-16-le", wanted, self, at)

    def utf16_to_null(self, wanted: str, *, most: int = 1 << 31) -> str:
        """A string that ends with its null, which is within `most` bytes."""
        at = end = self.at
        while self.data[end : end + 2] != b"\0\0":
            if end + 2 > len(self.data):
                self.refuse(Fault.CUT_SHORT, f"{wanted} and its null", f"{self.left} bytes without one", at)
            if end + 4 - at > most:
                self.refuse(Fault.BAD_LENGTH, f"{wanted} of at most {most} bytes", "a longer one", at)
            end += 2
        text = self.utf16(end - at, wanted)
        self.zeros(2, f"the null of {wanted}")
        return text

    def ansi_to_null(self, wanted: str, codec: str = "cp1252") -> str:
        at, end = self.at, self.data.find(b"\0", self.at)
        if end < 0:
            self.refuse(Fault.CUT_SHORT, f"{wanted} and its null", f"{self.left} bytes without one")
        raw = self.take(end - at, wanted)
        self.zeros(1, f"the null of {wanted}")
        return text_of(raw, codec, wanted, self, at)

    def end(self, wanted: str) -> None:
        if self.left:
            self.refuse(Fault.LEFT_OVER, f"the end of {wanted}", f"{self.left} more bytes")


def text_of(raw: bytes, codec: str, wanted: str, cursor: Cursor, at: int) -> str:
    """A string without its null; StreamRefused: it is not of that code page, or has a null inside."""
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError as error:
        cursor.refuse(
            Fault.BAD_STRING, f"{wanted} in {codec}", f"bytes that are not: {raw[error.start :][:8].hex()}", at
        )
    if "\0" in text:
        cursor.refuse(Fault.BAD_STRING, f"{wanted} without a null inside", f"one at letter {text.index(chr(0))}", at)
    return text
