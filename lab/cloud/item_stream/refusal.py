"""What is wrong with a stream, or with a blob in it."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """Why a stream is refused; tests and the lab's answers go by it."""

    CUT_SHORT = "it ends before its time"
    LEFT_OVER = "bytes are left over"
    WRONG_ORDER = "something stands where it must not"
    UNBALANCED = "a start without its end, or an end without its start"
    MISSING = "something that must be there is not"
    TWICE = "the same thing twice"
    SPLIT = "an atom is split over two buffers"
    UNKNOWN_OPCODE = "an opcode that nobody knows"
    UNKNOWN_TYPE = "a property type that a stream does not carry"
    WRONG_TYPE = "a known property of another type"
    FORBIDDEN = "a property that is not transmitted"
    BAD_NAME = "a property's name that cannot be"
    BAD_LENGTH = "a length that cannot be"
    BAD_STRING = "a string that is none"
    BAD_VALUE = "a value out of range"
    TOO_DEEP = "messages in messages without end"


class StreamRefused(Exception):
    """offset: in bytes, from the start of what was given. wanted and seen: in words, for people."""

    def __init__(self, fault: Fault, offset: int, wanted: str, seen: str, where: str = "") -> None:
        super().__init__(f"at {offset} (0x{offset:X}){f', {where}' if where else ''}: wanted {wanted}; seen {seen}")
        self.fault, self.offset, self.wanted, self.seen, self.where = fault, offset, wanted, seen, where

    def inside(self, where: str, offset: int) -> StreamRefused:
        """The same refusal of a blob, told from the stream that holds it: its value begins at `offset`."""
        return StreamRefused(self.fault, offset + self.offset, self.wanted, self.seen, where)
