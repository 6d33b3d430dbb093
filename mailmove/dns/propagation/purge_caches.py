"""Ask operators of public resolvers to purge a record set from their caches.

Only after every authority serves the new set: before that, they would fetch the old one anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx

from mailmove.plan.public_resolvers import Operator, operator_at
from mailmove.records import RRset
from mailmove.wire.http import client_of_coroutines

_TIMEOUT = 10.0  # seconds


def operators_of(addresses: Sequence[str]) -> list[Operator]:
    """The operators on the shipped list that run these resolvers, each once."""
    operators = [operator for address in addresses if (operator := operator_at(address))]
    return list({operator.operator: operator for operator in operators}.values())


async def purge(rrset: RRset, operators: Sequence[Operator], client: httpx.AsyncClient | None = None) -> list[str]:
    """Ask every operator that has an API to forget the set; one sentence for each that can be asked at all.

    Cloudflare takes `POST https://one.one.one.one/api/v1/purge?domain=<name>&type=<type>`, without an account. Where
    there is only a page, the sentence has the link. Harmless when repeated. Nothing is raised: the wait goes on
    without a purge too.
    """
    own = client or client_of_coroutines(seconds=_TIMEOUT, most=1_000_000, proxies=True)
    try:
        sentences = await asyncio.gather(*(_forget(rrset, operator, own) for operator in operators))
    finally:
        if client is None:
            await own.aclose()
    return [sentence for sentence in sentences if sentence]


async def _forget(rrset: RRset, operator: Operator, client: httpx.AsyncClient) -> str | None:
    """Ask one operator; what came of it in a sentence, or None: it offers neither an API nor a page."""
    name = rrset.name.rstrip(".")
    by_hand = f"its cache of {rrset.type} {name} can be emptied by hand at {operator.purge_page}"
    if operator.purge_api is None:
        note = f" ({operator.note})" if operator.note else ""
        return f"{operator.operator}: {by_hand}{note}" if operator.purge_page else None
    try:
        response = await client.post(operator.purge_api, params={"domain": name, "type": rrset.type})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{operator.operator}: could not be asked to forget ({type(error).__name__}); {by_hand}"
    if not response.is_success:
        return f"{operator.operator}: refused to forget (status {response.status_code}); {by_hand}"
    return f"{operator.operator}: was asked to forget {rrset.type} {name}"
