"""One bad item, folder or mailbox is left and named after bounded tries; what everything has stops the copy."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from two_shelves import STORED, New, Old, an_item

from mailmove.errors import Blocked, FolderUnreadable, MailmoveError, Refused, SignInRefused, Transient
from mailmove.items.copy.checkpoint import Checkpoint, MemoryJournal
from mailmove.items.copy.interfaces import Moved, NotCopied, Outcome
from mailmove.items.copy.mailbox import MailboxCopy, Manners
from mailmove.items.copy.mover import DirectMover
from mailmove.items.item import Item

ANNA, BEN, EVA = "anna@x", "ben@x", "eva@x"


def an_error(kind: type[MailmoveError], seen: str = "ErrorOfSomeKind") -> MailmoveError:
    return kind("EWS", wanted="x", seen=seen, todo="Look.", code=seen)


def unreadable(folder: str) -> FolderUnreadable:
    return FolderUnreadable("EWS", wanted="x", seen="ErrorCorruptData", todo="-", mailbox=ANNA, folder=[folder])


def copied(old: Old, new: New) -> Moved:
    return MailboxCopy(
        Moved(ANNA), old, new, Checkpoint(MemoryJournal()), Manners(settle=0), sleep=lambda _: None, clock=lambda: 0.0
    ).run()


def three_folders() -> Old:
    return Old({ANNA: {name: [an_item(f"{name}{n}", name) for n in range(3)] for name in ("A", "B", "C")}})


@pytest.mark.parametrize("error", [unreadable("B"), an_error(Blocked), an_error(Transient)])
def test_a_folder_that_cannot_be_read_is_named(error: MailmoveError) -> None:
    old, new = three_folders(), New()
    old.broken["B"] = error
    moved = copied(old, new)
    assert new.held() == ["A0", "A1", "A2", "C0", "C1", "C2"]
    assert moved.not_copied == [NotCopied(("B",), error.seen, "id of B")]
    assert (moved.copied, moved.already_present, moved.left, moved.over) == (6, 0, [], True)


def test_a_folder_that_cannot_be_written_is_named() -> None:
    old, new = three_folders(), New(broken={"C": an_error(Blocked, "ErrorFolderQuota")})
    assert copied(old, new).not_copied == [NotCopied(("C",), "ErrorFolderQuota", "id of C")]
    assert new.held() == ["A0", "A1", "A2", "B0", "B1", "B2"]


def test_a_folder_that_was_deleted_meanwhile_asks_nobody() -> None:
    old, new = three_folders(), New()
    old.broken["B"], old.gone = an_error(Blocked, "ErrorFolderNotFound"), {"B"}
    moved = copied(old, new)
    assert (moved.not_copied, moved.left, moved.copied) == ([], [], 6)


def test_a_folder_that_fails_in_passing_is_copied_in_the_second_try() -> None:
    old, new = three_folders(), New()
    old.broken["B"], old.passing["B"] = an_error(Transient), 1
    moved = copied(old, new)
    assert (moved.copied, moved.already_present, moved.not_copied) == (9, 0, [])


def test_an_error_of_every_folder_is_the_mailboxs() -> None:
    old = three_folders()
    old.broken = dict.fromkeys("ABC", an_error(Refused, "ErrorAccessDenied"))
    with pytest.raises(Refused):
        copied(old, New())


def test_a_full_disk_and_a_refused_sign_in_stop_at_once() -> None:
    old = three_folders()
    old.broken["B"] = an_error(SignInRefused)
    with pytest.raises(SignInRefused):
        copied(old, New())

    class Full(MemoryJournal):
        def append(self, line: str, *, safe: bool) -> None:
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        MailboxCopy(Moved(ANNA), three_folders(), New(), Checkpoint(Full()), Manners(settle=0)).run()


def bad(name: str, outcome: Outcome) -> Callable[[Item], Outcome]:
    return lambda item: outcome if item.id == name else STORED


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome("refused", "400 ErrorInvalidRecipients: no"),
        Outcome("unknown", "500 ErrorInternalServerError: again"),
        Outcome("unsent", "404 ErrorItemNotFound: again"),
    ],
    ids=lambda outcome: outcome.state,
)
def test_an_item_that_the_target_never_takes_is_named(outcome: Outcome) -> None:
    old, new = three_folders(), New(bad("B1", outcome))
    moved = copied(old, new)
    assert new.held() == ["A0", "A1", "A2", "B0", "B2", "C0", "C1", "C2"]
    [(item, why)] = moved.left
    assert item.id == "B1" and outcome.why in why and moved.not_copied == []


@pytest.mark.parametrize(
    "outcome", [Outcome("unknown", "500"), Outcome("unsent", "404"), Outcome("unsent", "429", busy=True)]
)
def test_a_target_that_takes_nothing_is_no_items_fault(outcome: Outcome) -> None:
    with pytest.raises(Transient):
        copied(three_folders(), New(lambda _: outcome))


def test_an_item_because_of_which_every_request_fails_is_named() -> None:
    old, new = three_folders(), New()
    old.broken["B1"] = an_error(Transient, "a torn answer")
    moved = copied(old, new)
    assert [(item.id, why) for item, why in moved.left] == [("B1", "the old server does not give it: a torn answer")]
    assert moved.copied == 8


def test_what_an_item_lost_on_the_way_is_named() -> None:
    old, new = three_folders(), New(lambda item: Outcome("stored", without=("the attachment a.pdf",)))
    assert [what for _, what in copied(old, new).reduced] == ["the attachment a.pdf"] * 9


def three_mailboxes(**broken: MailmoveError) -> Old:
    boxes = {address: {"A": [an_item(address, "A")]} for address in (ANNA, BEN, EVA)}
    return Old(boxes, {f"{name}@x": error for name, error in broken.items()})


def mover(old: Old, new: New) -> DirectMover:
    return DirectMover(old, new, manners=Manners(settle=0))


@pytest.mark.parametrize("kind", [Blocked, Refused, Transient])
def test_a_mailbox_that_cannot_be_copied_is_named(kind: type[MailmoveError]) -> None:
    old, new = three_mailboxes(ben=an_error(kind, "ErrorMailboxStoreUnavailable")), New()
    moved = {copy.mailbox: copy for copy in mover(old, new).move([ANNA, BEN, EVA])}
    assert new.held() == [ANNA, EVA]
    assert moved[BEN].not_copied == [NotCopied((), "ErrorMailboxStoreUnavailable")]
    assert [moved[address].over for address in (ANNA, BEN, EVA)] == [True, False, True]


def test_a_mailbox_that_fails_in_passing_is_tried_again() -> None:
    old, new = three_mailboxes(ben=an_error(Transient)), New()
    old.passing[BEN] = 2
    assert [copy.copied for copy in mover(old, new).move([ANNA, BEN, EVA])] == [1, 1, 1]


def test_an_error_of_every_mailbox_stops_the_copy() -> None:
    error = an_error(Refused, "ErrorImpersonationDenied")
    with pytest.raises(Refused, match="ErrorImpersonationDenied"):
        mover(three_mailboxes(anna=error, ben=error, eva=error), New()).move([ANNA, BEN, EVA])
    with pytest.raises(SignInRefused):
        mover(three_mailboxes(ben=an_error(SignInRefused)), New()).move([ANNA, BEN, EVA])
