"""An old server and a cloud on loopback, in this process, so that a test can reach into their mailboxes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from two_servers import EACH, TwoServers

from blocks.exchange.exchange_server import ExchangeServer
from blocks.microsoft365.microsoft365 import Microsoft365
from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.mail_store import Mailbox
from lab.move_town import addresses, small_company
from lab.places import Places


@pytest.fixture
def servers() -> Iterator[TwoServers]:
    places, authority, faults, address = Places(), Authority(), Faults(), addresses(1)[0]
    with ExitStack() as stack:
        old = stack.enter_context(OldExchange(places, authority, small_company(1, EACH), faults, version="8.3.83.6"))
        cloud = stack.enter_context(
            Cloud(places, authority, resolver=(places.resolver(0), places.dns_port), mx_zone="mx.example.",
                  directory=list, faults=faults, cycle_seconds=3600)
        )  # fmt: skip
        cloud.tenant.add_user(address, "User 0", "").has_mailbox = True
        cloud.store.add_mailbox(Mailbox(address, "User 0"))
        for item in old.store.snapshot(address):
            cloud.store.put(address, item.mime, folder=item.folder, kind=item.kind, received=item.received)
        admin = old.state.admin
        source = ExchangeServer(
            ews_url=old.ews_url,
            username=admin,
            password=old.state.accounts[admin],  # type: ignore[arg-type]
            shell_url=old.shell_url.replace("/powershell", "/wsman"),
            extra_ca=authority.pem,
        )
        target = Microsoft365(
            tenant_id=cloud.tenant_id,
            client_id=cloud.app.client_id,
            certificate=cloud.app.certificate_pem + cloud.app.private_key_pem,  # type: ignore[arg-type]
            exchange_public_key=cloud.exchange_public_key_pem,
            login_url=cloud.base_url,
            graph_url=cloud.base_url,
            exchange_url=cloud.base_url,
            extra_ca=authority.pem,
        )
        mx = (places.cloud, places.smtp_port)
        yield TwoServers(
            faults, old.store, cloud.store, source, target, address, cloud.tenant, mx, places, cloud.app.roles
        )
