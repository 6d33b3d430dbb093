"""An octoDNS provider that keeps its zones in this process, and can have the habits of real ones."""

from __future__ import annotations

from typing import Any, ClassVar

import requests
from octodns.provider.base import BaseProvider
from octodns.record import Create, Delete, Record, Update
from octodns.record.rr import Rrset
from octodns.zone import Zone as OctoZone
from octodns_powerdns import PowerDnsProvider

from mailmove.records import RRset, Zone

STORES: dict[str, dict[str, Zone]] = {}
"""Store name -> zone name -> what it holds."""


class MemoryProvider(BaseProvider):
    """habit: "floor" raises TTLs below 300 and, as Cloudflare's does, hides the difference from the plan; "steps"
    fails once between two changes; "greedy" plans one change more than it was asked for; "meta" wants to change the
    zone itself; "busy" answers 429; "refuses" 401; "leaky" says its token in its error; "auto-ttl" and "proxied"
    are Cloudflare's switches on every record; "idle" does nothing of what it is asked."""

    SUPPORTS: ClassVar[set[str]] = {"A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT"}
    SUPPORTS_ROOT_NS = False
    SUPPORTS_GEO = SUPPORTS_DYNAMIC = False
    failing: ClassVar[set[str]] = set()
    """Stores whose next step fails."""

    def __init__(self, id: str, store: str, habit: str = "", token: str = "", **more: Any) -> None:
        self.log = __import__("logging").getLogger("MemoryProvider")
        super().__init__(id, **more)
        self.zones, self.store, self.habit, self.token = STORES[store], store, habit, token

    def populate(self, zone: OctoZone, target: bool = False, lenient: bool = False) -> bool:
        if self.habit in ("busy", "refuses"):
            response = requests.Response()
            response.status_code = 429 if self.habit == "busy" else 401
            response.headers["Retry-After"] = "7"
            raise requests.HTTPError(f"{response.status_code} Client Error", response=response)
        if self.habit == "leaky":
            raise RuntimeError(f"bad token {self.token}")
        if zone.name not in self.zones:
            return False
        for one in self.zones[zone.name].values():
            if one.type in self.SUPPORTS:
                rrset = Rrset(one.name, one.type, one.ttl, list(one.values))
                record = Record.from_rrset(zone, rrset, lenient=True, source=self)
                if self.habit in ("auto-ttl", "proxied"):
                    record.octodns["cloudflare"] = {self.habit: True}
                zone.add_record(record, lenient=True)
        return True

    def _include_change(self, change: Any) -> bool:
        if self.habit == "floor" and isinstance(change, Update):
            same = change.existing.data | {"ttl": 0} == change.new.data | {"ttl": 0}
            return not (same and max(300, change.new.ttl) == change.existing.ttl)
        return True

    def _extra_changes(self, existing: OctoZone, desired: OctoZone, changes: Any) -> list[Any]:
        extra = {one._type: one for one in existing.records if one._type == "A" and not one.name.startswith("auto")}
        return [Delete(extra["A"])] if self.habit == "greedy" and changes else []

    def _plan_meta(self, existing: OctoZone, desired: OctoZone, changes: Any) -> Any:
        return {"plan": "business"} if self.habit == "meta" else None

    def _apply(self, plan: Any) -> None:
        if self.habit == "idle":
            return
        zone = self.zones[plan.desired.name]
        for number, change in enumerate(plan.changes):
            if number and self.store in self.failing:
                self.failing.discard(self.store)
                raise requests.ConnectionError("connection reset by peer")
            key = change.record.fqdn, change.record._type
            if isinstance(change, Create | Update):
                made = change.new.to_rrset()
                auto = change.new.octodns.get("cloudflare", {}).get("auto-ttl")
                ttl = max(300, made.ttl) if self.habit == "floor" or auto else made.ttl
                zone[key] = RRset(name=made.name, type=made._type, ttl=ttl, values=tuple(made.rdatas))
            else:
                del zone[key]


class FlooredPowerDns(PowerDnsProvider):
    """PowerDNS behind a reseller who raises every TTL below 300 s."""

    def _mod_Create(self, change: Any) -> Any:
        return _raised(super()._mod_Create(change))

    def _mod_Update(self, change: Any) -> Any:
        return _raised(super()._mod_Update(change))


def _raised(mod: Any) -> Any:
    return mod | {"ttl": max(300, mod["ttl"])}
