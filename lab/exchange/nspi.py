"""The address book of the old Exchange over RPC (MS-OXNSPI): NspiBind, NspiUnbind, NspiQueryRows, name resolution.

Rows are the mailboxes that are not hidden, in alphabetical order. NDR is little-endian, aligned to four bytes.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence

from lab.exchange.state import ExchangeState
from lab.mail_store import Mailbox

_FIRST_ID = 0x10  # lower minimal entry ids have a meaning of their own (MS-OXNSPI 2.2.1.8)
_INVALID_CODEPAGE, _UNICODE = 0x8004011E, 1200
_DEFAULT_TAGS = (0x3001001F, 0x3003001F, 0x39FE001F)  # display name, legacy DN, SMTP address


class AddressBook:
    """One session: `call(operation, stub)` gives the answer's stub; None: there is no such operation here."""

    def __init__(self, state: ExchangeState) -> None:
        self._state = state
        self._handle = struct.pack("<I", 0) + uuid.uuid4().bytes_le

    def call(self, operation: int, stub: bytes) -> bytes | None:
        operations = {0: self._bind, 1: self._unbind, 3: self._query_rows, 20: self._resolve}
        return operations[operation](_Reader(stub)) if operation in operations else None

    def _bind(self, asked: _Reader) -> bytes:
        asked.number()
        codepage = struct.unpack("<9I", asked.take(36))[6]
        error = _INVALID_CODEPAGE if codepage == _UNICODE else 0
        guid = uuid.uuid5(uuid.NAMESPACE_DNS, self._state.server).bytes_le
        return struct.pack("<I", 0x20000) + guid + (b"\0" * 20 if error else self._handle) + struct.pack("<I", error)

    def _unbind(self, _asked: _Reader) -> bytes:
        return b"\0" * 20 + struct.pack("<I", 1)

    def _query_rows(self, asked: _Reader) -> bytes:
        asked.take(20)
        asked.number()
        stat = list(struct.unpack("<9I", asked.take(36)))
        count_ids = asked.number()
        chosen = [asked.number() for _ in range(asked.number())] if asked.number() else None
        assert chosen is None or len(chosen) == count_ids
        count = asked.number()
        tags = asked.tags() or _DEFAULT_TAGS
        boxes = self._boxes()
        if chosen is None:
            first = max(0, stat[2] - _FIRST_ID) if stat[2] >= _FIRST_ID else len(boxes) if stat[2] == 2 else 0
            rows: list[Mailbox | None] = list(boxes[first : first + count])
            after = first + len(rows)
            stat[2] = after + _FIRST_ID if after < len(boxes) else 2
            stat[4], stat[5] = after, len(boxes)
        else:
            rows = [boxes[row_id - _FIRST_ID] if 0 <= row_id - _FIRST_ID < len(boxes) else None for row_id in chosen]
        return struct.pack("<9I", *stat) + _rows(rows, tags) + struct.pack("<I", 0)

    def _resolve(self, asked: _Reader) -> bytes:
        asked.take(20 + 4 + 36)
        tags = asked.tags() or _DEFAULT_TAGS
        names = asked.texts()
        boxes = self._boxes()
        matching = [[box for box in boxes if _fits(box, name)] for name in names]
        ids = [0 if not hits else 2 if len(hits) == 1 else 1 for hits in matching]
        answer = struct.pack("<IIIII", 0x20000, len(ids) + 1, len(ids), 0, len(ids)) + struct.pack(
            f"<{len(ids)}I", *ids
        )
        return answer + _rows([hits[0] for hits in matching if len(hits) == 1], tags) + struct.pack("<I", 0)

    def _boxes(self) -> list[Mailbox]:
        with self._state.store.lock:
            boxes = [box for box in self._state.store.mailboxes.values() if not box.hidden]
        return sorted(boxes, key=lambda box: box.display_name)


def _fits(box: Mailbox, name: str) -> bool:
    """Ambiguous name resolution: addresses and the legacy DN whole, the display name from its beginning."""
    asked = name.lower().removeprefix("=").removeprefix("smtp:")
    whole = (box.address, *box.aliases, box.legacy_exchange_dn.lower(), box.address.partition("@")[0])
    return asked in whole or box.display_name.lower().startswith(asked)


def _value(box: Mailbox, tag: int) -> str | None:
    return {
        0x3001: box.display_name,
        0x3003: box.legacy_exchange_dn or f"/o=First Organization/cn=Recipients/cn={box.address.partition('@')[0]}",
        0x39FE: box.address,
        0x3A00: box.address.partition("@")[0],
    }.get(tag >> 16)


def _rows(boxes: Sequence[Mailbox | None], tags: Sequence[int]) -> bytes:
    """A pointer to PropertyRowSet_r; what a row points to comes after all rows, depth first."""
    out = struct.pack("<III", 0x20000, len(boxes), len(boxes))
    out += b"".join(struct.pack("<III", 0, len(tags), 0x20004 + 4 * number) for number in range(len(boxes)))
    for box in boxes:
        heads, tails = struct.pack("<I", len(tags)), b""
        for number, tag in enumerate(tags):
            text = _value(box, tag) if box and tag & 0xFFFF in (0x1F, 0x1E) else None
            if text is None:  # MAPI_E_NOT_FOUND, as a property of type error
                heads += struct.pack("<IIII", tag & 0xFFFF0000 | 0xA, 0, 0xA, 0x8004010F)
                continue
            heads += struct.pack("<IIII", tag, 0, tag & 0xFFFF, 0x20100 + 4 * number)
            wide = tag & 0xFFFF == 0x1F
            raw = f"{text}\0".encode("utf-16-le" if wide else "cp1252", "replace")
            count = len(raw) // 2 if wide else len(raw)
            tails += struct.pack("<III", count, 0, count) + raw + b"\0" * (-len(raw) % 4)
        out += heads + tails
    return out


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise ValueError("the request ends too soon")
        self._at += count
        return taken

    def number(self) -> int:
        return int(struct.unpack("<I", self.take(4))[0])

    def tags(self) -> tuple[int, ...]:
        """A pointer to PropertyTagArray_r."""
        if not self.number():
            return ()
        self.take(12)
        return tuple(self.number() for _ in range(self.number()))

    def texts(self) -> list[str]:
        """WStringsArray_r."""
        count = self.number()
        self.take(4 + 4 * count)
        return [self._text() for _ in range(count)]

    def _text(self) -> str:
        self.take(8)
        size = 2 * self.number()
        raw = self.take(size)
        self.take(min(-size % 4, len(self._data) - self._at))
        return raw.decode("utf-16-le").rstrip("\0")
