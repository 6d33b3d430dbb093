"""An old server of one case: its version, its language, what stands in its directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from case_world import DOMAIN

from blocks.exchange.exchange_server import ExchangeServer
from lab.authority import Authority
from lab.company import Company
from lab.directory import Directory
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.mail_store import Mailbox
from lab.places import Places

VERSIONS = ("8.3.83.6", "14.3.123.4", "15.0.847.32", "15.1.2507.6")
ADMIN = f"administrator@{DOMAIN}"


@dataclass
class ShellWorld:
    old: OldExchange
    server: ExchangeServer
    faults: Faults


@contextmanager
def shell_world(
    boxes: Sequence[Mailbox],
    directory: Directory | None = None,
    *,
    version: str = "8.3.83.6",
    culture: str = "en-US",
    domain_types: dict[str, str] | None = None,
    faults: Sequence[str] = (),
) -> Iterator[ShellWorld]:
    """domain_types: accepted domains and their types; the first is the company's own. faults: on from the start."""
    places, authority, set_faults = Places(), Authority(), Faults()
    for fault in faults:
        set_faults.set(fault)
    domains = tuple(domain_types or {DOMAIN: "Authoritative"})
    company = Company(domains, tuple(boxes), {ADMIN: "lab-Adm1n"}, ADMIN, directory or Directory())
    with OldExchange(
        places, authority, company, set_faults, version=version, culture=culture, domain_types=domain_types
    ) as old:
        winrm = old.state.major < 14
        server = ExchangeServer(
            ews_url=old.ews_url,
            username=ADMIN,
            password=old.state.accounts[ADMIN],
            shell_url=old.shell_url.replace("/powershell", "/wsman") if winrm else old.shell_url,
            shell_kind="winrm" if winrm else "exchange",
            extra_ca=authority.pem,
        )
        server._patience = 2.0
        yield ShellWorld(old, server, set_faults)
