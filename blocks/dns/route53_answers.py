"""What Route 53 answers, as typed values; one that is cut off or has another form is Transient, never less content.

Shapes: docs.aws.amazon.com Route53/latest/APIReference (API version 2013-04-01), as boto3 parses them from XML.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mailmove.errors import Transient

WHO = "Route 53"
A = TypeVar("A", bound="Answer")


class Answer(BaseModel):
    """A part of an answer; fields that are not named here are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ZoneConfig(Answer):
    private: bool = Field(default=False, alias="PrivateZone")


class HostedZone(Answer):
    """A hosted zone; `Id` is `/hostedzone/Z...` or the id alone."""

    id: str = Field(alias="Id", min_length=1)
    name: str = Field(alias="Name", min_length=1)
    config: ZoneConfig = Field(default=ZoneConfig(), alias="Config")


class HostedZoneAnswer(Answer):
    zone: HostedZone = Field(alias="HostedZone")


class HostedZonesAnswer(Answer):
    zones: list[HostedZone] = Field(alias="HostedZones")


class ResourceRecord(Answer):
    value: str = Field(alias="Value", min_length=1)


class RecordSet(Answer):
    """A record set. An alias has no TTL and no records; one with a routing policy has a `SetIdentifier`."""

    name: str = Field(alias="Name", min_length=1)
    type: str = Field(alias="Type", pattern=r"^[A-Z][A-Z0-9]*$")
    ttl: int | None = Field(default=None, alias="TTL", ge=0, le=2**31 - 1)
    records: list[ResourceRecord] = Field(default=[], alias="ResourceRecords")
    alias: dict[str, Any] | None = Field(default=None, alias="AliasTarget")
    identifier: str | None = Field(default=None, alias="SetIdentifier")
    policy: str | None = Field(default=None, alias="TrafficPolicyInstanceId")

    @property
    def is_routed(self) -> bool:
        """An alias, one of several sets of the same name and type, or one that a traffic policy keeps."""
        return self.alias is not None or self.identifier is not None or self.policy is not None

    @property
    def as_given(self) -> dict[str, Any]:
        """What a DELETE must repeat."""
        values = [{"Value": record.value} for record in self.records]
        return {"Name": self.name, "Type": self.type, "TTL": self.ttl, "ResourceRecords": values}


class RecordSetsPage(Answer):
    sets: list[RecordSet] = Field(alias="ResourceRecordSets")
    truncated: bool = Field(alias="IsTruncated")


class ChangeInfo(Answer):
    id: str = Field(alias="Id", min_length=1)
    status: str = Field(alias="Status", min_length=1)


class ChangeAnswer(Answer):
    info: ChangeInfo = Field(alias="ChangeInfo")


def read(kind: type[A], answer: Any, wanted: str) -> A:
    """The answer as this type. Transient: it has not the form of the API; its parts are named."""
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:3])
        raise malformed(wanted, places) from None


def read_sets(pages: list[Any], wanted: str) -> list[RecordSet]:
    """The record sets of all pages. Transient: the last page says that there is more, there is no SOA, or a set is
    neither plain nor routed.
    """
    read_pages = [read(RecordSetsPage, page, wanted) for page in pages]
    if not read_pages or read_pages[-1].truncated:
        raise malformed(wanted, "a list that ends before its end")
    sets = [record_set for page in read_pages for record_set in page.sets]
    if not any(record_set.type == "SOA" for record_set in sets):  # every hosted zone has one, which nobody can delete
        raise malformed(wanted, f"{len(sets)} record sets, none of them SOA")
    for record_set in sets:
        if not record_set.is_routed and (not record_set.records or record_set.ttl is None):
            raise malformed(wanted, f"{record_set.type} {record_set.name} without values or TTL")
    return sets


def malformed(wanted: str, seen: str) -> Transient:
    todo = "It is asked again. If it stays so, look at what stands between this machine and Amazon."
    return Transient(WHO, wanted=wanted, seen=f"an answer of another form ({seen})", todo=todo)
