"""Zones in memory with their history, so that a secondary server can lag behind the primary."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import dns.name
import dns.rrset

from mailmove.records import RRset, Zone, zone_of


def rrset(name: str, rtype: str, ttl: int, *values: str) -> RRset:
    """Make a record set."""
    return RRset(name=name, type=rtype, ttl=ttl, values=values)


@lru_cache(maxsize=4096)
def wire_set(record_set: RRset) -> dns.rrset.RRset:
    """The set as dnspython holds it. Shared: copy it before changing it."""
    return dns.rrset.from_text(record_set.name, record_set.ttl, "IN", record_set.type, *record_set.values)


@dataclass(frozen=True)
class Version:
    """What a zone held from `since` (monotonic seconds) on."""

    since: float
    zone: Zone
    serial: int


class ZoneData:
    """Zones of one pair of servers. Every change is a new version; the newest is what the primary serves.

    ttl_floor: a provider that raises the TTLs it is asked for to this many seconds.
    lag: seconds until a change reaches the secondary.
    """

    def __init__(
        self, zones: Mapping[str, Iterable[RRset]] | None = None, *, ttl_floor: int = 0, lag: float = 0.0
    ) -> None:
        self.ttl_floor, self.lag = ttl_floor, lag
        self._lock = threading.RLock()
        self._versions: dict[str, list[Version]] = {}
        self._origins: dict[dns.name.Name, str] = {}
        for name, rrsets in (zones or {}).items():
            self.add(name, rrsets)

    def add(self, name: str, rrsets: Iterable[RRset]) -> None:
        """Serve one more zone. It gets an SOA when it has none."""
        name = name.lower().rstrip(".") + "."
        zone = zone_of(rrsets)
        soa = zone.get((name, "SOA")) or rrset(name, "SOA", 900, f"ns1.{name} hostmaster.{name} 1 7200 900 1209600 60")
        zone[soa.key] = soa
        with self._lock:
            self._versions[name] = [Version(time.monotonic(), zone, int(soa.values[0].split()[2]))]
            self._origins[dns.name.from_text(name)] = name

    @property
    def names(self) -> list[str]:
        with self._lock:
            return sorted(self._versions)

    def holding(self, name: dns.name.Name) -> str | None:
        """The closest enclosing zone of a name; None: none is ours."""
        with self._lock:
            while True:
                if name in self._origins:
                    return self._origins[name]
                if len(name) <= 1:
                    return None
                name = name.parent()

    def latest(self, name: str) -> Version:
        """What the primary serves. KeyError: no such zone."""
        with self._lock:
            return self._versions[name][-1]

    def lagging(self, name: str) -> Version:
        """What a secondary has received by now."""
        with self._lock:
            arrived = [each for each in self._versions[name] if each.since <= time.monotonic() - self.lag]
            return arrived[-1] if arrived else self._versions[name][0]

    def zone(self, name: str) -> Zone:
        return dict(self.latest(name).zone)

    def change(self, name: str, edit: Callable[[Zone], Zone]) -> None:
        """Replace a zone by `edit(zone)` as one change; the serial grows by one if anything differs."""
        with self._lock:
            old = self.latest(name)
            new = {key: self._raised(record_set) for key, record_set in edit(dict(old.zone)).items()}
            if new == old.zone:
                return
            serial = old.serial + 1
            fields = new[name, "SOA"].values[0].split()
            soa = rrset(name, "SOA", new[name, "SOA"].ttl, " ".join([*fields[:2], str(serial), *fields[3:]]))
            new[soa.key] = soa
            self._versions[name].append(Version(time.monotonic(), new, serial))

    def put(self, name: str, *rrsets: RRset) -> None:
        """Set these record sets, in one change; the others stay."""
        self.change(name, lambda zone: {**zone, **zone_of(rrsets)})

    def replace(self, name: str, rrsets: Iterable[RRset]) -> None:
        """Make the zone hold exactly these sets (SOA kept when not among them)."""
        new = zone_of(rrsets)
        self.change(name, lambda zone: {(name, "SOA"): zone[name, "SOA"], **new})

    def _raised(self, record_set: RRset) -> RRset:
        if record_set.type == "SOA" or record_set.ttl >= self.ttl_floor:
            return record_set
        return record_set.model_copy(update={"ttl": self.ttl_floor})
