"""DNS records and changes to them, as plain values.

Names and targets are absolute, in presentation format (RFC 1035 section 5), with the last dot:
`contoso.com.`, `10 mail.contoso.com.`. TTLs are in seconds. A value has one spelling (`mailmove.dns.spelling`), from
the moment when a set is made: sets that say the same are equal, whoever spelled them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from mailmove.domain_names import to_ascii


class RRset(BaseModel):
    """All records of one name and type (RFC 2181 section 5)."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="Absolute owner name in lower case, with the last dot")
    type: str = Field(description="MX, TXT, CNAME, ...")
    ttl: int = Field(ge=0, le=2**31 - 1, description="Seconds")
    values: tuple[str, ...] = Field(min_length=1, description="RDATA in presentation format, sorted")

    @field_validator("name")
    @classmethod
    def _absolute(cls, name: str) -> str:
        return to_ascii(name).rstrip(".") + "."

    @field_validator("type")
    @classmethod
    def _upper(cls, rtype: str) -> str:
        return rtype.upper()

    @field_validator("values")
    @classmethod
    def _in_one_spelling(cls, values: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        from mailmove.dns.spelling import canonical_value  # dnspython: a run that only looks at the ledger needs none

        rtype = str(info.data.get("type", ""))
        return tuple(sorted({canonical_value(rtype, value) for value in values}))

    @property
    def key(self) -> tuple[str, str]:
        """(name, type), which identifies the set in a zone."""
        return self.name, self.type

    def __str__(self) -> str:
        return "; ".join(f"{self.name} {self.ttl} {self.type} {value}" for value in self.values)


Key = tuple[str, str]
"""(absolute owner name, type) of a record set."""


class AskedZone(dict[tuple[str, str], RRset]):
    """A Zone of which only what was asked for is known, one question for each set; other sets may stand there too."""


class RRsetChange(BaseModel):
    """One set before and after. `None` means that there is no such set."""

    model_config = ConfigDict(frozen=True)

    before: RRset | None
    after: RRset | None

    @property
    def key(self) -> tuple[str, str]:
        """(name, type) of the set that changes."""
        present = self.after or self.before
        assert present is not None, "a change has a before or an after"
        return present.key

    def inverse(self) -> RRsetChange:
        """The change that undoes this one."""
        return RRsetChange(before=self.after, after=self.before)


Zone = dict[tuple[str, str], RRset]
"""Record sets of a zone at its provider, by (name, type)."""


def zone_of(rrsets: Iterable[RRset]) -> Zone:
    """Index record sets by (name, type)."""
    return {rrset.key: rrset for rrset in rrsets}


def difference(zone: Zone, wanted: Iterable[RRset]) -> list[RRsetChange]:
    """The changes that bring `zone` to hold every set in `wanted`; nothing else is touched."""
    return list(_differing(zone, wanted))


def _differing(zone: Zone, wanted: Iterable[RRset]) -> Iterator[RRsetChange]:
    for after in wanted:
        before = zone.get(after.key)
        if before != after:
            yield RRsetChange(before=before, after=after)
