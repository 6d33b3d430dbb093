"""What a stage is written against: the plan, the ledger, opened blocks, the clock, the run that it is in.

The decorators in `retry_policies.py` make one for each task, so that a task reads the ledger once and opens each block
once. Secrets live in the blocks, and die with the context. Tests hand in a context of their own.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from mailmove.clock import clock
from mailmove.leavable import Leavable
from mailmove.plan.cutover import Cutover
from mailmove.plan.left_by_plan import left_by_plan
from tasks.engine.current import engine
from tasks.engine.port import Rows
from tasks.execution.open_blocks import as_port, open_block
from tasks.execution.rolled_back import end_if_rolled_back
from tasks.ledger.ledger import Ledger, WriteInQuery
from tasks.ledger.payloads import LeftOut

if TYPE_CHECKING:  # a resumed run that polls and parks again opens no block: the ports are loaded with the first
    from mailmove.ports import CertificateAuthority, DnsProvider, Firewall, Partner, SourceServer, Tenant

Port = TypeVar("Port")


class Context:
    """One task's view of its cutover.

    root: the cutover (default: the root of the running run; a rollback names another). read_only: for checks,
    previews and conditions: nothing may be written or done. undoes: it belongs to a rollback, which may act on.
    """

    def __init__(
        self, plan: Cutover, stage: str, *, root: UUID | None = None, read_only: bool = False, undoes: bool = False
    ) -> None:
        self.plan, self.stage, self.read_only, self.undoes = plan, stage, read_only, undoes
        self._root = root
        self._blocks: dict[str, Any] = {}

    @cached_property
    def root(self) -> UUID:
        """Root run of the cutover that is worked on."""
        return self._root or engine().root_run()

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.plan.customer, self.root, read_only=self.read_only)

    def left_out(self) -> tuple[Leavable, ...]:
        """All that this cutover does without: by its plan, then by decisions in whichever stage, oldest first."""
        decided = (thing for _, left in self.ledger.payloads(LeftOut) for thing in left.things)
        return (*left_by_plan(self.plan), *decided)

    def is_left_out(self, thing: Leavable) -> bool:
        """Whether a person decided to do without it, or what it is in: by names, whatever its trouble is now."""
        return any(left.covers(thing) for left in self.left_out())

    def now(self) -> datetime:
        return clock().now()

    def sleep(self, seconds: float) -> None:
        clock().sleep(seconds)

    def fence(self) -> None:
        """Return when this process still owns its run, and nobody has rolled that back; to be asked right before every
        act outside.
        """
        if self.read_only:
            raise WriteInQuery(f"{self.stage}: an act by a check or a condition")
        engine().fence()
        if not self.undoes:
            end_if_rolled_back()

    def write_table(self, key: str, rows: Rows, *, description: str) -> None:
        """Append a version of a table, in the cutover's name."""
        if self.read_only:
            raise WriteInQuery(f"{self.stage}: table {key} was to be written by a check or a condition")
        engine().store.write_table(key, rows, description=description, flow_run=self.root)

    def write_markdown(self, key: str, text: str, *, description: str) -> None:
        """Append a version of a page, in the cutover's name."""
        if self.read_only:
            raise WriteInQuery(f"{self.stage}: page {key} was to be written by a check or a condition")
        engine().store.write_markdown(key, text, description=description, flow_run=self.root)

    def block(self, reference: str, port: type[Port]) -> Port:
        """The block `type/name`, read and signed in once. Blocked: there is none, or it is no such port."""
        if reference not in self._blocks:
            self._blocks[reference] = open_block(reference, port)
        return as_port(reference, self._blocks[reference], port)

    @property
    def source(self) -> SourceServer:
        from mailmove.ports import SourceServer

        return self.block(self.plan.source.server, SourceServer)  # type: ignore[type-abstract]

    @property
    def tenant(self) -> Tenant:
        from mailmove.ports import Tenant

        return self.block(self.plan.target.tenant, Tenant)  # type: ignore[type-abstract]

    @property
    def dns_provider(self) -> DnsProvider:
        from mailmove.ports import DnsProvider

        return self.block(self.plan.dns.provider, DnsProvider)  # type: ignore[type-abstract]

    @property
    def partner(self) -> Partner | None:
        """None: the plan names no partner."""
        from mailmove.ports import Partner

        reference = self.plan.target.partner
        return self.block(reference, Partner) if reference else None  # type: ignore[type-abstract]

    @property
    def firewall(self) -> Firewall:
        from mailmove.ports import Firewall

        return self.block(self.plan.firewall.gateway, Firewall)  # type: ignore[type-abstract]

    @property
    def certificate_authority(self) -> CertificateAuthority | None:
        """None: the plan leaves the server's certificate alone."""
        from mailmove.ports import CertificateAuthority

        reference = self.plan.source.obtain_certificate
        return self.block(reference, CertificateAuthority) if reference else None  # type: ignore[type-abstract]
