"""One randomised night: the town, the lives of the process, and the people around it."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from lab.dns.zone_data import rrset
from lab.mail_store import StoredItem
from lab.nights.blows import Blows
from lab.nights.drawing import LASTING, STOPPING, Drawn
from lab.nights.nursery import Nursery, Second
from lab.nights.run_states import set_state
from lab.nights.shelf import Shelf
from lab.town import DOMAIN, Town
from mailmove.records import RRset

COMPLETED, PARKED, FAILED, FENCED, KILLED = 0, 75, 70, 76, -signal.SIGKILL
_PATIENCE = 1200.0
"""Seconds; a night that has not ended by then never would."""
_OFFERED = re.compile(r"^- (?:item|folder|mailbox) ", re.MULTILINE)
"""How a question names what would be left out, smaller than a stage."""
_RECIPIENTS = re.compile(r"^- (?:group|contact) ", re.MULTILINE)
"""The same of groups and contacts that have not arrived whole."""
_NAPS = 6
"""Every so many looks at a parked wait, the process ends and the next look is another one's."""
_NOTICES, _PUZZLES = 3.0, 60.0
"""Seconds that a wait stands still on a lasting fault before a person looks at it; and before one who reads nothing of
that fault gives up: a busy machine makes everything else slow, too."""


@dataclass
class Outcome:
    """How a night ended: finished, rolled back, parked, or never. reason: what it is parked with.

    sick: items that nobody can read. decisions: questions that were answered with "leave it out". blows: what has
    struck of the bad luck that was drawn.
    """

    ended: str = "never"
    reason: str = ""
    wrong: list[str] = field(default_factory=list)
    lives: int = 0
    killed: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    sick: list[StoredItem] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    blows: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Night:
    """`Night(drawn, town, nursery, folder).walk()`; the town must be running."""

    def __init__(
        self, drawn: Drawn, town: Town, nursery: Nursery, folder: Path, second: Second | None = None, **spec: Any
    ) -> None:
        self.drawn, self.town, self._nursery = drawn, town, nursery
        self.shelf = Shelf(folder / f"shelf-{drawn.seed}")
        self.mourned = folder / f"mourned-{drawn.seed}"
        plain = town.plan()
        gates = {gate: {"approvers": ["anna"]} for gate in ("spend_money", "switch_mail", "close_smtp_port")}
        plan = town.plan(
            sweep={**plain["sweep"], "quiet_minutes": drawn.plan["quiet_minutes"]},
            dns={**plain["dns"], "low_ttl": drawn.plan["low_ttl"]},
            target={**plain["target"], "purchase": drawn.plan.get("purchase")},
            gates=gates,
        )
        self.spec = {
            "name": town.name,
            "settings": town.settings,
            "kind": town.dns.kind,
            "shelf": str(self.shelf.path),
            "mourned": str(self.mourned),
            "run": str(uuid4()),
            "plan": plan,
            "deaths": drawn.deaths,
            **spec,
        }
        self.outcome = Outcome()
        self.steps: list[str] = []
        self.give_up_at = 0.0
        self.lasting: set[str] = set()
        self._answers = {gate: list(words) for gate, words in drawn.first_answers.items()}
        self._standing: dict[str, float] = {}
        self.back = ""
        """The rollback's run; empty: nobody has called the night off."""
        self.blows = Blows(self, drawn.blows, nursery, second)
        self._switched: RRset | None = None

    def walk(self, patience: float = _PATIENCE) -> Outcome:
        """Until it is finished, rolled back, parked for good, or out of patience (seconds)."""
        started, outcome = time.monotonic(), self.outcome
        self.give_up_at = started + patience
        while outcome.ended == "never" and not outcome.wrong:
            if time.monotonic() > self.give_up_at:
                outcome.wrong.append(f"no end after {patience:g} s; {self._last_words()}")
                break
            status = self._life()
            if outcome.ended != "never":
                break
            if status == COMPLETED:
                outcome.ended = "rolled back" if self.back else "finished"
            elif status == PARKED:
                if not self.blows.strike_parked():
                    self.attend(self._run)
            elif status in (FAILED, FENCED) and self.blows.other_goes_on():
                pass
            elif status == FAILED:
                self._failed()
            elif status not in (KILLED, FENCED):
                outcome.wrong.append(f"a life ended with {status}")
        if outcome.ended == "finished":
            self.blows.after_the_end()
        outcome.wrong += self.blows.sins()
        outcome.killed = self.mourned.read_text().splitlines() if self.mourned.exists() else []
        outcome.seconds = time.monotonic() - started
        return outcome

    @property
    def _run(self) -> str:
        return self.back or str(self.spec["run"])

    def _life(self) -> int:
        if self.back:
            return self.lead(self._nursery, {**self.spec, "run": self.back, "of": self.spec["run"]}, naps=True)
        return self.lead(self._nursery, {**self.spec, "hold": self.blows.next_hold()}, naps=True)

    def lead(
        self,
        nursery: Nursery,
        spec: dict[str, Any],
        *,
        held: Callable[[int], int | None] | None = None,
        naps: bool = False,
    ) -> int:
        """One life to its end; its status. held: what is done while it stands still; may have seen its end itself.

        naps: a wait that parks goes on in the same process now and then.
        """
        self.outcome.lives += 1
        nursery.say(json.dumps({**spec, "state": set_state(self.shelf, spec["run"], "Running")}))
        return self.follow(nursery, int(nursery.hear().removeprefix("born ")), held, naps=naps)

    def follow(
        self, nursery: Nursery, process: int, held: Callable[[int], int | None] | None = None, *, naps: bool = False
    ) -> int:
        """What a life says, until it ends."""
        slept = 0
        while True:
            word, _, rest = nursery.hear().partition(" ")
            if word == "ended":
                return int(rest)
            if word == "held":
                status = (held or self.blows.strike)(process)
                if status is not None:
                    return status
            elif word == "asleep":
                slept += 1
                goes_on = naps and slept % _NAPS and not self.blows.parked_due()
                if goes_on:
                    self.attend(self._run)
                nursery.say("again" if goes_on and self.outcome.ended == "never" else "end")
            elif self._reached(rest):
                os.kill(process, signal.SIGKILL)
            else:
                nursery.say("go")

    def _reached(self, step: str) -> bool:
        """What is drawn for a step happens when it is first reached. True: somebody calls the night off here."""
        if step in self.steps or self.back:
            return False
        self.steps.append(step)
        for fault in self.drawn.faults:
            if fault.step == step:
                self.town.faults.set(fault.name, times=fault.times)
                if fault.times == float("inf"):
                    self.lasting.add(fault.name)
        for what, at in self.drawn.events:
            if at == step:
                self._happens(what)
        if self.drawn.rollback_at == step:
            self.back = str(uuid4())
        return bool(self.back)

    def _happens(self, what: str) -> None:
        town = self.town
        if what == "old server reboots":
            town.old.web.__exit__(None, None, None)
            town.faults.set("exchange.smtp_tempfail", times=5)
            town.old.web.__enter__()
        elif what == "certificate runs out":
            self._show_certificate(expired=True)
            self.lasting.add("certificate")
        elif what == "clock jumps ahead":
            self.spec["clock_seconds"] = 20.0
        elif what == "clock falls back":
            self.spec["clock_seconds"] = -20.0
        else:
            self._edit_zone(what)

    def _edit_zone(self, what: str) -> None:
        zone, town = self.town.dns.zone(DOMAIN), self.town
        if what == "zone edited by somebody":
            town.dns.edit(DOMAIN, rrset(f"www.{DOMAIN}", "A", 300, town.places.host(52)))
        elif any("cloud.example" in value for value in zone[f"{DOMAIN}.", "MX"].values):
            self._switched = zone[f"{DOMAIN}.", "MX"]
            town.dns.edit(DOMAIN, rrset(DOMAIN, "MX", town.ttl, f"10 mail.{DOMAIN}."))
            self.lasting.add("mx")

    def _show_certificate(self, *, expired: bool) -> None:
        names = [f"mail.{DOMAIN}", f"autodiscover.{DOMAIN}", DOMAIN]
        self.town.old.web.show(self.town.authority.server_context(*names, expired=expired))

    def _mend(self) -> None:
        for name in self.lasting - {"certificate", "mx"}:
            self.town.faults.clear(name)
        if "mx" in self.lasting and self._switched is not None:
            self.town.dns.edit(DOMAIN, self._switched)
        if "certificate" in self.lasting:
            self._show_certificate(expired=False)
        self.lasting.clear()
        self.spec.pop("clock_seconds", None)

    # The people.

    def attend(self, run: str) -> None:
        """Answer what the last life of this root run has asked, as somebody would."""
        asked = [line for line in self.shelf.lines("question") if line["root"] == run][-1]
        flow, _, name = asked["key"].rpartition("/")[2].partition("[")
        text = asked["text"]
        if flow == "gate":
            gate = name.partition("]")[0].partition(".")[0]  # "switch_mail.1": asked again
            first = self._answers.get(gate, [])
            self._answer(asked, first.pop(0) if first else {"approve": True, "name": "anna", "reason": "go"})
        elif flow == "trouble":
            self._trouble(asked, text)
        else:
            self._wait(asked, text)

    def _trouble(self, asked: dict[str, Any], text: str) -> None:
        self.outcome.troubles.append(text.splitlines()[0])
        if "[finish_batch" in asked["key"] and self.town.mend_groups():
            self._answer(asked, {"name": "anna", "reason": "the members that were missing are added by hand"})
            return
        if _RECIPIENTS.search(text):
            self._answer(asked, {"leave_out": True, "name": "anna", "reason": "we add them later"})
            return
        offered = self.drawn.cruelty and _OFFERED.search(text)
        if self.lasting and not self.drawn.mends and not offered:
            self._left_parked(text)
            return
        if not (self.drawn.faults or self.drawn.events or self.drawn.cruelty):
            self.outcome.wrong.append(f"trouble although nothing is broken: {text}")
        if len(self.outcome.troubles) > 25:
            self.outcome.wrong.append(f"trouble without end: {text}")
        if self.drawn.mends or not self.lasting:
            self._mend()
        if offered:
            self.outcome.decisions.append(text)
            self._answer(asked, {"leave_out": True, "name": "anna", "reason": "nobody can read it"})
        else:
            self._answer(asked, {"name": "anna", "reason": "mended"})

    def _wait(self, asked: dict[str, Any], text: str) -> None:
        if "wait[quiet" in asked["key"] and "the new MX" in text:
            self.town.senders.route_printers_by_mx()
        since = self._standing.setdefault(asked["key"], time.monotonic())
        if self.lasting and time.monotonic() - since > _NOTICES:
            if self.drawn.mends:
                self._mend()
            elif time.monotonic() - since > (2 * _NOTICES if self._tells(text) else _PUZZLES):
                self._left_parked(text)
                return
        if "probe" in asked["key"] and time.monotonic() - since > 2 * _NOTICES:  # nothing depends on a probe
            self._answer(asked, {"go_on_anyway": True, "name": "anna", "reason": "a probe is only a probe"})
        if "[first_sync]" in asked["key"] and " failed" in text and time.monotonic() - since > _NOTICES:
            self._standing[asked["key"]] = time.monotonic()
            self._mend()
            for batch in self.town.cloud.tenant.batches.values():
                batch.status = "Starting"
            self.town.cloud.migration.wake()
            time.sleep(1.0)
        if self.spec.get("clock_seconds") and time.monotonic() - since > _NOTICES:
            self.spec.pop("clock_seconds")  # time synchronisation has come by
        time.sleep(0.15)

    def _left_parked(self, text: str) -> None:
        self.outcome.ended, self.outcome.reason = "parked", text
        if not self._tells(text):
            self.outcome.wrong.append(f"parked with a reason that names none of {sorted(self.lasting)}: {text}")

    def _tells(self, text: str) -> bool:
        """Does it name something that is broken for good?"""
        wanted = [LASTING[name] for name in self.lasting]
        wanted += [STOPPING[fault.name] for fault in self.drawn.faults if fault.name in STOPPING]
        return any(re.search(pattern, text) for pattern in wanted)

    def _answer(self, asked: dict[str, Any], values: dict[str, Any]) -> None:
        if values:  # a person may press the button without a form: woken without an answer
            self.shelf.put("answer", asked["key"], number=asked["number"], values=values)

    def _failed(self) -> None:
        """The flow ended with an error. Only the preflight may do that, and then nothing has been touched."""
        if crashes := self.shelf.lines("crashed"):
            self.outcome.wrong.append(f"the flow crashed: {crashes[-1]['text']}")
            return
        if not self.shelf.lines("failed"):
            self.outcome.wrong.append("a life did not begin; its nursery's log says why")
            return
        failure = self.shelf.lines("failed")[-1]["text"]
        if self.steps[-1:] != ["preflight"] and any(step != "preflight" for step in self.steps):
            self.outcome.wrong.append(f"the flow failed: {failure}")
        elif self.lasting and not self.drawn.mends:
            self._left_parked(failure)
        elif len(self.shelf.lines("failed")) > 12:
            self.outcome.wrong.append(f"preflight fails without end: {failure}")
        else:
            self._mend()

    def _last_words(self) -> str:
        asked = self.shelf.lines("question")
        return asked[-1]["text"] if asked else f"at {self.steps[-1:]}"
