"""The steps of a cutover, in order. Preflight, cutover, rollback, command line and docs all read this one table.

To add a stage: write its module (check, apply, verify, rollback) and put one line here. A module is loaded when it is
first asked for: a resumed cutover is a new process, and needs few of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

from mailmove.evidence import Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.engine.current import engine

Part = Literal["source", "dns", "tenant", "partner", "firewall"]
"""A block of the plan that a stage talks to."""

GateName = Literal["switch_mail", "close_smtp_port", "spend_money"]

STAGES_IN, WAITS_IN = "tasks.stages", "tasks.waits"


@dataclass(frozen=True)
class Step:
    """A stage or a wait.

    waits_on: on whom it waits while it is parked. mark: words for the moment of its end in pictures; empty: none.
    """

    name: str
    story: str
    waits_on: str = "the other side"
    mark: str = ""

    @property
    def module(self) -> ModuleType:
        raise NotImplementedError

    @property
    def poll(self) -> Any | None:
        """`await poll(context, previous)`: the cheap condition of a wait, or of a stage that has one; None: only
        trying tells.
        """
        return getattr(self.module, "poll", None)

    @property
    def forecast(self) -> Any | None:
        """The module's rule of how long it lasts (`mailmove.report.forecast`); None: it is read back at once."""
        return getattr(self.module, "FORECAST", None)


@dataclass(frozen=True)
class Stage(Step):
    """Something that is done, by `tasks/stages/<name>.py`.

    gate: the plan's gate that a person must open first. skipped_when_empty: nobody is asked at that gate when there is
    nothing to change. uses: blocks it talks to; their concurrency limits count. can_be_left: where it cannot be mended,
    a person may go on without the stage as a whole; no mail is lost, and no later stage counts on it unchecked.
    holds_rollback: while it cannot be put back, a rollback puts nothing back that comes before it: mail would be lost.
    """

    gate: GateName | None = None
    skipped_when_empty: bool = False
    uses: tuple[Part, ...] = ()
    can_be_left: bool = False
    holds_rollback: bool = False

    @property
    def module(self) -> ModuleType:
        return import_module(f"{STAGES_IN}.{self.name}")

    def check(self, plan: Cutover, *, attempt: int = 0, fresh: bool = False) -> Preview:
        preview: Preview = engine().run_task(self.module.check, plan, attempt=attempt, fresh=fresh)
        return preview

    def apply(self, plan: Cutover, approved: str | None = None, *, attempt: int = 0) -> Receipt:
        receipt: Receipt = engine().run_task(self.module.apply, plan, approved, attempt=attempt)
        return receipt

    def rollback(self, plan: Cutover, receipt: Receipt, *, attempt: int = 0) -> Receipt:
        undone: Receipt = engine().run_task(self.module.rollback, plan, receipt, attempt=attempt)
        return undone

    def question(self, plan: Cutover) -> str:
        """What its gate asks, for people."""
        return str(self.module.question(plan))


@dataclass(frozen=True)
class Wait(Step):
    """Something that is waited for, by `tasks/waits/<name>.py`."""

    @property
    def module(self) -> ModuleType:
        return import_module(f"{WAITS_IN}.{self.name}")

    @property
    def remedy(self) -> Any | None:
        """`remedy(context, result)`: what is done when a poll says that it is due; None: nothing ever is."""
        return getattr(self.module, "remedy", None)


_BOTH: tuple[Part, ...] = ("source", "tenant")
_WORLD, _SENDERS = "the world's resolvers", "late senders"

RUNBOOK: tuple[Stage | Wait, ...] = (
    Stage("lower_ttl", "shorten the MX TTL, so that the switch will be noticed soon", uses=("dns",)),
    Stage(
        "obtain_certificate",
        "where the plan says so: get a public certificate, and put it on the old server",
        uses=("source",),
        can_be_left=True,
    ),
    Stage(
        "enable_outlook_anywhere",
        "enable Outlook Anywhere on the old server, and check it the way Microsoft does",
        uses=("source",),
        can_be_left=True,
    ),
    Stage(
        "onboard_customer",
        "invite the customer: the partner relationship, approved by them",
        waits_on="the customer",
        uses=("partner",),
        can_be_left=True,
    ),
    Stage(
        "order_licences",
        "where the plan says so: order what it names, behind its own gate",
        gate="spend_money",
        skipped_when_empty=True,
        uses=("partner",),
        can_be_left=True,
    ),
    Stage(
        "verify_domain",
        "prove to Microsoft 365 that the domain is the customer's, and ask for mail service",
        uses=("dns", "tenant"),
    ),
    Stage("publish_dkim", "publish the names of Microsoft's DKIM keys", uses=("dns", "tenant"), can_be_left=True),
    Stage(
        "create_recipients",
        "where Mailmove copies itself: make people, shared mailboxes, contacts and groups",
        uses=_BOTH,
    ),
    Stage("start_migration_batch", "make the migration endpoint and the batch, and start it", uses=("tenant",)),
    Stage("copy_mailboxes", "where the plan says so: copy the mailboxes ourselves", uses=_BOTH),
    Wait("first_sync", "until every mailbox has been copied once", waits_on="Microsoft 365"),
    Stage("license_mailboxes", "give licences, and turn shared mailboxes into shared ones", uses=("tenant",)),
    Stage(
        "restore_x500_addresses",
        "keep the names by which old mail knows people, so that replies to it arrive",
        uses=_BOTH,
        can_be_left=True,
    ),
    Stage(
        "restore_permissions",
        "let people open the mailboxes that they could open, and send as them",
        uses=_BOTH,
        can_be_left=True,
    ),
    Stage(
        "set_first_passwords",
        "give everybody a first password, held in a secret block until it is handed over",
        uses=_BOTH,
        can_be_left=True,
    ),
    Wait("old_ttl", "until the old MX TTL has run out everywhere", waits_on=_WORLD),
    Wait("window", "until one of the plan's windows is open", waits_on="the clock"),
    Stage("probe_before", "send probes the way that mail takes today", uses=_BOTH, can_be_left=True),
    Stage(
        "switch_mail",
        "point MX, SPF and autodiscover at Microsoft 365",
        gate="switch_mail",
        mark="mail switched",
        uses=("dns", "tenant"),
        holds_rollback=True,
    ),
    Wait("propagation", "until the world has noticed", waits_on=_WORLD, mark="the world has noticed"),
    Stage("probe_after_switch", "send probes the new way, as every resolver sees it", uses=_BOTH, can_be_left=True),
    Stage("final_sweep", "copy what arrived meanwhile", uses=_BOTH, can_be_left=True),
    Wait("quiet", "until nobody delivers to the old server any more", waits_on=_SENDERS),
    Stage("reconcile_items", "account for every item, and move by hand what was left behind", uses=_BOTH),
    Stage(
        "close_smtp_port",
        "close port 25 of the old server",
        gate="close_smtp_port",
        mark="port 25 closed",
        uses=("firewall",),
        holds_rollback=True,
    ),
    Stage("probe_after_close", "send probes once more, and take all of them away", uses=_BOTH, can_be_left=True),
    Wait("quiet_inside", "until nobody reaches the old server although port 25 is closed", waits_on=_SENDERS),
    Stage("reconcile_again", "account for every item once more, now that port 25 is closed", uses=_BOTH),
    Wait("finish_rule", "until Microsoft's own rule for ending the batch holds"),
    Stage("finish_batch", "remove the batch; the mailboxes stand on their own", uses=_BOTH),
    Stage("restore_ttl", "give the MX record a sane TTL again", uses=("dns",), can_be_left=True),
    Stage("enable_dkim", "have Microsoft 365 sign the domain's mail", uses=("tenant",), can_be_left=True),
)

STAGES: tuple[Stage, ...] = tuple(step for step in RUNBOOK if isinstance(step, Stage))
WAITS: tuple[Wait, ...] = tuple(step for step in RUNBOOK if isinstance(step, Wait))


_replaced: dict[str, Stage | Wait] = {}


@contextmanager
def step_replaced(step: Stage | Wait) -> Iterator[None]:
    """Within, whoever asks for a step by its name is given this one instead of the runbook's; a test may do that."""
    before = dict(_replaced)
    _replaced[step.name] = step
    try:
        yield
    finally:
        _replaced.clear()
        _replaced.update(before)


def step_named(name: str) -> Stage | Wait | None:
    """None: there is no such step."""
    return _replaced.get(name) or next((step for step in RUNBOOK if step.name == name), None)


def stage_named(name: str) -> Stage:
    step = step_named(name)
    assert isinstance(step, Stage), f"{name} is no stage"
    return step


def stage_of_gate(gate: str) -> Stage:
    """The stage that stands behind a gate."""
    name = next((stage.name for stage in STAGES if stage.gate == gate), None)
    if name is None:
        raise LookupError(f"no stage stands behind the gate {gate}")
    return stage_named(name)
