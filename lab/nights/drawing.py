"""What a seed stands for: a company, its mail, what goes wrong, who is slow, and when the process is killed."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from typing import Any, Literal

from lab.dns.resolver import CLAMPED, HONEST, SERVE_STALE, Behaviour
from lab.hostile import chosen
from lab.nights.bad_luck import Blow, draw_bad_luck
from lab.nights.cruelty import Cruelty, draw_cruelty
from tasks.runbook import RUNBOOK, Stage

Kind = Literal["route53", "rfc2136"]
KINDS: tuple[Kind, ...] = ("route53", "rfc2136")
STEPS = tuple(step.name for step in RUNBOOK)
_STAGES = tuple(step.name for step in RUNBOOK if isinstance(step, Stage))
_EXTENDING = Behaviour("extending", min_ttl=4)
_LIAR = Behaviour("liar", overstay=3, stale_ttl=0)

Passing = tuple[int, int]
"""Fewest and most occasions on which a fault strikes before it passes by itself."""

PASSING: dict[str, Passing] = {
    "graph.throttled": (1, 4),
    "graph.unavailable": (1, 3),
    "graph.claims": (1, 2),
    "graph.truncated": (1, 3),
    "graph.lost_answer": (1, 2),
    "graph.batch_throttled": (1, 3),
    "graph.lagging_items": (1, 5),
    "login.claims_challenge": (1, 2),
    "admin.throttled_text": (1, 3),
    "admin.transient_400": (1, 2),
    "dkim.new_tenant": (1, 1),
    "migration.sync_now_ignored": (1, 2),
    "migration.frozen": (2, 12),
    "cloud.smtp_tempfail": (1, 12),
    "dns.servfail": (1, 8),
    "dns.timeout": (1, 4),
    "dns.update_lost": (1, 1),
    "dns.transfer_refused": (1, 6),
    "resolver.servfail": (1, 6),
    "resolver.timeout": (1, 4),
    "resolver.garbage": (1, 8),
    "route53.throttled": (1, 5),
    "route53.server_error": (1, 4),
    "route53.change_lost": (1, 1),
    "route53.stuck": (1, 4),
    "exchange.autodiscover_down": (1, 4),
    "exchange.ews_busy": (1, 6),
    "exchange.ews_down": (1, 4),
    "exchange.smtp_tempfail": (1, 12),
    "exchange.smtp_slow": (1, 2),
    "shell.busy": (1, 3),
    "shell.lost": (1, 2),
    "rpc.no_echo": (1, 2),
    "rpc.dead_6004": (1, 2),
    "gateway.cut": (1, 1),
    "gateway.stuck": (3, 15),
    "sender.forgets": (1, 3),
}
"""Faults that pass by themselves."""

LASTING: dict[str, str] = {
    "route53.denied": r"AccessDenied|not authorized",
    "dns.update_refused": r"REFUSED|refuse|update",
    "exchange.password_changed": r"Unauthorized|sign|401|password|Refused|refused|credentials",
    "migration.frozen": r"0 of \d+ mailboxes copied|sync|[Bb]atch|migration|behind",
    "shell.denied": r"WSManFault 5\b|denied",  # the words are in the server's language
    "dns.secondary_stuck": r"\d+\.\d+\.\d+\.\d+|name server",
    "exchange.ews_down": r"503|unavailable|busy|answer",
    "graph.unavailable": r"503|[Uu]navailable",
    "rpc.dead_6004": r"6004|[Aa]ddress book|503",
    "certificate": r"certificate|expired|TLS",
    "mx": r"MX",
}
"""Faults that last until a person mends them -> what a question that they hold the night up with must say."""

STOPPING: dict[str, str] = {"graph.claims": r"401 again, with a new token"}
"""Faults that pass by themselves, and stop a night all the same when they strike twice: a token that is refused, and
the new one too, is for a person. What the question must say."""

QUIRKS = {
    "language": ("exchange.german", "exchange.french", "exchange.japanese"),
    "shell": ("shell.deep", "shell.shallow", "shell.scalars"),
    "database": ("exchange.disconnected",),
    "admin": ("admin.switch_objects", "admin.switch_texts"),
    "zone": ("dns.wildcard_mx", "dns.ns_without_address", "dns.ns_by_ipv6_only"),
    "spelling": ("dns.txt_cut_elsewhere", "dns.names_in_capitals", "route53.other_spelling"),
    "secondary": ("dns.lame", "dns.lame_silent", "dns.lame_servfail", "dns.lame_no_authority"),
}
"""What is so from the start to the end and stops nobody: how a server speaks. At most one of a line."""

EVENTS = (
    "old server reboots",
    "certificate runs out",
    "zone edited by somebody",
    "mx put back by somebody",
    "clock jumps ahead",
    "clock falls back",
)


@dataclass
class Fault:
    name: str
    step: str
    times: float = float("inf")  # infinite: until a person mends it


@dataclass
class Drawn:
    """One night. deaths: see `lab.nights.dying.Reaper`. mends: does anybody mend what lasts, or is the night left?"""

    seed: int
    dns: Kind
    town: dict[str, Any]
    plan: dict[str, Any]
    faults: list[Fault] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)  # what, at which step
    deaths: list[dict[str, Any]] = field(default_factory=list)
    first_answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # gate -> answers before the yes
    rollback_at: str | None = None
    quirks: list[str] = field(default_factory=list)
    mends: bool = True
    cruelty: Cruelty | None = None
    blows: list[Blow] = field(default_factory=list)
    hostile: tuple[str, ...] = ()
    """Switches of `lab.hostile`, on all night."""

    def lines(self) -> list[str]:
        """For people: everything that was drawn."""
        settings = [f"seed {self.seed}: {self.dns}, {self.town}, plan {self.plan}"]
        settings += [f"  quirk {quirk}" for quirk in self.quirks]
        settings += [f"  fault {fault.name} at {fault.step}, {fault.times:g} times" for fault in self.faults]
        settings += [f"  {what} at {step}" for what, step in self.events]
        settings += [f"  kill -9 {death['phase']} {death['nth']} of {death['step']}" for death in self.deaths]
        settings += [f"  {gate}: {answers}" for gate, answers in self.first_answers.items()]
        settings += [f"  hostile {name}" for name in self.hostile]
        settings += self.cruelty.lines() if self.cruelty else []
        settings += [blow.line() for blow in self.blows]
        settings += [f"  rolled back at {self.rollback_at}"] if self.rollback_at else []
        return settings if self.mends else [*settings, "  nobody mends anything"]


def draw(seed: int) -> Drawn:
    """The same seed gives the same night. CRUEL=1 in the environment: every one is cruel; else every other one."""
    luck = random.Random(seed)
    kind = luck.choice(KINDS)
    rate, senders = luck.choice((2.0, 4.0, 6.0)), luck.randint(2, 4)
    floor = luck.choice((0, 0, 0, 2)) if kind == "rfc2136" else 0  # Route 53 has none
    habits = luck.choices((HONEST, CLAMPED, SERVE_STALE, _EXTENDING, _LIAR), (6, 1, 1, 1, 1), k=3)
    town: dict[str, Any] = {
        "seed": luck.randrange(10**6),
        "users": luck.randint(1, 3),
        "shared": luck.randint(0, 1),
        "public_folders": luck.randint(0, 1),
        "messages": luck.randint(6, 24),
        "version": luck.choice(("8.3.83.6", "14.3.123.4", "15.0.847.32")),
        "ttl": max(floor, luck.randint(1, 3)),
        "ttl_floor": floor,
        "secondary_lag": luck.choice((0.0, 0.0, 0.5, 1.5)),
        "insync_delay": luck.choice((0.0, 0.1, 1.0)),
        "cycle_seconds": luck.choice((0.5, 1.5)),
        "senders": senders,
        "printers": luck.randint(0, 1),
        "mail_per_second": rate,
        "mta_retry_seconds": luck.choice((0.3, 1.0, 2.0)),
        "give_up_seconds": luck.choice((2.0, 600.0, 600.0)),
        "approve_after": luck.choice((0.1, 0.1, 2.0)),
        "resolvers": habits,
    }
    # Quiet must mean more than the pause between two messages of a printer, on a busy machine too.
    plan: dict[str, Any] = {
        "quiet_minutes": round(max(4.0, 2.5 * senders / rate) / 60, 3),
        "low_ttl": luck.choice((1, 2)),
    }
    night = Drawn(seed, kind, town, plan)
    _draw_troubles(night, luck)
    night.hostile = chosen()
    night.cruelty = draw_cruelty(seed, always=os.environ.get("CRUEL") == "1")
    quirky = random.Random(f"quirks {seed}")  # of their own, so that the rest of a seed's night stays what it was
    night.blows = draw_bad_luck(seed, ("preflight", *STEPS), always=os.environ.get("UNLUCKY") == "1")
    if any(blow.what == "rollback" for blow in night.blows):
        night.rollback_at = None
    night.quirks = [quirky.choice(names) for names in QUIRKS.values() if quirky.random() < 0.6]
    return night


def _draw_troubles(night: Drawn, luck: random.Random) -> None:
    other = "dns.update" if night.dns == "route53" else "route53."
    passing = sorted(name for name in PASSING if not name.startswith(other))
    for name in luck.sample(passing, luck.choice((0, 1, 2, 3, 4))):
        night.faults.append(Fault(name, luck.choice(STEPS), luck.randint(*PASSING[name])))
    if luck.random() < 0.35:
        name = luck.choice(
            sorted(fault for fault in LASTING if not fault.startswith(other) and fault not in ("certificate", "mx"))
        )
        night.faults.append(Fault(name, luck.choice(STEPS)))
        night.mends = luck.random() < 0.7
    for what in luck.sample(EVENTS, luck.choice((0, 0, 1, 1, 2))):
        night.events.append((what, luck.choice(STEPS)))
    for _ in range(luck.choice((0, 1, 2, 3, 5))):
        phase = luck.choice(("before", "during", "after", "line"))
        most = 25 if phase != "line" else 600
        night.deaths.append({"step": luck.choice(STEPS), "nth": luck.randint(1, most), "phase": phase})
    for gate in ("switch_mail", "close_smtp_port"):
        if luck.random() < 0.25:
            no = {"approve": False, "name": "anna", "reason": "not tonight"}
            stranger = {"approve": True, "name": "a stranger", "reason": "why not"}
            words: tuple[list[dict[str, Any]], ...] = ([no], [stranger], [no, stranger], [{}])
            night.first_answers[gate] = luck.choice(words)
    if luck.random() < 0.15:
        night.rollback_at = luck.choice(_STAGES[1:])
