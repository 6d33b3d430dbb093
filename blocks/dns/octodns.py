"""Any provider that octoDNS can talk to: Cloudflare, Azure, Google, Gandi, DigitalOcean, PowerDNS, ...

Only octoDNS's provider machinery is used (populate, plan, apply), never its manager or its files. A provider that
rewrites a whole zone from what octoDNS models (YamlProvider, ZoneFileProvider) is not for this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from octodns.provider.base import BaseProvider
from octodns.zone import Zone as OctoZone
from prefect.blocks.fields import SecretDict
from pydantic import Field

from blocks.dns.octodns_errors import translated
from blocks.dns.octodns_records import is_plain, made, refuse_unsafe, rrset_of
from blocks.provider_block import ProviderBlock
from mailmove.dns.canonical import absolute
from mailmove.dns.server_made import is_server_made
from mailmove.dns.zone.apply_changes import apply_changes, outstanding
from mailmove.dns.zone.enclosing import enclosing_names, refuse_delegated
from mailmove.dns.zone.guards import beyond_plan
from mailmove.dns.zone.provider_checks import findings_of
from mailmove.errors import Blocked, MailmoveError
from mailmove.evidence import Finding
from mailmove.ports import Checkable, DnsProvider
from mailmove.records import Key, RRsetChange, Zone

_LOOKS = 2
"""How often a plan is made; an edit by somebody else between octoDNS's two looks is gone in the second plan."""


class OctoDns(ProviderBlock, DnsProvider, Checkable):
    """Reads and changes a zone through an octoDNS provider; its package must be installed where the work runs."""

    _block_type_name = "octoDNS provider"
    _block_type_slug = "octodns"
    _description = "The customer's zone at any provider that octoDNS knows: Cloudflare, Azure, Google, Gandi, ..."

    provider_class: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$",
        description="Class of the octoDNS provider.",
        examples=["octodns_cloudflare.CloudflareProvider", "octodns_powerdns.PowerDnsProvider"],
    )
    settings: SecretDict = Field(
        description="What the class takes, as its package's page says (token, host, ...); kept secret.",
    )
    zones: list[str] = Field(
        default=[], description="Zones that the check before the cutover reads.", examples=[["contoso.com"]]
    )

    def read_zone(self, zone: str) -> Zone:
        """Every plain record set that octoDNS models at this provider; others are left out and never touched.

        Blocked: no such zone or package. Refused, Throttled, Transient.
        """
        current = self._populated(self._provider(), zone)
        with translated(self.who, f"zone {zone}", self.settings.get_secret_value()):
            records = _plain(current)
        refuse_delegated(self.who, records, zone, current.name)
        return records

    def apply(self, zone: str, changes: Sequence[RRsetChange]) -> None:
        """One octoDNS plan that holds these changes and nothing else; a provider without batches may do it in steps.

        If it fails between two steps, the next try does the rest. Drifted, TtlRaised, Blocked, Refused, Throttled,
        Transient; NotYet: the provider does not show the change yet.
        """
        apply_changes(
            self.who,
            changes,
            read=lambda: self.read_zone(zone),  # with a provider of its own: some keep what they have read
            write=lambda todo: self._write(zone, todo),
        )

    def findings(self) -> list[Finding]:
        """Is the package there, does the class take the settings, can each of `zones` be read?"""
        checks: list[Callable[[], object]] = [self._provider]
        return findings_of(checks) or [finding for zone in self.zones for finding in self.zone_findings(zone)]

    def zone_findings(self, zone: str, also: Sequence[Key] = ()) -> list[Finding]:
        """Can it be read? octoDNS has no way to try the right to change."""
        return findings_of([lambda: self.read_zone(zone)])

    @property
    def who(self) -> str:
        return f"octoDNS {self.provider_class.rpartition('.')[2]}"

    def _provider(self) -> BaseProvider:
        module, _, name = self.provider_class.rpartition(".")
        try:
            kind = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            package = module.partition(".")[0].replace("_", "-")
            raise self._blocked(str(error), f"Install {package} where the work runs, or mend the name.") from None
        if not (isinstance(kind, type) and issubclass(kind, BaseProvider)):
            raise self._blocked("something else of that name", "Name a provider class, not a source or a function.")
        with translated(self.who, "the provider set up", self.settings.get_secret_value()):
            provider = kind(id="mailmove", **self.settings.get_secret_value())
        # What a provider cannot hold is left alone here; what of ours it leaves out is found when reading back.
        provider.strict_supports = False
        return provider

    def _populated(self, provider: BaseProvider, zone: str) -> OctoZone:
        """The zone that the domain lies in: of the names from the domain upwards, the first that the provider has."""
        own: MailmoveError = Blocked(
            self.who,
            wanted=f"zone {zone}",
            seen="no such zone, or no records in it",
            todo="Check the zone's name and the account in the settings.",
        )
        for name in enclosing_names(zone):
            current = OctoZone(name, [])
            try:
                with translated(self.who, f"zone {zone}", self.settings.get_secret_value()):
                    exists = provider.populate(current, target=True, lenient=True)
            except Blocked as error:
                if name == absolute(zone):
                    own = error  # some providers raise where there is no such zone
                continue
            if exists is not False and current.records:
                return current
        raise own

    def _write(self, zone: str, changes: Sequence[RRsetChange]) -> None:
        """Drifted: a set is not at its `before` any more. Blocked: the plan would change anything else."""
        wanted = f"to change {', '.join(f'{rtype} {name}' for name, rtype in (change.key for change in changes))}"
        for tries_left in reversed(range(_LOOKS)):
            provider = self._provider()
            current = self._populated(provider, zone)
            with translated(self.who, wanted, self.settings.get_secret_value()):
                refuse_unsafe(self.who, current, changes)
                outstanding(self.who, _plain(current), changes)
                plan = provider.plan(_with(current, changes))
            if plan is None:
                return
            try:
                self._check_plan(zone, plan, changes)
            except Blocked:
                if not tries_left:
                    raise
                continue
            with translated(self.who, wanted, self.settings.get_secret_value()):
                provider.apply(plan)
            return

    def _check_plan(self, zone: str, plan: Any, changes: Sequence[RRsetChange]) -> None:
        would = [(change.record.fqdn, change.record._type) for change in plan.changes]
        beyond = beyond_plan(zone, [change.key for change in changes], would)
        if beyond:
            raise Blocked(self.who, wanted=f"only our {len(changes)} changes", seen=beyond.seen, todo=beyond.todo)
        if plan.meta:
            todo = "Settle the zone's own settings by hand first, so that octoDNS has no wish to change them."
            raise Blocked(self.who, wanted="no change to the zone itself", seen=f"it plans {plan.meta}", todo=todo)

    def _blocked(self, seen: str, todo: str) -> Blocked:
        return Blocked("octoDNS", wanted=f"the provider {self.provider_class}", seen=seen, todo=todo)


def _plain(zone: OctoZone) -> Zone:
    written = [record for record in zone.records if is_plain(record) and not is_server_made(record._type)]
    rrsets = [rrset_of(record) for record in written]
    if empty := next((rrset for rrset in rrsets if not rrset.values), None):  # octoDNS only warns of it
        raise ValueError(f"the provider shows {empty.type} {empty.name} without a value")
    return {rrset.key: rrset for rrset in rrsets}


def _with(zone: OctoZone, changes: Sequence[RRsetChange]) -> OctoZone:
    """A copy of the zone with the changes made."""
    desired = zone.copy()
    records = {(record.fqdn, record._type): record for record in zone.records}
    for change in changes:
        if change.after is None and change.key in records:
            desired.remove_record(records[change.key])
    for change in changes:
        if change.after is not None:
            desired.add_record(made(change.after, records.get(change.key), desired), replace=True, lenient=True)
    return desired
