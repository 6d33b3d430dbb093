"""Readers of other services by HTTP: Amazon, sign-in at Entra ID, clocks, policy files, DNS over HTTPS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import dns.message
import httpx
from answers import Answer, Shape
from mutate_json import json_mutation
from mutate_text import bytes_mutation, lines_mutation
from mutate_xml import xml_mutation
from prefect_aws import AwsCredentials
from prefect_aws.client_parameters import AwsClientParameters
from pydantic import SecretStr
from reader import Case, Reader
from tape import Tape, TapeServer
from taped_case import taped_case

from blocks.dns.route53 import Route53
from blocks.firewall.aws_security_group import AwsSecurityGroup
from blocks.microsoft365.signing_in.sign_in import SignIn
from blocks.server_clock import clock_at
from blocks.tls_roots import tls_context
from lab.authority import Authority
from lab.dns.route53 import AwsServer
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.mail.security_group import SecurityGroups
from lab.places import Places
from mailmove.dns.client.answer import Answer as DnsAnswer
from mailmove.dns.client.messages import QuestionCodec
from mailmove.dns.client.tcp_and_https import by_https
from mailmove.dns.mail_auth.mta_sts_fetch import https_fetch
from mailmove.errors import Transient
from mailmove.smtp.port_modes import mode_for

ZONE = "contoso.com."
HTTP_NAMES = ("Route 53", "EC2", "sign-in", "server clock", "MTA-STS file", "DNS over HTTPS")
_EC2_LISTS = frozenset({"ipPermissions", "ipRanges", "ipv6Ranges", "prefixListIds", "groups"})
_AWS_FREE = _EC2_LISTS | {"fromPort", "toPort", "ipProtocol", "cidrIp", "cidrIpv6"}
"""Another number, another protocol, another network: another rule. A text in place of a list botocore gives as an empty
list."""
_AWS_RECORDS = frozenset({"ResourceRecordSet", "ResourceRecord", "HostedZone", "item"})


@dataclass
class Taped:
    server: TapeServer

    def case(self, name: str, read: Callable[[], Any], tape: Tape | None = None) -> Case:
        """tape None: what `read` asks for is recorded now."""
        return taped_case(self.server, name, read, tape)


@contextlib.contextmanager
def aws_readers() -> Iterator[list[Reader]]:
    with AwsServer("127.0.0.1", Faults()) as aws, TapeServer("127.0.0.1", None, aws.endpoint_url) as server:
        zone_id = aws.add_zone(
            ZONE,
            [
                rrset(ZONE, "MX", 300, "10 mail.contoso.com."),
                rrset(ZONE, "TXT", 300, '"v=spf1 -all"', '"MS=ms1"'),
                rrset(f"mail.{ZONE}", "A", 60, "192.0.2.1"),
            ],
        )
        group = SecurityGroups(aws, smtp_port=25)
        credentials = AwsCredentials(
            aws_access_key_id=aws.access_key_id,
            aws_secret_access_key=SecretStr(aws.secret_access_key),
            region_name=aws.region,
            aws_client_parameters=AwsClientParameters(
                endpoint_url=server.base, config={"retries": {"total_max_attempts": 1, "mode": "standard"}}
            ),
        )
        route53 = Route53(credentials=credentials, sync_seconds=0.01)
        firewall = AwsSecurityGroup(credentials=credentials, group_id=group.group_id)
        taped = Taped(server)
        assert zone_id
        assert mode_for("x", firewall.modes(), None) == "drop"
        cases = [
            taped.case("zone", lambda: route53.read_zone(ZONE)),
            taped.case("findings", lambda: (route53.findings(), {})[1]),
        ]
        groups = [taped.case("rules", lambda: firewall.allowed(25))]
        shape = Shape(records=_AWS_RECORDS, lists=frozenset({"ResourceRecordSets"}))
        yield [
            Reader("Route 53", cases, [xml_mutation], shape, of_zone),
            Reader("EC2", groups, [xml_mutation], replace(shape, lists=_EC2_LISTS, free=_AWS_FREE)),
        ]


def of_zone(zone: Any) -> Counter[str]:
    return Counter({f"{name} {rtype}": len(records.values) for (name, rtype), records in zone.items()})


@contextlib.contextmanager
def web_readers() -> Iterator[list[Reader]]:
    """Answers written down here, as the specifications have them; no lab stands behind this server."""
    places, authority = Places(), Authority()
    address = places.host(60)
    names = [address, "mta-sts.contoso.com"]
    with TapeServer(address, authority.server_context(*names), "https://none.invalid") as server:
        taped, tls = Taped(server), ssl.create_default_context(cadata=authority.pem)
        context = tls_context(authority.pem)
        yield [
            Reader("server clock", [_clock(taped, context)], [lines_mutation], measure=lambda at: Counter()),
            Reader("MTA-STS file", [_policy_file(taped, tls)], [lines_mutation], measure=_of_file),
            Reader("DNS over HTTPS", [_over_https(taped, tls)], [bytes_mutation]),
            Reader(
                "sign-in", [_sign_in(taped, context)], [json_mutation], measure=lambda token: Counter(token=len(token))
            ),
        ]


def _clock(taped: Taped, context: ssl.SSLContext) -> Case:
    answer = Answer(b"x", 401, (("Date", "Mon, 30 Nov 2026 03:00:00 GMT"), ("Content-Type", "text/plain")))
    return taped.case("clock", lambda: clock_at(f"{taped.server.base}/ews", "EWS", context), Tape.of(answer))


def _policy_file(taped: Taped, tls: ssl.SSLContext) -> Case:
    address, port = taped.server.base.removeprefix("https://").split(":")

    async def lookup(name: str, rtype: str) -> DnsAnswer:
        return DnsAnswer("192.0.2.1:53", name, rtype, "NOERROR", (address,) if rtype == "A" else ())

    def read() -> Any:
        fetched = asyncio.run(https_fetch(lookup, port=int(port), context=tls, timeout=2)("contoso.com"))
        if fetched.error is not None:
            raise Transient("the file", wanted="it", seen=fetched.error, todo="Look.")
        return fetched.body

    body = b"version: STSv1\r\nmode: enforce\r\nmx: mail.contoso.com\r\nmax_age: 604800\r\n"
    return taped.case("file", read, Tape.of(Answer(body, 200, (("Content-Type", "text/plain"),))))


def _of_file(body: str) -> Counter[str]:
    return Counter()


def _over_https(taped: Taped, tls: ssl.SSLContext) -> Case:
    codec = QuestionCodec(ZONE, "MX", recursive=True)
    query = dns.message.make_query(ZONE, "MX", id=0)
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text(ZONE, 300, "IN", "MX", "10 mail.contoso.com.", "20 b.contoso.com."))

    async def ask() -> Any:
        async with httpx.AsyncClient(verify=tls, trust_env=False, timeout=2) as client:
            return await by_https(f"{taped.server.base}/dns-query", codec, client)

    def read() -> Any:
        parsed = asyncio.run(ask())
        if isinstance(parsed, str):
            raise Transient("a resolver", wanted="MX", seen=parsed, todo="Ask again.")
        return parsed.values

    headers = (("Content-Type", "application/dns-message"), ("Age", "10"))
    return taped.case("MX", read, Tape.of(Answer(response.to_wire(), 200, headers)))


def _sign_in(taped: Taped, context: ssl.SSLContext) -> Case:
    base = f"{taped.server.base}/tenant"
    page = (
        f'{{"token_endpoint":"{base}/oauth2/v2.0/token","issuer":"{base}/v2.0","jwks_uri":"{base}/keys",'
        f'"authorization_endpoint":"{base}/oauth2/v2.0/authorize","device_authorization_endpoint":"{base}/devicecode"}}'
    ).encode()
    token = b'{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"abcdefghijklmnop"}'
    kind = (("Content-Type", "application/json"),)

    def read() -> str:
        signing = SignIn(
            tenant="tenant", client_id="client", secret=SecretStr("secret"), login_url=taped.server.base, tls=context
        )
        entra: Any = signing._entra
        entra.ask_patiently = entra.ask  # the same, without the pauses
        return signing.token("https://graph.microsoft.com/.default")

    return taped.case("client credentials", read, Tape.of(Answer(page, 200, kind), Answer(token, 200, kind)))
