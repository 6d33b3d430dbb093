"""What a rehearsal shows fits a terminal of 80 columns and 30 lines at every step, and says what matters first."""

from __future__ import annotations

import io

import pytest
from rehearsal_frames import NAMES, UNUSED, account, changes, copying, frame, propagating
from rich.console import Console, RenderableType

from deployments.display.account_view import Ending, account_view
from deployments.display.change_groups import _GROUPS, group_lines
from deployments.display.mail_landing import MailLanding, squeezed
from deployments.display.rehearsal_view import LONGEST, WIDTH, Frame, rehearsal_view
from mailmove.changes import ChangeKind


def lines(view: RenderableType, width: int = WIDTH) -> list[str]:
    """As a terminal of this width shows it, without colours."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False, legacy_windows=False)
    console.print(view, highlight=False)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def every_frame() -> list[Frame]:
    frames = [Frame(None, MailLanding([], []), "http://127.0.0.1:40200", 0.2)]
    for done in range(len(NAMES) + 1):
        long = "the old server said something that takes a whole paragraph " * 8
        frames += [frame(done), frame(done, state="Running"), frame(done, poll=propagating(), parked="wait: x"),
                   frame(done, poll=copying(), parked="wait: x"),
                   frame(done, parked="gate: switch_mail", needs=True, question=long)]  # fmt: skip
    return frames


def test_no_frame_is_longer_or_wider_than_a_small_terminal() -> None:
    for each in every_frame():
        shown = lines(rehearsal_view(each), width=200)
        assert len(shown) <= LONGEST and max(map(len, shown)) <= WIDTH, "\n".join(shown)


@pytest.mark.parametrize("done", range(1, len(NAMES)))
def test_the_step_that_it_is_at_is_always_shown_with_those_around_it(done: int) -> None:
    shown = lines(rehearsal_view(frame(done)))
    at = next(place for place, line in enumerate(shown) if line.startswith(" ▶"))
    assert NAMES[done] in shown[at]
    assert NAMES[done - 1] in shown[at - 1]
    assert done + 1 == len(NAMES) or NAMES[done + 1] in shown[at + 1]
    assert f"{done} of {len(NAMES)} steps" in shown[0]


def test_before_the_first_step_there_is_the_preflight() -> None:
    shown = lines(rehearsal_view(frame(0, state="Running")))
    assert shown[2].startswith(" ▶ preflight") and NAMES[0] in shown[3]
    shown = lines(rehearsal_view(frame(0, parked="trouble: lower_ttl", needs=True, question="No.")))
    assert f" ▶ {NAMES[0]}" in shown[2]


def test_a_step_that_the_plan_does_not_use_has_no_tick() -> None:
    shown = lines(rehearsal_view(frame(2)))
    assert next(line for line in shown if "obtain_certificate" in line).startswith(" –")
    assert next(line for line in shown if "lower_ttl" in line).startswith(" ✓")
    assert all(name in NAMES for name in UNUSED)


def test_the_resolvers_are_drawn_while_the_new_records_spread() -> None:
    shown = "\n".join(lines(rehearsal_view(frame(18, poll=propagating(), parked="wait: propagation"))))
    assert "world  ● new  ○ old 2 s  x fails  ● new  ○ old  ○ old 11 s" in shown
    assert "2 of 6 resolvers have the new records; 1 longer than allowed" in shown


def test_a_copy_is_a_bar() -> None:
    shown = "\n".join(lines(rehearsal_view(frame(9, poll=copying(), parked="wait: first_sync"))))
    assert "15,300 of 30,600 items, 5 of 17 mailboxes" in shown
    assert "███████████████░░░░░░░░░░░░░░░" in shown


def test_prefects_words_for_states_are_not_ours() -> None:
    for state, more, words in (("Suspended", {"parked": "wait: old_ttl"}, "waiting"), ("Running", {}, "at work")):
        head = lines(rehearsal_view(frame(5, state=state, **more)))[0]
        assert words in head and state not in head


def test_what_a_stranger_wrote_steers_no_terminal() -> None:
    shown = frame(17, parked="gate: switch_mail", needs=True, question="\x1b]0;owned\x07\x1b[2J yes?")
    console = Console(file=io.StringIO(), width=WIDTH, force_terminal=True)
    console.print(rehearsal_view(shown))
    assert isinstance(console.file, io.StringIO)
    assert "\x1b]0;" not in console.file.getvalue() and "\x1b[2J" not in console.file.getvalue()


def test_no_message_is_left_out_of_the_small_bars() -> None:
    counts = list(range(500))
    assert len(squeezed(counts, 50)) <= 50 and sum(squeezed(counts, 50)) == sum(counts)
    assert squeezed([], 50) == []
    for line in MailLanding(counts, counts[::-1], 10**7, 3).lines(WIDTH):
        assert len(line.plain) <= WIDTH


def ending(**more: object) -> Ending:
    plain = {"account": account(bounced=59, stays_at_the_old_server=0), "changes": changes(), "good": True}
    return Ending(**{**plain, "seconds": 118.0, "report": "report.html", **more})  # type: ignore[arg-type]


def test_the_account_fits_a_screen_and_its_last_line_is_the_verdict() -> None:
    shown = lines(account_view(ending()))
    assert max(map(len, shown)) <= WIDTH and len(shown) <= LONGEST
    assert shown[-1].startswith("It adds up: 3,290 messages, 0 lost")
    text = "\n".join(shown)
    assert all(f"  {stage} " in text for stage in changes()), "a stage's name is cut"
    for part in ("licences: 14 people", "made shared: 3 mailboxes", "TTL of MX northwind.example.: 3600 s, now 60 s",
                 "Undo", "report.html", "mailmove preflight --domain"):  # fmt: skip
        assert part in text, part
    assert [line for line in shown if line.strip() == "0 lost"]
    assert [line.split()[0] for line in shown if line.startswith(("Undo", "Report", "Next", "Each"))] == [
        "Each", "Undo", "Report", "Next"
    ]  # fmt: skip
    assert not [line for line in shown if line and line[0].islower()], "a line was wrapped"


def test_every_change_is_listed_when_asked_for() -> None:
    shown = lines(account_view(ending(all_changes=True)), width=400)
    for stage in changes().values():
        for change in stage:
            assert any(change.words in line for line in shown), change.words


def test_what_is_lost_is_named_and_the_verdict_is_not_green() -> None:
    shown = lines(account_view(ending(account=account(lost=2), good=False)))
    assert shown[-1].startswith("It does not add up: 2 lost")
    assert sum("lost: box" in line for line in shown) == 2


def test_every_kind_of_change_has_words_for_its_count() -> None:
    assert set(_GROUPS) == set(ChangeKind)
    assert list(group_lines([])) == []
