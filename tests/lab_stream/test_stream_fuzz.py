"""Whatever is done to a good stream or blob: it is read to a value, or refused with a `StreamRefused`; nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import stream_items as items
import stream_samples as samples

from lab.cloud.item_stream.appointment_recurrence import read_appointment_recurrence
from lab.cloud.item_stream.checks import check_item
from lab.cloud.item_stream.compressed_rtf import read_rtf
from lab.cloud.item_stream.contact_addresses import read_flat_entries
from lab.cloud.item_stream.entry_ids import read_entry, read_list_stream, read_member
from lab.cloud.item_stream.global_object_id import read_global_object_id
from lab.cloud.item_stream.occurrences import is_expandable, occurrences
from lab.cloud.item_stream.reader import read_content, read_stream
from lab.cloud.item_stream.refusal import StreamRefused
from lab.cloud.item_stream.time_zone import read_time_zone_definition, read_time_zone_struct
from lab.cloud.item_stream.writer import write_stream

EXTREMES = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\1",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\0\0\0\x80",
    b"\x1f\0",
    b"\2\1",
)


def spoiled(data: bytes, dice: random.Random) -> bytes:
    """One to three changes: bits, extremes, bytes gone, doubled, moved, or the end."""
    for _ in range(dice.randint(1, 3)):
        at, length = dice.randrange(len(data) + 1), dice.choice((1, 2, 4, 8, 16, 40))
        piece = data[at : at + length]
        match dice.randrange(7):
            case 0 if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]
            case 1:
                extreme = dice.choice(EXTREMES)
                data = data[:at] + extreme + data[at + len(extreme) :]
            case 2:
                data = data[:at] + data[at + length :]
            case 3:
                data = data[:at] + piece + data[at:]
            case 4:
                to = dice.randrange(len(data) + 1)
                data = data[:to] + piece + data[to + length :]
            case 5:
                data = data[:at] + dice.randbytes(length) + data[at:]
            case _:
                data = data[:at] if dice.random() < 0.2 else data
    return data


def play(read: Callable[[bytes], Any], good: bytes, rounds: int, seed: int) -> int:
    """How many of the spoiled ones were refused. Fails with the bytes of the one that raised anything else."""
    refused, dice = 0, random.Random(seed)
    for _ in range(rounds):
        data = spoiled(good, dice)
        try:
            read(data)
        except StreamRefused as refusal:
            assert refusal.wanted and refusal.seen and 0 <= refusal.offset <= len(data), (refusal, data.hex())
            refused += 1
        except Exception as error:
            raise AssertionError(f"{error!r} of {data.hex()}") from error
    return refused


def whole(data: bytes) -> None:
    check_item(read_stream(data))


def content(data: bytes) -> None:
    check_item(read_content(data))


def expanded(blob: bytes) -> None:
    recurrence = read_appointment_recurrence(blob)
    if is_expandable(recurrence):
        occurrences(recurrence, 500)


STREAM, SERIES = write_stream(items.a_message(), buffer=500), write_stream(items.a_series())


@pytest.mark.parametrize("seed", range(4))
def test_streams(seed: int) -> None:
    assert play(whole, STREAM, 800, seed) > 500
    assert play(whole, SERIES, 500, seed) > 300
    assert play(content, items.content_of(SERIES), 500, seed) > 300


BLOBS: list[tuple[Callable[[bytes], Any], bytes]] = [
    (expanded, samples.WEEKLY), (expanded, samples.WEEKLY_CHANGED), (expanded, samples.DAILY_DELETED),
    (expanded, samples.HEBREW), (read_time_zone_definition, samples.PACIFIC), (read_rtf, samples.RTF_HELLO),
    (read_time_zone_struct, bytes(48)), (read_global_object_id, samples.GLOBAL_OBJECT_ID),
    (read_entry, items.one_off("Alice", "alice@contoso.com")), (read_member, items.one_off("A", "b@contoso.com")),
    (read_flat_entries, bytes(8)), (read_list_stream, b"\1" + bytes(35)),
]  # fmt: skip


@pytest.mark.parametrize(("read", "good"), BLOBS)
def test_blobs(read: Callable[[bytes], Any], good: bytes) -> None:
    assert play(read, good, 600, 7) > 50
