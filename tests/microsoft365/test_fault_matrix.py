"""Every call of the product to Microsoft, crossed with everything that can go wrong with it.

The acts are read off the ports (`acts.py`), their requests off a run in which nothing goes wrong. Then each request is
struck by each fault once, and each act by each fault for good. Nothing that a request meets may end in anything but an
answer or one of our own errors, of the right kind, with all four words; and when the act is done again in peace, the
tenant must be what it is without the fault, and nothing may have been made twice: the lab counts what it does.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from acts import Act, canon, every_act, outcome
from night_tenant import ANNA, DOMAIN, TXT, UNPROVED, World, furnish, world_of
from rare_acts import rare_acts
from sent_scan import at_work, places, watched

from blocks.microsoft365.answers import Rejected
from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.cloud.cmdlets.migration_cmdlets import MigrationCmdlets
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.faults import Faults
from lab.mail_store import Mailbox
from lab.places import Places
from mailmove.errors import Blocked, MailmoveError, Refused, Throttled, Transient
from mailmove.evidence import Finding
from mailmove.items.copy.rate_limits import Pace

pytestmark = pytest.mark.timeout(900)  # a hundred small copies of everything, maybe on a busy machine

NAMED = {
    "throttled": Throttled,
    "throttled_text": Throttled,
    "unavailable": Transient,
    "busy": Throttled,
    "broken": Transient,
    "transient_400": Transient,
    "claims": Refused,
    "expired": Refused,
    "no_rights": Refused,
    "truncated": Transient,
    "lost_answer": Transient,
    "reset_before": Transient,
    "reset_after": Transient,
    "reset_within": Transient,
    "unseen": Transient,
    "endless_pages": Blocked,
}
"""Fault -> what it is called when it stays, or when the request may not be sent twice."""
ANSWERED = {"claims", "expired"}
"""A new token helps, whatever was asked."""
PASSING = {"throttled", "throttled_text", "unavailable", "busy", "broken", "transient_400", "truncated", "lost_answer",
           "reset_before", "reset_after", "reset_within"}  # fmt: skip
"""Once, a request that may be sent twice gets over it by itself."""
FAMILIES = [
    ("throttled", "throttled_text", "busy"),
    ("unavailable", "broken", "lost_answer"),
    ("reset_before", "reset_after", "reset_within", "truncated"),
    ("claims", "expired"),
]
"""What the clients cannot tell apart in the answer to a look: it is asked again by the same lines. A look meets one
of each family, in turn; what changes something meets all. SOAK=1: so does every look."""
_ACTIONS = ("assignLicense", "createImportSession", "exportItems", "verify", "requests", "carts", "checkout")
"""POSTs that may be done twice: the second does nothing, or nothing that counts."""


class Clock:
    """Time that passes only where somebody waits for it."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


class Kept:
    """Prefect's Secret, without a server to keep it."""

    def __init__(self, value: dict[str, str]) -> None:
        assert value["password"]

    def save(self, name: str, overwrite: bool) -> None:
        assert name.startswith("first-administrator-") and overwrite


@dataclass
class Calm:
    """An act in peace."""

    act: Act
    asked: list[str]
    effects: list[str]
    values: list[Any] = field(default_factory=list)
    failed: bool = False
    tenant: Any = None


class Matrix:
    def __init__(self, world: World) -> None:
        self.world, self.lab = world, world.cloud.tenant
        self.furnished = self.lab.picture()
        self.cells = 0
        with watched() as self.sent_from:
            self.calm = {act.name: self._calm(act) for act in every_act()}

    def begin(self, act: Act) -> None:
        self.world.cloud.faults.clear()
        self.world.cloud.faults.set("migration.frozen")
        self.lab.restore(self.furnished)
        act.first(self.lab)
        self.lab.effects.clear()
        self.world.cloud.asked.clear()

    def _calm(self, act: Act) -> Calm:
        self.begin(act)
        outcome(act, self.world)  # signs in
        self.begin(act)
        first = outcome(act, self.world)
        failed = isinstance(first, MailmoveError)
        calm = Calm(act, list(self.world.cloud.asked), list(self.lab.effects), [canon(first)], failed)
        calm.values.append(canon(outcome(act, self.world)))
        calm.tenant = self.state()
        return calm

    def state(self) -> Any:
        kept = self.lab.picture()
        # Told apart by ids that are never the same; and carts, which are no orders.
        for name in ("effects", "shown_from", "properties", "drafts", "carts"):
            kept.pop(name)
        boxes = kept.pop("mailboxes")
        items = {key: Counter((i.folder, i.kind, i.subject) for i in box.items.values()) for key, box in boxes.items()}
        return canon(kept), canon(items)

    def made(self) -> Counter[str]:
        """What was created, and how often."""
        return Counter(canon(one) for one in self.lab.effects if _creates(one))

    def strike(self, calm: Calm, fault: str, after: int, *, times: float = 1) -> Any:
        """What the act comes to with a fault at one of its requests; then it is done again, in peace."""
        self.cells += 1
        act, where = calm.act, f"{calm.act.name}, {fault} at {calm.asked[after]} ({after + 1} of {len(calm.asked)})"
        self.begin(act)
        self.world.cloud.faults.set(f"wire.{fault}", times=times, after=after)
        try:
            struck = outcome(act, self.world)
        except Exception as error:
            raise AssertionError(f"{where}: {error!r} is no error of ours") from error
        self.world.cloud.faults.clear(f"wire.{fault}")
        if isinstance(struck, MailmoveError):
            _has_its_words(struck, where)
        again = outcome(act, self.world)
        for _ in range(2):
            if isinstance(again, MailmoveError) and canon(again) != calm.values[1]:
                again = outcome(act, self.world)
        assert canon(again) == calm.values[1], f"{where}: then {again!r} instead of {calm.values[1]}"
        expected = Counter(canon(one) for one in calm.effects if _creates(one))
        assert self.made() == expected, f"{where}: made {self.made()} instead of {expected}"
        assert self.state() == calm.tenant, f"{where}: the tenant is not what it should be"
        return struck


def _creates(effect: str) -> bool:
    what = effect.partition(" ")[2]
    if "/" in what:
        return effect.startswith("POST") and not what.endswith(_ACTIONS)
    return what.startswith("New-")


def _has_its_words(error: MailmoveError, where: str) -> None:
    words = (error.who, error.wanted, error.seen, error.todo)
    assert all(isinstance(one, str) and one.strip() for one in words), f"{where}: {error!r} lacks a word"
    assert "pa55" not in str(error) and "eyJ" not in str(error), f"{where}: a secret in {error}"


@pytest.fixture(scope="module")
def matrix() -> Iterator[Matrix]:
    places, authority, faults = Places(), Authority(), Faults()
    patched = pytest.MonkeyPatch()
    with ExitStack() as stack:
        stack.callback(patched.undo)
        # Nobody waits here, and Microsoft reaches the old server without one.
        clock = Clock()
        patched.setattr("blocks.retry_budget.time", clock)
        patched.setattr(Pace.__init__, "__kwdefaults__", {"clock": clock.monotonic, "sleep": clock.sleep})
        patched.setattr(MigrationCmdlets, "_knock", lambda *_: None)
        patched.setattr("blocks.partner.partner_center.Secret", Kept)
        selectors = [
            rrset(f"selector{n}._domainkey.{DOMAIN}.", "CNAME", 60,
                  f"selector{n}-northwind-example._domainkey.northwindexample.n-v1.dkim.mail.microsoft.")
            for n in (1, 2)
        ]  # fmt: skip
        zones = {f"{DOMAIN}.": selectors, f"{UNPROVED}.": [rrset(f"{UNPROVED}.", "TXT", 60, f'"{TXT}"')]}
        stack.enter_context(TownDns(places, kind="rfc2136", zones=zones, resolvers=[], faults=faults))
        resolver = (places.name_servers[0], places.dns_port)
        cloud = Cloud(places, authority, resolver=resolver, mx_zone="mx.example.",
                      directory=lambda: [Mailbox(ANNA, "Anna")], faults=faults,
                      cycle_seconds=3600)  # fmt: skip
        faults.set("migration.frozen")
        furnish(cloud)
        stack.enter_context(cloud)
        yield Matrix(world_of(cloud, authority))


def test_every_act_asks_somebody_and_twice_is_once(matrix: Matrix) -> None:
    for name, calm in matrix.calm.items():
        assert calm.asked, f"{name} asks nobody: it proves nothing"
        assert calm.values[0] == calm.values[1], name
    # The lab removes no batch here, and nobody is nobody; everything else must be a success to begin with.
    errors = {name: calm.values[0] for name, calm in matrix.calm.items() if calm.failed}
    assert errors == {"tenant.migration.remove_batch": "NotYet", "tenant.users.licence_of nobody": "Blocked"}
    changing = {name for name, calm in matrix.calm.items() if calm.effects}
    assert len(changing) > 15


def test_every_place_that_sends_was_at_work_and_nothing_sent_is_made_up(matrix: Matrix) -> None:
    """The lab holds each call against Microsoft's contracts; so what has been sent here is what Microsoft has."""
    with watched() as further:  # pages that do not hold all
        for name, found in (("destination.copies", ["2"]), ("partner.resells", "True")):
            calm = matrix.calm[name]
            matrix.begin(calm.act)
            matrix.world.cloud.faults.set("wire.small_pages")
            assert canon(outcome(calm.act, matrix.world)) == calm.values[0] == found, name
        for act in rare_acts():
            matrix.begin(act)
            outcome(act, matrix.world)
    idle = [str(place) for place in places() if not at_work(place, matrix.sent_from | further)]
    assert not idle, f"nothing in acts.py makes these send: {idle}"
    # What a tenant check asks to see the form of an error is made up on purpose, and is the only thing.
    assert [one for one in matrix.lab.made_up if "NoSuchParameter" not in one] == []
    matrix.lab.made_up.clear()


def test_a_made_up_call_is_refused_and_remembered(matrix: Matrix) -> None:
    parts = matrix.world.tenant._parts()
    with pytest.raises(Rejected):
        parts.graph.get(f"domains/{DOMAIN}/dnsRecords", wanted="records")
    with pytest.raises(Rejected):
        parts.exchange.run("Set-Mailbox", {"Identity": ANNA, "Colour": "red"}, wanted="a red mailbox")
    assert [one.partition(":")[0] for one in matrix.lab.made_up] == [f"GET /domains/{DOMAIN}/dnsRecords", "Set-Mailbox"]
    matrix.lab.made_up.clear()


@pytest.mark.long
@pytest.mark.parametrize("fault", NAMED)
def test_a_fault_at_one_request(matrix: Matrix, fault: str) -> None:
    struck_before: set[tuple[str, str, bool]] = set()
    looks = 0
    for calm in matrix.calm.values():
        changed = False
        for place, request in enumerate(calm.asked):
            # A look is the same in every act; an act is not. Before a change and after it are two things.
            key = "" if _reads(request) else calm.act.name, canon(request), changed
            changed = changed or not _reads(request)
            if not _strikes(fault, request) or key in struck_before:
                continue
            struck_before.add(key)
            looks += _reads(request)
            if _reads(request) and not _in_turn(fault, looks):
                continue
            struck = matrix.strike(calm, fault, place)
            where = f"{calm.act.name}, {fault} at {request}"
            if fault in ANSWERED or (fault in PASSING and _may_be_repeated(request)):
                assert canon(struck) == calm.values[0], f"{where}: {struck!r}"
            elif isinstance(struck, MailmoveError) and canon(struck) != calm.values[0]:
                assert isinstance(struck, NAMED[fault]), f"{where}: {struck!r}"
    assert struck_before, f"{fault} struck nothing"


@pytest.mark.long
@pytest.mark.parametrize("fault", [one for one in NAMED if one != "unseen"])
def test_a_fault_that_stays(matrix: Matrix, fault: str) -> None:
    asked: set[str] = set()
    for calm in matrix.calm.values():
        reads = [place for place, request in enumerate(calm.asked) if _strikes(fault, request)]
        acts = [place for place in reads if not _reads(calm.asked[place])]
        fresh = [place for place in reads[:1] if calm.asked[place] not in asked]
        asked.update(calm.asked)
        turns = [place for place in fresh if _in_turn(fault, len(asked))]
        for place in {*turns, *acts[:1]}:
            struck = matrix.strike(calm, fault, place, times=float("inf"))
            where = f"{calm.act.name}, {fault} from {calm.asked[place]} on"
            if calm.act.answers_with_findings:
                assert struck and all(isinstance(one, Finding) and one.seen and one.todo for one in struck), where
            elif getattr(struck, "unseen", None):
                assert all(struck.unseen.values()), f"{where}: what was not seen is said, with its reason"
            elif canon(struck) != calm.values[0]:  # a deletion that is done is done, however often its answer is lost
                assert isinstance(struck, NAMED[fault]), f"{where}: {struck!r}"


def test_lists_in_pages_of_one_and_a_token_that_runs_out_among_them(matrix: Matrix) -> None:
    paged = 0
    for calm in matrix.calm.values():
        matrix.begin(calm.act)
        matrix.world.cloud.faults.set("wire.small_pages")
        assert canon(outcome(calm.act, matrix.world)) == calm.values[0], calm.act.name
        asked = list(matrix.world.cloud.asked)
        if len(asked) <= len(calm.asked):
            continue
        paged += 1
        for place in [place for place in range(1, len(asked)) if _strikes("expired", asked[place])][-1:]:
            matrix.begin(calm.act)
            matrix.world.cloud.faults.set("wire.small_pages")
            matrix.world.cloud.faults.set("wire.expired", times=1, after=place)
            found = outcome(calm.act, matrix.world)
            assert canon(found) == calm.values[0], f"{calm.act.name}, expired at {asked[place]}: {found!r}"
    assert paged > 5


def test_what_was_lost_and_is_not_seen_yet_is_not_made_again(matrix: Matrix) -> None:
    """The answer to a creation is lost, and the replica that is asked next has not heard of it."""
    creating = [calm for calm in matrix.calm.values() if any(_creates(one) for one in calm.effects)]
    for calm in creating:
        if calm.act.name.startswith(("copy", "destination")):
            continue  # what lags there is waited for: tests/mover
        for place, request in enumerate(calm.asked):
            if _reads(request):
                continue
            matrix.begin(calm.act)
            matrix.world.cloud.faults.set("wire.reset_after", times=1, after=place)
            outcome(calm.act, matrix.world)
            matrix.world.cloud.faults.set("wire.unseen", times=1)
            for _ in range(3):
                last = outcome(calm.act, matrix.world)
            where = f"{calm.act.name}, lost at {request}: {last!r}, {matrix.made()}"
            assert canon(last) == calm.values[1], where
            assert matrix.state() == calm.tenant, where
            assert max(matrix.made().values()) == 1, where
    assert len(creating) > 5


def _in_turn(fault: str, number: int) -> bool:
    """Is it this fault's turn, among its family, to meet the look of that number?"""
    family = next((one for one in FAMILIES if fault in one), (fault,))
    return "SOAK" in os.environ or family[number % len(family)] == fault


def _reads(request: str) -> bool:
    what = request.partition(" ")[2]
    return request.startswith(("GET", "HEAD")) or what.startswith(("Get-", "Test-"))


def _may_be_repeated(request: str) -> bool:
    return _reads(request) or request.startswith(("PATCH", "DELETE", "PUT"))


def _strikes(fault: str, request: str) -> bool:
    """Can the fault happen to this request?"""
    what = request.partition(" ")[2]
    admin = not what.startswith("/")
    signs_in = "/oauth2/" in what or "/.well-known/" in what
    if fault == "transient_400":
        return admin
    if fault in ("claims", "expired"):
        return not signs_in and not what.startswith("/importing")
    if fault == "no_rights":
        return not signs_in
    if fault == "reset_within":
        return not request.startswith("HEAD")  # whose answer has no middle
    if fault in ("unseen", "endless_pages"):
        # The partner's lists, an inbox, a message that came: we did not make them, and no replica lags behind us.
        old = what.startswith(("/partnercenter", "/prices")) or re.search(r"/mailFolders/[a-z]+$|/\$value$", what)
        return _reads(request) and not signs_in and not old
    return True
