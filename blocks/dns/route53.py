"""Amazon Route 53 as DNS provider. API version 2013-04-01, by boto3."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError
from prefect_aws import AwsCredentials
from pydantic import Field

from blocks.dns.route53_answers import (
    WHO,
    ChangeAnswer,
    HostedZone,
    HostedZoneAnswer,
    HostedZonesAnswer,
    RecordSet,
    malformed,
    read,
    read_sets,
)
from blocks.provider_block import ProviderBlock
from blocks.tls_roots import kind_of
from mailmove.dns.canonical import spelled_as
from mailmove.dns.zone.absent_values import absent_value
from mailmove.dns.zone.apply_changes import apply_changes
from mailmove.dns.zone.enclosing import enclosing_names, refuse_delegated
from mailmove.dns.zone.mail_record_names import changed_tonight
from mailmove.dns.zone.provider_checks import findings_of
from mailmove.errors import Blocked, Drifted, MailmoveError, NotYet, Refused, Throttled, Transient
from mailmove.evidence import Finding
from mailmove.ports import Checkable, DnsProvider
from mailmove.records import Key, RRset, RRsetChange, Zone

_THROTTLED = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}
_REFUSED = {
    "AccessDenied",
    "AccessDeniedException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "ExpiredTokenException",
    "MissingAuthenticationToken",
    "OptInRequired",
}
_NOT_AS_BEFORE = ("it already exists", "it was not found", "do not match the current values")
_ESCAPE = re.compile(r"\\(?:([0-9]{3})|(.))", re.DOTALL)


class Route53(ProviderBlock, DnsProvider, Checkable):
    """Reads and changes a public hosted zone in Amazon Route 53.

    The key needs route53:ListHostedZonesByName, GetHostedZone, ListResourceRecordSets, ChangeResourceRecordSets and
    GetChange.
    """

    _block_type_name = "Route 53"
    _block_type_slug = "route53"
    _description = "The customer's zone in Amazon Route 53, read and changed by Mailmove."

    credentials: AwsCredentials = Field(description="Access key of the account that holds the zone.")
    hosted_zone_id: str | None = Field(
        default=None,
        description="Id of the hosted zone; empty: it is found by name. Needed where two public zones share a name.",
        examples=["Z0123456789ABCDEFGHIJ"],
    )
    sync_seconds: float = Field(
        default=300, gt=0, description="How long to wait until Amazon's own name servers have a change, in seconds."
    )

    def read_zone(self, zone: str) -> Zone:
        """Every plain record set. Alias sets and sets with a routing policy are left out, and never touched.

        Blocked: there is no such public zone, or several. Also Refused, Throttled, Transient.
        """
        zone_id, apex = self._hosted_zone(zone)
        sets = self._sets(zone_id)
        for raw in sets:
            if not f".{_name(raw.name)}".endswith(f".{apex}"):
                raise malformed(f"the record sets of {zone}", f"{raw.type} {raw.name!r:.80}, which is not in that zone")
        records = _plain(sets)
        refuse_delegated(WHO, records, zone, apex)
        return records

    def apply(self, zone: str, changes: Sequence[RRsetChange]) -> None:
        """One ChangeBatch, which is all or nothing; returns when GetChange says INSYNC.

        Drifted, Blocked, Refused, Throttled, Transient; NotYet: the change is made, Amazon's servers lag.
        """
        zone_id, _apex = self._hosted_zone(zone)
        raw: list[RecordSet] = []

        def read() -> Zone:
            raw[:] = self._sets(zone_id)
            _refuse_routed(raw, changes)
            return _plain(raw)

        apply_changes(WHO, changes, read=read, write=lambda todo: self._change(zone_id, todo, raw))

    def findings(self) -> list[Finding]:
        """Sign in, read, and try each right; with `hosted_zone_id` also the right to change that zone."""
        checks: list[Callable[[], object]] = [self._check_sign_in, self._check_get_change]
        if self.hosted_zone_id:
            zone_id = _bare(self.hosted_zone_id)
            checks += [lambda: self._sets(zone_id), lambda: self._check_may_change(zone_id)]
        return findings_of(checks)

    def zone_findings(self, zone: str, also: Sequence[Key] = ()) -> list[Finding]:
        """The same for one zone by name; the right to change each set of the night is tried with a change that must be
        rejected: a policy may allow some names and types only (route53:ChangeResourceRecordSets... conditions of IAM).
        """

        def try_rights() -> None:
            keys = changed_tonight(self.read_zone(zone), zone, also)
            zone_id, _apex = self._hosted_zone(zone)
            if not self._refuses(zone_id, keys):
                return
            refused = [key for key in keys if self._refuses(zone_id, [key])] or keys
            sets = ", ".join(f"{rtype} {name}" for name, rtype in refused)
            todo = "Let the access key change these names and types, all of them."
            raise Refused(WHO, wanted=f"to change {sets}", seen=f"no right to change {sets}", todo=todo)

        return findings_of([try_rights])

    def _client(self) -> Any:
        return _client_for(self.credentials)

    def _call(self, operation: str, wanted: str, **arguments: Any) -> dict[str, Any]:
        with _translated(wanted):
            answer: dict[str, Any] = getattr(self._client(), operation)(**arguments)
            return answer

    def _hosted_zone(self, zone: str) -> tuple[str, str]:
        """(id, name) of the public hosted zone that the domain lies in: its own, or the closest above it."""
        if self.hosted_zone_id:
            zone_id = _bare(self.hosted_zone_id)
            answer = self._call("get_hosted_zone", f"hosted zone {zone_id}", Id=zone_id)
            entry = read(HostedZoneAnswer, answer, f"hosted zone {zone_id}").zone
            self._check_zone(entry, zone)
            return zone_id, _name(entry.name)
        zones: list[HostedZone] = []
        for name in enclosing_names(zone):
            answer = self._call("list_hosted_zones_by_name", f"the hosted zone of {zone}", DNSName=name)
            listed = read(HostedZonesAnswer, answer, f"the hosted zone of {zone}").zones
            zones = [known for known in listed if _name(known.name) == name and not known.config.private]
            if len(zones) == 1:
                return _bare(zones[0].id), name
            if zones:
                break
        ids = ", ".join(_bare(known.id) for known in zones)
        raise Blocked(
            WHO,
            wanted=f"the public hosted zone {zone}",
            seen=f"{len(zones)} of that name: {ids}" if zones else "none of that name",
            todo="Write into hosted_zone_id of the block which one the registrar delegates to."
            if zones
            else "Check the account of the access key.",
        )

    def _check_zone(self, entry: HostedZone, zone: str) -> None:
        private = entry.config.private
        if private or _name(entry.name) not in enclosing_names(zone):
            raise Blocked(
                WHO,
                wanted=f"the public hosted zone {zone}",
                seen=f"{'private ' if private else ''}zone {entry.name}",
                todo="Correct hosted_zone_id in the block.",
            )

    def _sets(self, zone_id: str) -> list[RecordSet]:
        wanted = f"the record sets of hosted zone {zone_id}"
        with _translated(wanted):
            pages = list(self._client().get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone_id))
        return read_sets(pages, wanted)

    def _change(self, zone_id: str, changes: list[RRsetChange], raw: list[RecordSet]) -> None:
        standing = {(_name(record_set.name), record_set.type): record_set for record_set in raw}
        batch = [step for change in changes for step in _api_changes(change, standing.get(change.key))]
        # All deletions come first: a CNAME may not stand beside other sets even for the length of a list.
        batch.sort(key=lambda step: step["Action"] == "CREATE")
        answer = self._call(
            "change_resource_record_sets",
            f"to change {', '.join(f'{rtype} {name}' for name, rtype in (change.key for change in changes))}",
            HostedZoneId=zone_id,
            ChangeBatch={"Comment": "Mailmove", "Changes": batch},
        )
        self._wait(read(ChangeAnswer, answer, "the id of the change").info.id)

    def _wait(self, change_id: str) -> None:
        deadline, pause = time.monotonic() + self.sync_seconds, 0.1
        while not self._insync(change_id):
            if time.monotonic() + pause > deadline:
                raise NotYet(
                    WHO,
                    wanted=f"change {change_id} to be INSYNC",
                    seen=f"PENDING after {self.sync_seconds:.0f} s",
                    todo="The change is made. Ask the name servers; look at Amazon's status page if it stays so.",
                )
            time.sleep(pause)
            pause = min(pause * 1.6, 5.0)  # the whole account may ask five times a second

    def _insync(self, change_id: str) -> bool:
        try:
            answer = self._call("get_change", f"change {change_id}", Id=change_id)
        except Throttled:
            return False  # the change is made; who asks too often just asks later
        return read(ChangeAnswer, answer, f"change {change_id}").info.status == "INSYNC"

    def _check_sign_in(self) -> None:
        if self.hosted_zone_id:
            self._call("get_hosted_zone", "the hosted zone", Id=_bare(self.hosted_zone_id))
        else:
            self._call("list_hosted_zones_by_name", "the hosted zones", MaxItems="1")

    def _check_get_change(self) -> None:
        try:
            self._call("get_change", "the right to ask for the state of a change", Id="C0000000000MAILMOVE")
        except Blocked as error:
            if error.code != "NoSuchChange":
                raise

    def _check_may_change(self, zone_id: str) -> None:
        answer = self._call("get_hosted_zone", f"hosted zone {zone_id}", Id=zone_id)
        name = read(HostedZoneAnswer, answer, f"hosted zone {zone_id}").zone.name
        absent = RRset(name=f"mailmove-check-{time.time_ns()}.{name}", type="TXT", ttl=1, values=('"absent"',))
        try:
            self._change(zone_id, [RRsetChange(before=absent, after=None)], [])
        except Drifted:
            return  # "it was not found": asked with the right to ask, and nothing was changed

    def _refuses(self, zone_id: str, keys: Sequence[Key]) -> bool:
        """Is the right to change one of these sets missing? Asked to delete what is not there, in one batch."""
        values = [(name, rtype, absent_value(rtype)) for name, rtype in keys]
        absent = [RRset(name=name, type=rtype, ttl=1, values=(value,)) for name, rtype, value in values if value]
        try:
            self._change(zone_id, [RRsetChange(before=rrset, after=None) for rrset in absent], [])
        except Drifted:
            return False  # "it was not found": asked with the right to ask, and nothing was changed
        except Refused:
            return True
        return False


@lru_cache(maxsize=16)
def _client_for(credentials: AwsCredentials) -> Any:
    """A client; making one takes a tenth of a second, and threads may share it."""
    parameters = credentials.aws_client_parameters.get_params_override()
    # Two tries within a call; longer waits belong to the task's retry policy, where they are seen.
    config = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 2})
    if isinstance(parameters.get("config"), Config):
        config = config.merge(parameters["config"])
    # Route 53 has one global endpoint, signed for us-east-1.
    parameters |= {"config": config, "region_name": credentials.region_name or "us-east-1"}
    return credentials.get_boto3_session().client("route53", **parameters)


def _bare(identifier: str) -> str:
    return identifier.rsplit("/", 1)[-1]


def _name(name: str) -> str:
    """As we spell names: Route 53 writes * as \\052, in octal."""
    return _from_octal(name).lower().replace("\\042", "*").rstrip(".") + "."


def _from_octal(text: str) -> str:
    """Route 53 escapes bytes in octal, master files (and we) in decimal."""
    return _ESCAPE.sub(lambda match: f"\\{int(match[1], 8):03d}" if match[1] else match[0], text)


def _to_octal(text: str) -> str:
    return _ESCAPE.sub(lambda match: f"\\{int(match[1]):03o}" if match[1] else match[0], text)


def _plain(sets: list[RecordSet]) -> Zone:
    zone: Zone = {}
    for raw in sets:
        if not raw.is_routed and raw.ttl is not None:
            values = tuple(_from_octal(record.value) for record in raw.records)
            rrset = RRset(name=_name(raw.name), type=raw.type, ttl=raw.ttl, values=values)
            zone[rrset.key] = rrset
    return zone


def _refuse_routed(sets: list[RecordSet], changes: Sequence[RRsetChange]) -> None:
    touched = {change.key for change in changes}
    for raw in sets:
        key = (_name(raw.name), raw.type)
        if raw.is_routed and key in touched:
            raise Blocked(
                WHO,
                wanted=f"to change {key[1]} {key[0]}",
                seen="an alias or a set with a routing policy",
                todo="Replace it by a simple record set by hand; Mailmove does not touch such sets.",
            )


def _api_changes(change: RRsetChange, raw: RecordSet | None) -> list[dict[str, Any]]:
    """DELETE what stood there and CREATE what shall: in one batch that is one operation, and what UPSERT does too.

    But Route 53 carries out a DELETE only if name, type, TTL and values are the very ones that stand there, and a
    CREATE only where nothing stands: so nobody's edit in between is overwritten.
    """
    steps = []
    if change.before is not None:
        steps.append({"Action": "DELETE", "ResourceRecordSet": raw.as_given if raw else _api_set(change.before)})
    if change.after is not None:
        standing = [_from_octal(record.value) for record in raw.records] if raw else []
        steps.append({"Action": "CREATE", "ResourceRecordSet": _api_set(change.after, standing)})
    return steps


def _api_set(rrset: RRset, standing: Sequence[str] = ()) -> dict[str, Any]:
    """standing: values there now; one that stays keeps its spelling."""
    records = [{"Value": _to_octal(value)} for value in spelled_as(rrset, standing)]
    return {"Name": _to_octal(rrset.name), "Type": rrset.type, "TTL": rrset.ttl, "ResourceRecords": records}


@contextmanager
def _translated(wanted: str) -> Iterator[None]:
    """Turn boto3's exceptions into ours."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(wanted, error.response) from None
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise Refused(WHO, wanted=wanted, seen=str(error), todo="Put an access key into the block.") from None
    except BotoCoreError as error:  # no connection, no answer in time, no such host
        raise Transient(WHO, wanted=wanted, seen=_words(error), todo="Check the way to Amazon; try again.") from None
    except (ResponseParserError, ValueError, TypeError, AttributeError, LookupError) as error:
        # botocore's parser lets them through where an element of the answer is empty, doubled or of another type.
        raise malformed(wanted, type(error).__name__) from None


def _from_answer(wanted: str, answer: Any) -> MailmoveError:
    fault = answer.get("Error", {})
    code, message = str(fault.get("Code", "")), str(fault.get("Message", ""))
    words = f"{code}: {message}"
    if code in _THROTTLED:
        return Throttled(WHO, wanted=wanted, seen=words, todo="Ask again after a pause.", retry_after=5.0, code=code)
    if code in _REFUSED:
        todo = "Check the access key and its rights in the block."
        return Refused(WHO, wanted=wanted, seen=words, todo=todo, code=code)
    if _is_drift(code, message):
        todo = "Nothing was changed. Look again: someone edits this zone."
        return Drifted(WHO, wanted=wanted, seen=words, todo=todo, code=code)
    if code == "PriorRequestNotComplete" or answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return Transient(WHO, wanted=wanted, seen=words, todo="Ask again.", code=code)
    todo = "Read what Route 53 says, and correct the block or the zone."
    return Blocked(WHO, wanted=wanted, seen=words, todo=todo, code=code)


def _is_drift(code: str, message: str) -> bool:
    """Does a change batch fail because a set does not stand as it was read?

    InvalidChangeBatch has one code for every fault of a batch; which one it is stands in its sentences only
    (docs.aws.amazon.com Route53/latest/APIReference/API_ChangeResourceRecordSets.html: "a list of messages").
    """
    return code == "InvalidChangeBatch" and any(words in message for words in _NOT_AS_BEFORE)


def _words(error: Exception) -> str:
    """botocore's words, without those of the HTTP client inside: they quote a header that cannot be sent, token too."""
    return kind_of(error) if type(error) is HTTPClientError else str(error)
