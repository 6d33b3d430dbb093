"""Probes, port 25 closed as it is seen from outside, and mail returned to the source: one cutover, in its order."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from uuid import uuid4

import pytest
from cutover_walk import Walk, walking
from engine_taps import Fenced, Killed, fenced, killed_before_writing

from mailmove.errors import NotYet
from mailmove.evidence import Finding, Preview
from mailmove.plan.cutover import Cutover
from mailmove.smtp.port_check import PortCheck, check_port
from tasks.items.return_to_source import return_to_source
from tasks.ledger.payloads import ServerClock
from tasks.parking.gate_questions import Asked
from tasks.parking.question_text import question_of
from tasks.progress.rollback_stage import roll_back_stage
from tasks.runbook import STAGES
from tasks.stages import close_smtp_port, probe_after_close, probe_after_switch, probe_before, switch_mail
from tasks.traffic.probes import sent_probes

pytestmark = pytest.mark.timeout(600)

STEPS = [
    *(
        "enable_outlook_anywhere",
        "onboard_customer",
        "verify_domain",
        "start_migration_batch",
        "first_sync",
        "license_mailboxes",
    ),
    *("probe_before", "switch_mail", "propagation", "probe_after_switch", "close_smtp_port", "probe_after_close"),
]


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with walking(STEPS) as walk:
        yield walk


COPIER = "192.168.16.40"
"""By the old server's log it used port 25 before the switch, and was not heard of since."""


def of_port_25(preview: Preview) -> list[Finding]:
    """The findings besides what message trace and the old server's log say."""
    return [one for one in preview.findings if one.subject not in ("message trace", COPIER)]


def probes_in(walk: Walk) -> tuple[int, int]:
    """How many are in the old server's mailboxes, and in the cloud's."""
    return tuple(  # type: ignore[return-value]
        sum(b"X-Mailmove-Probe" in item.mime for address in store.mailboxes for item in store.snapshot(address))
        for store in (walk.town.old.store, walk.town.cloud.store)
    )


def test_a_probe_shows_todays_way_and_is_never_sent_twice(walk: Walk) -> None:
    walk.bring_to("probe_before")
    with killed_before_writing("evidence", "probe_answer"), pytest.raises(Killed):
        walk.do(probe_before.apply.fn, walk.plan)
    assert probes_in(walk)[0] == 1
    walk.until(probe_before.apply.fn, walk.plan)
    assert len(sent_probes(walk.ledger.entries())) == 1, "three resolvers name one server: one probe, kill or not"
    facts = walk.until(probe_before.verify.fn, walk.plan).facts
    assert len(facts) == 1
    assert f"mail.northwind.example ({walk.town.places.old_server})" in facts[0]
    assert "killed before its answer was written down; landed at the old server, in Inbox, after" in facts[0]
    assert probes_in(walk)[0] == 0, "it was taken away"
    walk.done.append("probe_before")
    shown = walk.do(switch_mail.check.fn, walk.plan)
    assert [one.seen for one in shown.findings if one.subject == "probe"] == facts, "the gate shows it"


def test_after_the_switch_probes_land_in_the_cloud(walk: Walk) -> None:
    walk.bring_to("close_smtp_port")
    evidence = walk.ledger.evidence("probe_after_switch")
    assert evidence is not None
    (fact,) = evidence.facts
    assert f"({walk.town.places.cloud}): 250" in fact
    assert "landed in the cloud, in Inbox, after" in fact
    assert probes_in(walk) == (0, 0)


def test_a_mode_that_the_firewall_cannot_do_stands_in_the_way(walk: Walk) -> None:
    refuse = walk.plan.model_copy(
        update={"firewall": walk.plan.firewall.model_copy(update={"mode": "refuse"})}, deep=True
    )
    (blocker,) = walk.do(close_smtp_port.check.fn, refuse).blockers
    assert "it cannot refuse, only drop" in blocker.seen
    assert "firewall.mode" in blocker.todo
    assert walk.do(close_smtp_port.check.fn, walk.plan).blockers == []
    preview = walk.do(close_smtp_port.check.fn, walk.plan)
    for plan, words in ((walk.plan, "each try costs it its whole timeout"), (refuse, "refused at once")):
        question = question_of(plan, "close_smtp_port", Asked(run=uuid4(), key=1, preview=preview), "")
        assert words in question, "the gate says what follows"


def test_who_sends_seldom_is_named_before_port_25_is_closed(walk: Walk) -> None:
    (found,) = [one for one in walk.do(close_smtp_port.check.fn, walk.plan).findings if one.subject == COPIER]
    assert "(COPIER2) to the old server in the two weeks before the switch, none since" in found.seen
    assert not found.blocks, "a person may go on all the same"


def test_what_cannot_be_seen_from_here_is_not_taken_for_closed(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotYet, match=r"port \d+ closed"):  # it is still open
        walk.do(close_smtp_port.verify.fn, walk.plan)
    preview = walk.do(close_smtp_port.check.fn, walk.plan)
    assert preview.changes and of_port_25(preview) == []

    def blocked(address: str, port: int, timeout: float = 10.0) -> PortCheck:
        """A network that lets nothing out on this port, as most providers' do."""
        return PortCheck(address=address, port=port, state="silent", words="no answer in 10 s")

    with monkeypatch.context() as patch:
        patch.setattr("tasks.stages.close_smtp_port.check_port", blocked)
        (finding,) = of_port_25(walk.do(close_smtp_port.check.fn, walk.plan))
        assert "although the firewall lets it in" in finding.seen
        with pytest.raises(NotYet) as caught:
            walk.do(close_smtp_port.verify.fn, walk.plan)
    assert caught.value.who == "this worker's network"
    assert "What looks closed from here may be open" in caught.value.todo


def test_port_25_is_seen_closed_and_the_last_probe_goes_the_new_way(walk: Walk) -> None:
    walk.bring_to(None)
    evidence = walk.ledger.evidence("close_smtp_port")
    assert evidence is not None
    clocks = [(reading.step, reading.whose) for _, reading in walk.ledger.payloads(ServerClock)]
    assert clocks.count(("close_smtp_port", "source")) == 1, "a clock that is set right later does not move it"
    places = walk.town.places
    assert f"{places.old_server} port {places.smtp_port}: no answer" in evidence.facts[0]
    assert "as the plan says" not in evidence.facts[0]
    assert evidence.facts[1].startswith(f"seen beside it: {places.cloud} port {places.smtp_port}: it takes mail")
    last = walk.ledger.evidence("probe_after_close")
    assert last is not None and "landed in the cloud" in last.facts[0]
    assert len(sent_probes(walk.ledger.entries())) == 3
    assert probes_in(walk) == (0, 0)
    account = walk.town.account()
    assert account.of("a probe") == [], "none is left behind"
    assert account.of("nobody sent it") == []
    assert {probe_after_switch.NAME, probe_after_close.NAME} < {stage.name for stage in STAGES}


def test_mail_that_only_the_target_has_is_listed_and_returned_once(walk: Walk) -> None:
    walk.bring_to(None)
    town = walk.town
    box = next(box for box in town.old.store.mailboxes.values() if box.kind == "user" and not box.hidden)
    ids = [f"<new.{number}@senders.example>" for number in range(3)]
    for number, message_id in enumerate(ids):
        with smtplib.SMTP(town.places.cloud, town.places.smtp_port, timeout=10) as smtp:
            text = (
                f"Message-ID: {message_id}\r\nFrom: z@senders.example\r\nSubject: New {number}\r\n\r\nBody {number}\r\n"
            )
            smtp.sendmail("z@senders.example", box.address, text)
    written = town.cloud.store.put(box.address, b"Message-ID: <own@x>\r\nSubject: Own\r\n\r\n", folder="Sent Items")

    with walk.another_run():
        for stage in reversed(STAGES):
            walk.until(roll_back_stage, walk.plan, stage.name, walk.root)
            if stage.name == "switch_mail":
                break
        assert check_port(town.places.old_server, town.places.smtp_port).state == "open", "it is open again"
        listed = return_to_source.fn(walk.plan, walk.root, False)
        assert listed.changes == []
        assert [line for line in listed.remains if line.endswith("is only in the cloud")] == [
            line for line in listed.remains if f"{box.address}: 'New " in line
        ]
        assert any(line.startswith("3 messages can be returned") for line in listed.remains)
        assert copies(walk, box.address, ids) == [0, 0, 0]

        with fenced(), pytest.raises(Fenced):
            return_to_source.fn(walk.plan, walk.root, True)
        assert copies(walk, box.address, ids) == [0, 0, 0], "a process without its run returns nothing"

        with killed_before_writing("intent", "return", after=1), pytest.raises(Killed):
            return_to_source.fn(walk.plan, walk.root, True)
        assert sorted(copies(walk, box.address, ids)) == [0, 0, 1]
        returned = return_to_source.fn(walk.plan, walk.root, True)
        assert len(returned.changes) == 2, "one was delivered by the try that was killed"
        assert copies(walk, box.address, ids) == [1, 1, 1]
        again = return_to_source.fn(walk.plan, walk.root, True)
        assert again.changes == []
        assert copies(walk, box.address, ids) == [1, 1, 1]
        assert copies(walk, box.address, [written.message_id]) == [0], "what people wrote stays where it is"
    (first,) = (item for item in town.old.store.snapshot(box.address) if item.message_id == ids[0])
    assert b"Body 0" in first.mime and first.subject == "New 0"


def copies(walk: Walk, address: str, ids: list[str]) -> list[int]:
    held = [item.message_id for item in walk.town.old.store.snapshot(address)]
    return [held.count(one) for one in ids]


def test_the_plan_may_want_no_probes(walk: Walk) -> None:
    none: Cutover = walk.plan.model_copy(update={"probes": walk.plan.probes.model_copy(update={"send": False})})
    before = sent_probes(walk.ledger.entries())
    walk.do(probe_before.apply.fn, none)
    assert walk.do(probe_before.verify.fn, none).facts == ["the plan wants no probes"]
    assert sent_probes(walk.ledger.entries()) == before
