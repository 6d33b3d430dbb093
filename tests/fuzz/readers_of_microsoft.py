"""Readers of Microsoft's answers: every call of the ports of tenant, partner and destination, as `acts.py` makes it."""

from __future__ import annotations

import re
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from acts import ON_SHELF, Act, every_act, outcome
from answers import Answer, Shape
from hurry import Hurry, at_once
from mutate_json import json_mutation
from mutate_text import csv_mutation
from night_tenant import ANNA, World, furnish, world_of
from reader import NAMED, AsksWithoutEnd, Case, Reader, count_all
from tape import Tape, TapeTransport

from blocks.microsoft365.http import JsonClient
from blocks.tls_roots import tls_context
from lab.authority import Authority
from lab.cloud.cloud import Cloud
from mailmove.errors import MailmoveError
from mailmove.items.copy.interfaces import Destination
from mailmove.items.copy.rate_limits import UNLIMITED, Pace
from mailmove.items.reconcile.changes import StateLost, Unreadable
from mailmove.tenant_state import MailRules, SignInRules

_OPTIONAL = frozenset({"@odata.nextLink", "@odata.count", "@odata.context", "@odata.etag", "@odata.deltaLink"})
"""Without them a list is over, as it is when it is over."""


_OPTIONAL_OF = {
    "Microsoft recipients": frozenset({"Alias"}),
    "Microsoft changes": frozenset({"childFolderCount", "totalItemCount"}),
    "Microsoft mail_rules": frozenset({"Enabled"}),
}
"""Of one reader: a recipient has several names; a folder that says 0 holds nothing, as far as anybody can tell; of a
policy that is not enabled nothing is wanted."""
_RAISES = {"Microsoft changes": (StateLost,)}
"""The port names it; who asks begins anew."""


_NULLABLE = frozenset({"supportedService"})
"""null is a value of theirs, by Microsoft's page: a record that no service of Microsoft's needs."""


class TapedWorld(World):
    """The blocks of `night_tenant`, made anew for each reading, over a tape; they never sleep, and never sign in."""

    tape: TapeTransport
    client: httpx.Client
    tokens: dict[str, str]

    def destination(self) -> Destination:
        made: Any = self.tenant.items.destination(UNLIMITED)
        hurry = Hurry()
        made._box(ANNA).pace = Pace(UNLIMITED, clock=hurry.monotonic, sleep=hurry.sleep)
        made._importer._http = self.client
        return made


def hurried(parts: Any, world: TapedWorld, token: Callable[[JsonClient], str]) -> None:
    """Every JsonClient in a block's parts goes to the tape, with a token at hand; nothing in it waits."""
    waiting, known = list(vars(parts).values()), set[int]()
    while waiting:
        thing = waiting.pop()
        if id(thing) in known or not hasattr(thing, "__dict__") or not type(thing).__module__.startswith("blocks."):
            continue
        known.add(id(thing))
        if isinstance(thing, JsonClient):
            thing._http, thing.sleep = world.client, at_once
            given = token(thing)
            thing.token = lambda claims, given=given: given
        elif hasattr(thing, "_sleep"):
            thing._sleep = at_once
        waiting += vars(thing).values()


class Recorder:
    """Records each act once against the lab's cloud, and makes a case of it."""

    def __init__(self, cloud: Cloud, authority: Authority, tls: ssl.SSLContext) -> None:
        self.cloud, self.authority = cloud, authority
        self.transport = TapeTransport(tls)
        self.client = httpx.Client(transport=self.transport, trust_env=False)
        self.tokens: dict[str, str] = {}
        self.recording = True
        self.furnished = cloud.tenant.picture()

    def world(self) -> TapedWorld:
        made = world_of(self.cloud, self.authority)
        world = TapedWorld(made.cloud, made.tenant, made.partner, made.delegated, made.reseller)
        world.tape, world.client, world.tokens = self.transport, self.client, self.tokens
        for whose, block in (("app", made.tenant), ("delegated", made.delegated), ("partner", made.partner),
                             ("reseller", made.reseller)):  # fmt: skip
            parts: Any = block._parts()
            hurried(parts, world, lambda client, whose=whose: self._token(whose, client))
            if hasattr(parts, "items"):
                token = self._token(whose, parts.graph)
                parts.items._token = lambda token=token: token
            if hasattr(parts, "consents"):
                parts.consents._redeem = lambda customer: "a token"
        return world

    def _token(self, whose: str, client: JsonClient) -> str:
        """Signed in once, while the lab is there."""
        name = f"{whose} {client.who}"
        if name not in self.tokens:
            try:
                self.tokens[name] = client.token(None)
            except MailmoveError:
                self.tokens[name] = "none"
        return self.tokens[name]

    def case(self, act: Act) -> Case | None:
        """None: it asks nobody by a JsonClient."""
        self.cloud.faults.clear()
        self.cloud.faults.set("migration.frozen")
        self.cloud.tenant.restore(self.furnished)
        act.first(self.cloud.tenant)
        tape = self.transport.tape = Tape()
        outcome(act, self.world())
        if not tape.exchanges:
            return None

        def read(answers: Sequence[Answer]) -> Any:
            self.transport.tape = tape
            self.cloud.tenant.restore(self.furnished)  # `first` wants the tenant that it was written for
            act.first(self.cloud.tenant)
            tape.play(answers)
            result = act.call(self.world())
            if tape.endless:
                raise AsksWithoutEnd(act.name)
            return result

        return Case(act.name, [exchange.answer for exchange in tape.exchanges], read)


_SKIPPED = re.compile(r"sign in|make_customer|\.clock$|findings$")
"""What signs in or asks for the time does so by another client than JsonClient (readers_of_http.py); what makes a
customer saves a block at Prefect."""


def reader_of(act: Act) -> str:
    """Acts of one part of a port are one reader."""
    name = act.name.partition(" ")[0]
    part = name.split(".")[1] if name.startswith("tenant.") and name.count(".") > 1 else name.partition(".")[0]
    return f"Microsoft {part}"


def microsoft_names() -> list[str]:
    """Of all readers, before a lab is there."""
    return sorted({reader_of(act) for act in every_act() if not _SKIPPED.search(act.name)} | {"Microsoft prices"})


def microsoft_readers(recorder: Recorder) -> list[Reader]:
    cases: dict[str, list[Case]] = {}
    for act in every_act():
        if _SKIPPED.search(act.name):
            continue
        case = recorder.case(act)
        if case is not None:
            name = "Microsoft prices" if act.name == "partner.prices" else reader_of(act)
            cases.setdefault(name, []).append(case)
    return [
        Reader(
            name,
            some,
            [csv_mutation] if name == "Microsoft prices" else [json_mutation],
            Shape(counted=frozenset({"responses"}), nullable=_NULLABLE),
            _measured,
            _OPTIONAL | _OPTIONAL_OF.get(name, frozenset()),
            _RAISES.get(name, ()),
        )
        for name, some in cases.items()
    ]


def _measured(result: Any) -> Counter[str]:
    if isinstance(result, tuple) and len(result) == 3 and isinstance(result[0], int):  # of a copy
        return Counter({"copied, left or named": result[0] + len(result[1]) + ON_SHELF * len(result[2])})
    if isinstance(result, list) and result and all(isinstance(count, int) for count in result):
        return Counter({"copies": sum(result)})
    return count_all(result) + Counter({NAMED: _unreadable(result)})


def _unreadable(result: Any) -> int:
    """Items of which the changes say that they cannot be read; questions of which the rules say that nobody saw."""
    if isinstance(result, (MailRules, SignInRules)):
        return len(result.unseen)
    if isinstance(result, (list, tuple)):
        return sum(_unreadable(inner) for inner in result)
    return isinstance(result, Unreadable)


def recorder(cloud: Cloud, authority: Authority) -> Recorder:
    furnish(cloud)
    return Recorder(cloud, authority, tls_context(authority.pem))
