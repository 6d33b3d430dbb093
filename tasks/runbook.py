"""The night, in order. Preflight, cutover, rollback, the command line and the docs all read this one table.

To add a stage: write its module (check, apply, verify, rollback) and put one line here. A module is loaded when it is
first asked for: a woken night is a new process, and needs few of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal

from mailmove.evidence import Look
from mailmove.plan.cutover import Cutover
from tasks.ledger.ledger import Ledger

Condition = Callable[[Cutover, Ledger, Look | None], Awaitable[Look]]
"""`await condition(cutover, ledger, previous look)`: one look at what is waited for."""


@dataclass(frozen=True)
class Stage:
    """Something that is done, by `tasks/stages/<name>.py`. `gate`: the plan's gate that a person must open first."""

    name: str
    story: str
    gate: Literal["switch_mail", "close_smtp_port", "spend_money"] | None = None

    @property
    def module(self) -> ModuleType:
        return import_module(f"tasks.stages.{self.name}")


@dataclass(frozen=True)
class Wait:
    """Something that is waited for, by the module `tasks/waits/<name>.py`."""

    name: str
    story: str

    @property
    def module(self) -> ModuleType:
        return import_module(f"tasks.waits.{self.name}")


RUNBOOK: tuple[Stage | Wait, ...] = (
    Stage("lower_ttl", "shorten the MX TTL, so that the switch will be noticed soon"),
    Stage("obtain_certificate", "where the plan says so: get a public certificate, and put it on the old server"),
    Stage("enable_outlook_anywhere", "enable Outlook Anywhere on the old server, and check it the way Microsoft does"),
    Stage("onboard_customer", "invite the customer: the partner relationship, approved by them"),
    Stage("order_licences", "where the plan says so: order what it names, behind its own gate", gate="spend_money"),
    Stage("verify_domain", "prove to Microsoft 365 that the domain is the customer's, and ask for mail service"),
    Stage("publish_dkim", "publish the names of Microsoft's DKIM keys"),
    Stage("start_migration_batch", "make the migration endpoint and the batch, and start it"),
    Stage("copy_mailboxes", "where the plan says so: copy the mailboxes ourselves"),
    Wait("first_sync", "until every mailbox has been copied once"),
    Stage("license_mailboxes", "give licences, and turn shared mailboxes into shared ones"),
    Stage("restore_x500_addresses", "keep the names by which old mail knows people, so that replies to it arrive"),
    Stage("restore_permissions", "let people open the mailboxes that they could open, and send as them"),
    Stage("set_first_passwords", "give everybody a first password, held in a secret block until it is handed over"),
    Wait("old_ttl", "until the old MX TTL has run out everywhere"),
    Wait("window", "until one of the plan's windows is open"),
    Stage("probe_before", "send probes the way that mail takes today"),
    Stage("switch_mail", "point MX, SPF and autodiscover at Microsoft 365", gate="switch_mail"),
    Wait("propagation", "until the world has noticed"),
    Stage("probe_after_switch", "send probes the new way, as every resolver sees it"),
    Stage("final_sweep", "copy what arrived meanwhile"),
    Wait("quiet", "until nobody delivers to the old server any more"),
    Stage("reconcile_items", "account for every item, and move by hand what was left behind"),
    Stage("close_smtp_port", "close port 25 of the old server", gate="close_smtp_port"),
    Stage("probe_after_close", "send probes once more, and take all of them away"),
    Wait("quiet_inside", "until nobody reaches the old server behind the closed door"),
    Stage("reconcile_again", "account for every item once more, now that the door is closed"),
    Wait("finish_rule", "until Microsoft's own rule for ending the batch holds"),
    Stage("finish_batch", "remove the batch; the mailboxes stand on their own"),
    Stage("restore_ttl", "give the MX record a sane TTL again"),
    Stage("enable_dkim", "have Microsoft 365 sign the domain's mail"),
)

STAGES: tuple[Stage, ...] = tuple(step for step in RUNBOOK if isinstance(step, Stage))
WAITS: tuple[Wait, ...] = tuple(step for step in RUNBOOK if isinstance(step, Wait))


def stage_named(name: str) -> Stage:
    return next(stage for stage in STAGES if stage.name == name)


def stage_behind(gate: str) -> Stage:
    """The stage that waits for a gate."""
    return next(stage for stage in STAGES if stage.gate == gate)


def condition_of(name: str) -> Condition | None:
    """The cheap condition of a wait, or of a stage that has one (`look`); None: only trying tells."""
    step = next(step for step in RUNBOOK if step.name == name)
    condition: Condition | None = getattr(step.module, "look_on", None)
    return condition
