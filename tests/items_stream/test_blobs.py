"""Time zones, global object ids and RTF against the examples of Microsoft, byte for byte."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime

import pytest

from mailmove.errors import ItemUnwritable
from mailmove.items.stream.global_object_id import clean, global_object_id, id_of_uid, is_global_object_id
from mailmove.items.stream.recurrence import Weekday
from mailmove.items.stream.rtf import rtf_compressed
from mailmove.items.stream.time_zone_blobs import Transition, ZoneRule, time_zone_definition, time_zone_struct

PACIFIC_2006 = ZoneRule(
    480, 0, -60, Transition(10, Weekday.SUNDAY, 5, 2), Transition(4, Weekday.SUNDAY, 1, 2), year=2006
)
PACIFIC_2007 = ZoneRule(
    480, 0, -60, Transition(11, Weekday.SUNDAY, 1, 2), Transition(3, Weekday.SUNDAY, 2, 2), year=2007
)


def test_ms_oxocal_4_1_4_a_time_zone_with_two_rules() -> None:
    assert time_zone_definition("Pacific Standard Time", [PACIFIC_2006, PACIFIC_2007]).hex().upper() == (
        "0201300002001500500061006300690066006900630020005300740061006E0064006100720064002000540069006D00650002000201"
        "3E000000D6070000000000000000000000000000E001000000000000C4FFFFFF00000A00000005000200000000000000000004000000"
        "0100020000000000000002013E000200D7070000000000000000000000000000E001000000000000C4FFFFFF00000B00000001000200"
        "00000000000000000300000002000200000000000000"
    )


def test_ms_oxocal_4_1_5_a_time_zone_as_one_rule() -> None:
    assert time_zone_struct(PACIFIC_2007).hex().upper() == (
        "E001000000000000C4FFFFFF000000000B00000001000200000000000000000000000300000002000200000000000000"
    )


def test_a_time_zone_without_summer_time_has_no_month_and_the_rule_of_a_series_two_flags() -> None:
    india = ZoneRule(-330)
    assert time_zone_struct(india).hex() == "b6feffff" + "00" * 44
    blob = time_zone_definition("India Standard Time", [india], of_series=True)
    assert blob[len(blob) - 66 :].hex().startswith("02013e000300")


@pytest.mark.parametrize(
    ("name", "rules"),
    [("", [ZoneRule(0)]), ("UTC", []), ("U\0TC", [ZoneRule(0)]), ("\ud800", [ZoneRule(0)]), ("UTC", [ZoneRule(2**31)]),
     ("x" * 40_000, [ZoneRule(0)]), ("UTC", [ZoneRule(0, year=70_000)])],
)  # fmt: skip
def test_a_time_zone_that_no_blob_can_hold_is_refused(name: str, rules: list[ZoneRule]) -> None:
    with pytest.raises(ItemUnwritable):
        time_zone_definition(name, rules)


def test_ms_oxocal_4_1_2_the_global_object_id_of_an_occurrence() -> None:
    expected = (
        "040000008200E00074C5B7101A82E00807D803195025D461E473C8010000000000000000100000002A5844B3"
        "A444F74A9C246C60886F116B"
    )
    data = bytes.fromhex("2A5844B3A444F74A9C246C60886F116B")
    # The page shows the moment as 2008/02/20 17:16:51; its bytes have ten-millionths of a second.
    ours = global_object_id(data, datetime(2008, 2, 20, 17, 16, 51, 701000, tzinfo=UTC), date(2008, 3, 25))
    stored = bytes.fromhex(expected)
    assert ours[:20] == stored[:20] and ours[28:] == stored[28:]
    assert abs(int.from_bytes(ours[20:28], "little") - int.from_bytes(stored[20:28], "little")) < 10**7
    assert clean(stored) == stored[:16] + bytes(4) + stored[20:]


def test_ms_asemail_4_3_a_uid_and_its_global_object_id() -> None:
    outlook = base64.b64decode("BAAAAIIA4AB0xbcQGoLgCAfUCRDgQMnBJoXEAQAAAAAAAAAAEAAAAAvw7UtuTulOnjnjhns3jvM=")
    uid = (
        "040000008200E00074C5B7101A82E00800000000E040C9C12685C4010000000000000000100000000BF0ED4B"
        "6E4EE94E9E39E3867B378EF3"
    )
    assert id_of_uid(uid) == clean(outlook) and id_of_uid(uid, date(2004, 9, 16)) == outlook
    other = base64.b64decode(
        "BAAAAIIA4AB0xbcQGoLgCAAAAAAAAAAAAAAAAAAAAAAAAAAAMwAAAHZDYWwtVWlkAQAAAHs4MTQxMkQzQy0yQTI0LTRFOUQtQjIwRS0xMUY3QkJF"
        "OTI3OTl9AA=="
    )
    assert id_of_uid("{81412D3C-2A24-4E9D-B20E-11F7BBE92799}") == other


@pytest.mark.parametrize("uid", ["", "a\0b", "\ud800"])
def test_a_uid_that_no_id_can_hold_is_refused(uid: str) -> None:
    with pytest.raises(ItemUnwritable):
        id_of_uid(uid)


@pytest.mark.parametrize(
    "identity", [b"", b"\4" * 60, bytes.fromhex("040000008200e00074c5b7101a82e008") + bytes(20) + b"\5\0\0\0abc"]
)
def test_what_is_no_global_object_id_is_not_made_one(identity: bytes) -> None:
    assert not is_global_object_id(identity)
    with pytest.raises(ItemUnwritable):
        clean(identity)


def test_rtf_is_written_uncompressed_with_the_head_of_ms_oxrtfcp() -> None:
    rtf = b"{\\rtf1\\ansi hello}"
    assert rtf_compressed(rtf) == bytes.fromhex("1e000000120000004d454c4100000000") + rtf
