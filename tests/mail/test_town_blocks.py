"""The production blocks, pointed at a town by their fields only."""

from __future__ import annotations

import pytest
from prefect.blocks.core import Block
from pydantic import SecretStr

from lab.town import DOMAIN, Town
from lab.town_blocks import blocks_of, save_blocks
from mailmove.ports import Checkable, DnsProvider, Firewall, Partner, SourceServer, Tenant


@pytest.mark.parametrize(("provider", "version"), [("route53", "8.3.83.6"), ("rfc2136", "14.3.123.4")])
def test_every_block_reaches_its_counterpart(provider: str, version: str) -> None:
    settings = {"users": 2, "messages": 20, "mail_per_second": 0.0, "approve_after": 0.1}
    with Town(dns=provider, version=version, **settings) as town:  # type: ignore[arg-type]
        first = town.picture()
        blocks = blocks_of(town)
        plan = town.plan()
        named = {plan["source"]["server"], plan["dns"]["provider"], plan["firewall"]["gateway"], *refs(plan["target"])}
        assert set(blocks) == named
        for ref, block in blocks.items():
            assert ref.partition("/")[0] == block.get_block_type_slug()
        found = one(blocks, DnsProvider)
        assert (f"{DOMAIN}.", "MX") in found.read_zone(f"{DOMAIN}.")  # type: ignore[attr-defined]
        source = one(blocks, SourceServer)
        assert {box.address for box in source.inventory().mailboxes} == set(town.old.store.mailboxes)  # type: ignore[attr-defined]
        assert len(one(blocks, Firewall).allowed(town.places.smtp_port)) == 2  # type: ignore[attr-defined]
        assert one(blocks, Tenant).domains.get(DOMAIN) is None  # type: ignore[attr-defined]
        assert one(blocks, Partner).relationship("nobody's") is None  # type: ignore[attr-defined]
        for block in blocks.values():
            if isinstance(block, Checkable):
                assert [str(finding) for finding in block.findings() if finding.blocks] == []
        assert town.picture() == first, "looking changes nothing"


def refs(target: dict[str, str]) -> set[str]:
    return {target["tenant"], target["partner"]}


def one(blocks: dict[str, Block], port: type) -> Block:
    (block,) = [block for block in blocks.values() if isinstance(block, port)]
    return block


@pytest.mark.usefixtures("prefect_server")
def test_saved_blocks_come_back_whole() -> None:
    with Town(users=1, messages=5, mail_per_second=0.0) as town:
        for _ in range(2):
            names = save_blocks(town)
        blocks = blocks_of(town)
        assert names == sorted(blocks)
        for ref, block in blocks.items():
            loaded = Block.load(ref)
            assert type(loaded) is type(block)
            for name, value in block:
                if isinstance(value, str | int | float | SecretStr | list):
                    assert getattr(loaded, name) == value, name
        firewall = Block.load("aws-security-group/northwind")
        assert len(firewall.allowed(town.places.smtp_port)) == 2  # type: ignore[attr-defined]
