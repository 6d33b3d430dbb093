"""HTTPS to a resolver's own address, under the name of its certificate: nobody may be there who could look that up."""

from __future__ import annotations

from dns_town import ZONE
from test_sweeping import doh_server

from mailmove.dns.client.ask_lane import LaneAsker
from mailmove.dns.client.lanes import Lane, LaneMemory, Ways
from mailmove.dns.client.lookups import Lookups
from mailmove.dns.client.messages import QuestionCodec

SERVER = ("127.0.0.1", 9)  # nobody listens there for DNS


async def test_the_name_is_not_looked_up() -> None:
    with doh_server(name="dns.resolver.invalid") as (url, client):
        async with client, Lookups([SERVER], ways=Ways(lambda _: url, client, LaneMemory()), timeout=5) as lookups:
            answer = await lookups.get(ZONE, "MX")
    assert (answer.values, answer.via, answer.error) == (("10 mail.contoso.test.",), "https", None)


async def test_a_certificate_of_another_name_is_no_resolver() -> None:
    with doh_server(name="dns.resolver.invalid") as (url, client):
        other = url.replace("dns.resolver", "dns.other")
        ways = Ways(lambda _: other, client, LaneMemory())
        async with client:
            answer = await LaneAsker(ways, 3).ask(
                Lane(SERVER, other), QuestionCodec(ZONE, "MX", recursive=True), ZONE, "MX"
            )
    assert answer.rcode is None and answer.error
