"""Caches that can be told to forget.

Only after every authority serves the new set: before that, they would fetch the old one anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx

from mailmove.plan.public_resolvers import Operator, operator_at
from mailmove.records import RRset

_SECONDS = 10.0


def operators_of(addresses: Sequence[str]) -> list[Operator]:
    """Who on the shipped list runs these resolvers, each once."""
    found = [operator for address in addresses if (operator := operator_at(address))]
    return list({operator.operator: operator for operator in found}.values())


async def purge(rrset: RRset, operators: Sequence[Operator], client: httpx.AsyncClient | None = None) -> list[str]:
    """Ask every operator that has an API to forget the set; one sentence for each that can be told at all.

    Cloudflare takes `POST https://one.one.one.one/api/v1/purge?domain=<name>&type=<type>`, without an account. Where
    there is only a page, the sentence has the link. Harmless when repeated. Raises nothing: a purge is only a favour.
    """
    own = client or httpx.AsyncClient(timeout=_SECONDS)
    try:
        said = await asyncio.gather(*(_forget(rrset, one, own) for one in operators))
    finally:
        if client is None:
            await own.aclose()
    return [line for line in said if line]


async def _forget(rrset: RRset, operator: Operator, client: httpx.AsyncClient) -> str | None:
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
