"""A plan, and blocks that answer what a test says: handed to a MemoryEngine, they stand where real ones would."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

from prefect.blocks.system import Secret

from mailmove.plan.cutover import Cutover
from mailmove.plan.load import plan_from
from mailmove.ports import DnsProvider, Firewall, SourceServer, Tenant

SOURCE, DNS = "exchange-server/contoso", "rfc2136/contoso"
TENANT, FIREWALL = "microsoft365/contoso", "aws-security-group/contoso"


def a_plan(**sections: dict[str, Any]) -> Cutover:
    """contoso.com moves; `sections` add to the plan's own."""
    plain: dict[str, Any] = {
        "customer": "contoso",
        "domains": ["contoso.com"],
        "source": {"server": SOURCE, "outlook_anywhere_host": "mail.contoso.com", "smtp_host": "mail.contoso.com"},
        "dns": {"provider": DNS},
        "target": {"tenant": TENANT, "usage_location": "GB"},
        "firewall": {"gateway": FIREWALL},
    }
    merged = {name: {**plain.get(name, {}), **more} for name, more in sections.items()}
    return plan_from({**plain, **merged})


def source(kind: type[Any] = SourceServer, **answers: Any) -> dict[str, Any]:
    """The old server's block. kind: the port, or a class that is more than one."""
    return {SOURCE: Mock(spec=kind, **answers)}


def tenant(kind: type[Any] = Tenant, **answers: Any) -> dict[str, Any]:
    return {TENANT: Mock(spec=kind, **answers)}


def dns(**answers: Any) -> dict[str, Any]:
    return {DNS: Mock(spec=DnsProvider, **answers)}


def firewall(**answers: Any) -> dict[str, Any]:
    return {FIREWALL: Mock(spec=Firewall, **answers)}


def with_saved_blocks(plan: Cutover) -> Cutover:
    """The plan with one saved block in all places: whoever starts it looks only whether its blocks are there."""
    Secret(value="nobody opens it").save("start-test", overwrite=True)
    block = "secret/start-test"
    return plan.model_copy(
        update={
            "source": plan.source.model_copy(update={"server": block}),
            "dns": plan.dns.model_copy(update={"provider": block}),
            "target": plan.target.model_copy(update={"tenant": block}),
            "firewall": plan.firewall.model_copy(update={"gateway": block}),
        }
    )
