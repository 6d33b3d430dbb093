"""The migration endpoint: Microsoft's Autodiscover first; by hand, with a name that it can use; no cutover, no success.

The lab plays Microsoft's side from the cmdlets' pages, KB 2903050, KB 2975731 and the cmdlets of Exchange 2013.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cutover_walk import Walk, walking

from lab.cloud.tenant import MigrationEndpoint
from lab.exchange.rpc_proxy import mailbox_identity
from lab.hostile import be_hostile
from mailmove.errors import Blocked
from mailmove.ports.tenant.migration import CUTOVER_NOT_SUPPORTED
from tasks.execution.context import Context
from tasks.items.wanted_endpoint import wanted_endpoint
from tasks.ledger.names import endpoint_name
from tasks.stages import start_migration_batch

pytestmark = pytest.mark.timeout(300)
ANNA, PROXY = "anna@northwind.example", "mail.northwind.example"
FQDN = "sbs2008.northwind.local"
BASIC = {
    "ExternalHostname": PROXY,
    "ClientAuthenticationMethod": "Basic",
    "IISAuthenticationMethods": ["Basic"],
    "SSLOffloading": False,
}


@pytest.fixture(scope="module", params=["8.3.83.6", "15.0.847.32"], ids=["2007", "2013"])
def of_module(request: pytest.FixtureRequest) -> Iterator[Walk]:
    with walking(version=request.param) as walk:
        walk.town.old.state.set_outlook_anywhere(dict(BASIC))
        yield walk


@pytest.fixture
def walk(of_module: Walk) -> Iterator[Walk]:
    """Without endpoints, and without faults."""
    yield of_module
    of_module.town.faults.clear()
    of_module.town.cloud.tenant.endpoints.clear()
    of_module.town.old.state.set_outlook_anywhere(dict(BASIC))


def made(walk: Walk) -> MigrationEndpoint:
    context = Context(walk.plan, start_migration_batch.NAME)
    context.tenant.migration.create_endpoint(wanted_endpoint(context), context.source)
    context.tenant.migration.create_endpoint(wanted_endpoint(context), context.source)  # as after a kill
    [endpoint] = walk.town.cloud.tenant.endpoints.values()
    return endpoint


def by_hand(walk: Walk) -> str:
    return FQDN if walk.town.old.state.major < 15 else mailbox_identity(ANNA)


def test_microsofts_own_autodiscover_comes_first(walk: Walk) -> None:
    endpoint = made(walk)
    assert (endpoint.autodiscovered, endpoint.email_address, endpoint.rpc_proxy_server) == (True, ANNA, PROXY)
    assert "." in endpoint.exchange_server


@pytest.mark.parametrize("switches", [("no_autodiscover",), ("no_autodiscover", "short_name_refused")])
def test_by_hand_it_goes_by_a_name_that_microsoft_can_use(walk: Walk, switches: tuple[str, ...]) -> None:
    be_hostile(walk.town.faults, switches)
    endpoint = made(walk)
    assert (endpoint.autodiscovered, endpoint.exchange_server) == (False, by_hand(walk))
    assert (endpoint.rpc_proxy_server, endpoint.email_address) == (PROXY, ANNA)


def test_an_autodiscover_that_leads_elsewhere_is_not_gone_by(walk: Walk) -> None:
    """The plan's server was checked, and answers as well: what Autodiscover names is another one."""
    walk.town.old.state.set_outlook_anywhere({**BASIC, "ExternalHostname": "autodiscover.northwind.example"})
    endpoint = made(walk)
    assert (endpoint.autodiscovered, endpoint.rpc_proxy_server) == (False, PROXY)


def test_where_neither_works_both_are_told(walk: Walk) -> None:
    walk.town.faults.set("hostile.no_autodiscover")
    walk.town.faults.set("rpc.no_echo")
    context = Context(walk.plan, start_migration_batch.NAME)
    with pytest.raises(Blocked) as caught:
        context.tenant.migration.create_endpoint(wanted_endpoint(context), context.source)
    assert "by hand" in caught.value.seen and "Autodiscover" in caught.value.seen
    assert walk.town.cloud.tenant.endpoints == {}


def test_a_tenant_that_takes_no_cutover_is_no_success(walk: Walk) -> None:
    walk.town.faults.set("migration.no_cutover_support")
    context = Context(walk.plan, start_migration_batch.NAME)
    with pytest.raises(Blocked, match="directory synchronisation") as caught:
        context.tenant.migration.create_endpoint(wanted_endpoint(context), context.source)
    assert caught.value.code == CUTOVER_NOT_SUPPORTED and "SupportsCutover" in caught.value.seen
    assert walk.town.cloud.tenant.endpoints == {}


def test_preflight_names_a_tenant_that_takes_no_cutover_by_the_plans_endpoint(walk: Walk) -> None:
    made(walk)
    target = walk.plan.target.model_copy(update={"endpoint": endpoint_name(walk.plan)})
    plan = walk.plan.model_copy(update={"target": target})
    assert start_migration_batch.check.fn(plan).blockers == []
    walk.town.faults.set("migration.no_cutover_support")
    [finding] = start_migration_batch.check.fn(plan).blockers
    assert "SupportsCutover" in finding.seen
