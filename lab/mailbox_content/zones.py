"""Time zones of calendar items as blobs (MS-OXOCAL 2.2.1.39, 2.2.1.41): known names, custom ones, one without it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

Switch = tuple[int, int, int, int]
"""(month, day of the week, which of the month, hour)."""


@dataclass(frozen=True)
class Zone:
    """bias: minutes; UTC is local time plus bias."""

    name: str
    bias: int
    standard: Switch | None = None
    daylight: Switch | None = None

    def _switch(self, switch: Switch | None) -> bytes:
        month, week_day, nth, hour = switch or (0, 0, 0, 0)
        return struct.pack("<8H", 0, month, week_day, nth, hour, 0, 0, 0)

    @property
    def struct(self) -> bytes:
        """PidLidTimeZoneStruct."""
        biases = struct.pack("<iii", self.bias, 0, -60 if self.daylight else 0)
        return biases + bytes(2) + self._switch(self.standard) + bytes(2) + self._switch(self.daylight)

    def definition(self, flags: int) -> bytes:
        """flags of its one rule: 2 effective, 1 of the series too."""
        name = self.name.encode("utf-16-le")
        head = b"\2\1" + struct.pack("<HHH", 6 + len(name), 2, len(name) // 2) + name + struct.pack("<H", 1)
        biases = struct.pack("<iii", self.bias, 0, -60 if self.daylight else 0)
        rule = b"\2\1" + struct.pack("<HHH", 0x3E, flags, 2007) + bytes(14) + biases
        return head + rule + self._switch(self.standard) + self._switch(self.daylight)


ZONES = (
    Zone("W. Europe Standard Time", -60, (10, 0, 5, 3), (3, 0, 5, 2)),
    Zone("Eastern Standard Time", 300, (11, 0, 1, 2), (3, 0, 2, 2)),
    Zone("AUS Eastern Standard Time", -600, (4, 0, 1, 3), (10, 0, 1, 2)),
    Zone("India Standard Time", -330),
    Zone("Customized Time Zone", -60, (10, 0, 5, 3), (3, 0, 5, 2)),
    Zone("(GMT+01.00) Büro Köln", -60, (10, 0, 5, 3), (3, 0, 5, 2)),
    Zone("UTC", 0),
)
