"""A company on an old server, its tenant, and a person who is asked; all in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fake_blocks import SOURCE, TENANT, a_plan
from memory_engine import MemoryEngine
from prefect.settings import PREFECT_HOME, PREFECT_SERVER_EPHEMERAL_ENABLED, temporary_settings

from blocks.exchange.exchange_server import ExchangeServer
from blocks.microsoft365.microsoft365 import Microsoft365
from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.company import Company
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.mail_store import Mailbox, MailStore
from lab.places import Places
from mailmove.errors import Blocked, NotYet
from mailmove.leavable import Leavable
from mailmove.plan.cutover import Cutover
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import LeftOut

R = TypeVar("R")
PATIENCE = 2.0
"""Seconds that the block waits for an EWS that fails in passing."""


@dataclass
class WholeCompany:
    """asked: what a person was asked to leave out, question by question."""

    faults: Faults
    old: MailStore
    cloud: MailStore
    source: ExchangeServer
    plan: Cutover
    moving: list[str]
    lab: Cloud
    asked: list[tuple[Leavable, ...]] = field(default_factory=list)

    def context(self, stage: str) -> Context:
        return Context(self.plan, stage)

    def until_done(self, stage: str, act: Callable[[Context], R]) -> R:
        """Call a stage as its tasks do; who is asked what stands in the way leaves it out."""
        for _ in range(20):
            try:
                return act(self.context(stage))
            except NotYet:
                continue
            except Blocked as error:
                assert error.leaves, f"a question without a way on: {error}"
                self.asked.append(error.leaves)
                left = LeftOut(things=error.leaves, by="Anna", reason="it can wait")
                self.context(stage).ledger.record(EntryKind.DECISION, stage, payload=left)
        raise AssertionError(f"{stage} never ends")


@contextmanager
def whole_company(
    company: Company, home: Path, version: str = "8.3.83.6", *, streams: bool = False, **sections: Any
) -> Iterator[WholeCompany]:
    """home: the worker's disk. streams: may the tenant import whole items? sections: of the plan."""
    places, authority, faults = Places(), Authority(), Faults()
    with ExitStack() as stack:
        old = stack.enter_context(OldExchange(places, authority, company, faults, version=version))
        cloud = stack.enter_context(
            Cloud(
                places,
                authority,
                resolver=(places.resolver(0), places.dns_port),
                mx_zone="mx.example.",
                directory=list,
                faults=faults,
                cycle_seconds=3600,
            )
        )
        if not streams:
            cloud.app.roles.discard("MailboxItem.ImportExport.All")
        for box in company.mailboxes:
            if box.kind != "public_folder":
                cloud.tenant.add_user(box.address, box.display_name, "").has_mailbox = True
                cloud.store.add_mailbox(Mailbox(box.address, box.display_name))
        winrm = old.state.major < 14
        source = ExchangeServer(
            ews_url=old.ews_url,
            username=company.admin,
            password=company.accounts[company.admin],  # type: ignore[arg-type]
            shell_url=old.shell_url.replace("/powershell", "/wsman") if winrm else old.shell_url,
            shell_kind="winrm" if winrm else "exchange",
            extra_ca=authority.pem,
        )
        source._patience = PATIENCE
        target = Microsoft365(
            tenant_id=cloud.tenant_id,
            client_id=cloud.app.client_id,
            client_secret=cloud.app.secret,  # type: ignore[arg-type]
            login_url=cloud.base_url,
            graph_url=cloud.base_url,
            exchange_url=cloud.base_url,
            extra_ca=authority.pem,
        )
        moving = [box.address for box in source.inventory().moving]
        worker: dict[Any, Any] = {PREFECT_HOME: home, PREFECT_SERVER_EPHEMERAL_ENABLED: False}
        stack.enter_context(temporary_settings(worker))
        stack.enter_context(running_on(MemoryEngine({SOURCE: source, TENANT: target})))
        plan = a_plan(**sections).model_copy(update={"customer": "northwind", "domains": list(company.domains)})
        yield WholeCompany(faults, old.store, cloud.store, source, plan, moving, cloud)
