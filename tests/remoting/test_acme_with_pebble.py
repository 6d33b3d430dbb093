"""Certificates by ACME DNS-01 from a real ACME server, proved through the plan's own kind of DNS provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from pebble import Pebble, pebble
from pydantic import SecretStr

from blocks.certificate.acme import AcmeAuthority
from blocks.certificate.acme_order import AcmeWire
from blocks.dns.rfc2136 import Rfc2136
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.faults import Faults
from lab.places import Places
from mailmove.certificate_names import names_of
from mailmove.certificates import Challenge
from mailmove.errors import Blocked
from mailmove.records import RRset, RRsetChange

NAMES = ["mail.contoso.com", "autodiscover.contoso.com"]


@pytest.fixture(scope="module")
def town_dns() -> Iterator[TownDns]:
    with TownDns(Places(), kind="rfc2136", zones={"contoso.com": []}, resolvers=[HONEST], faults=Faults()) as made:
        yield made


@pytest.fixture(scope="module")
def server(town_dns: TownDns, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble"), town_dns.resolver_addresses[0]) as made:
        yield made


def authority(server: Pebble) -> AcmeAuthority:
    return AcmeAuthority(directory_url=server.directory, extra_ca=server.ca, email="it@contoso.com")


def publish(town_dns: TownDns, challenges: list[Challenge]) -> None:
    key = town_dns.tsig_key
    provider = Rfc2136(
        server=town_dns.places.name_servers[0],
        port=town_dns.places.dns_port,
        key_name=key.name,
        key_secret=SecretStr(key.secret),
        algorithm=key.algorithm,
        zones=["contoso.com"],
    )
    zone = provider.read_zone("contoso.com.")
    wanted = [RRset(name=one.name, type="TXT", ttl=1, values=(f'"{one.value}"',)) for one in challenges]
    changes = [RRsetChange(before=zone.get(one.key), after=one) for one in wanted]
    provider.apply("contoso.com.", [one for one in changes if one.before != one.after])


def test_a_certificate_for_several_names(town_dns: TownDns, server: Pebble) -> None:
    block = authority(server)
    assert block.earlier_certificate(NAMES) is None
    challenges = block.begin(NAMES)
    assert {one.name for one in challenges} == {f"_acme-challenge.{name}." for name in NAMES}
    publish(town_dns, challenges)
    issued = block.finish(NAMES)
    assert set(NAMES) <= set(names_of(issued.certificates[0])) and issued.enough_for(NAMES)
    issued.certificates[0].verify_directly_issued_by(issued.certificates[1])
    issued.certificates[-1].verify_directly_issued_by(x509.load_pem_x509_certificate(server.root.encode()))
    pfx = load_pkcs12(issued.pfx(SecretStr("secret")), b"secret")
    assert pfx.cert is not None and pfx.cert.certificate == issued.certificates[0]
    assert "PRIVATE KEY" not in repr(issued) + issued.model_dump_json() + repr(block) + block.model_dump_json()


def test_a_killed_run_orders_once(town_dns: TownDns, server: Pebble) -> None:
    """Killed after every step: what the block has kept is enough to go on with the same order."""
    names, before = ["killed.contoso.com"], server.orders()
    first = authority(server)
    challenges = first.begin(names)

    def resumed(dead: AcmeAuthority) -> AcmeAuthority:
        return authority(server).model_copy(update={"kept": dead.kept})

    second = resumed(first)
    assert second.begin(names) == challenges, "the same order, not another one"
    publish(town_dns, challenges)
    third = resumed(second)
    issued = third.finish(names)
    again = resumed(third)
    assert again.earlier_certificate(names) == issued == again.finish(names)
    assert server.orders() == before + 1


def test_killed_while_the_certificate_was_on_its_way(
    town_dns: TownDns, server: Pebble, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, before, block = ["late.contoso.com"], server.orders(), authority(server)
    publish(town_dns, block.begin(names))
    finish = AcmeWire.finish

    def killed(self: AcmeWire, order: object) -> str:
        finish(self, order)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(AcmeWire, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            block.finish(names)
    issued = block.finish(names)
    assert names_of(issued.certificates[0]) == names
    assert server.orders() == before + 1


def test_a_proof_that_is_not_there_is_said_in_the_authoritys_words(server: Pebble) -> None:
    block = authority(server)
    block.begin(["missing.contoso.com"])
    with pytest.raises(Blocked, match=r"missing\.contoso\.com: .*TXT"):
        block.finish(["missing.contoso.com"])
    assert block.begin(["missing.contoso.com"]), "the dead order is forgotten, a new one made"


def test_a_directory_that_does_not_answer_is_a_finding(server: Pebble) -> None:
    found = authority(server).model_copy(update={"directory_url": server.directory + "x"}).findings()
    assert found and found[0].blocks
    assert authority(server).findings() == []
