"""A folder that cannot be read, on either side: named, its items neither equal nor missing; a deleted one is fine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from told_changes import Told, an_item

from mailmove.errors import Blocked, MailmoveError, SignInRefused, Transient
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import Folder, Page, Unread, Unreadable
from mailmove.items.reconcile.report import Book
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import AskByName, counts, differences

PLACES = ("inbox", "/projects", "sentitems", "drafts")


def an_error(kind: type[MailmoveError] = Blocked, seen: str = "ErrorCorruptData") -> MailmoveError:
    return kind("EWS", wanted="x", seen=seen, todo="Look.", code=seen)


@dataclass
class Broken(Told):
    """broken: place -> its error. gone: places that are there at the first look only."""

    broken: dict[str, MailmoveError] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    looks: int = 0

    def folders(self, mailbox: str) -> list[Folder]:
        self.looks += 1
        folders = super().folders(mailbox)
        return [folder for folder in folders if self.looks == 1 or folder.place not in self.gone]

    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        if folder.place in self.broken:
            raise self.broken[folder.place]
        yield from super().changes(mailbox, folder, state)


def items(side: str) -> list[object]:
    return [an_item(place, f"{side}{place}", f"<{place}@x>") for place in PLACES]


def compared(
    path: Path, source: Told, target: Told, ask_by_name: AskByName = lambda _: None
) -> tuple[list[Unread], dict[str, str], str]:
    """(what was not read, Message-ID -> verdict, the account's line)."""
    book = Book(99)
    with Spool(path) as spool:
        unread = [*spool.update(SOURCE, source, "anna@x"), *spool.update(TARGET, target, "anna@x")]
        found = list(differences(spool, unread, ask_by_name))
        account = book.add("anna@x", counts(spool), found, [(part, "") for part in unread])
    verdicts = {str(one.item.message_id): str(one.verdict) for one in found}
    assert [row["verdict"] for row in book.rows[: len(unread)]] == ["not read"] * len(unread)
    return unread, verdicts, account.counts()


@pytest.mark.parametrize("kind", [Blocked, Transient])
def test_at_the_source(kind: type[MailmoveError], tmp_path: Path) -> None:
    source = Broken(items("s"), PLACES, broken={"/projects": an_error(kind)})  # type: ignore[arg-type]
    unread, verdicts, line = compared(tmp_path / "s", source, Broken(items("t"), PLACES))  # type: ignore[arg-type]
    assert [(part.side, part.path, part.why, part.folder_id) for part in unread] == [
        ("source", ("/Projects",), "ErrorCorruptData", "id of /projects")
    ]
    assert verdicts == {"</projects@x>": "new"}, "nothing of the others is different, and nothing is missing"
    assert line.endswith(
        "0 missing, without what could not be read: "
        "folder /Projects could not be read at the old server: ErrorCorruptData"
    )


def test_at_the_target_nothing_of_its_place_is_called_lost(tmp_path: Path) -> None:
    target = Broken(items("t")[:1], PLACES, broken={"/projects": an_error()})  # type: ignore[arg-type]
    unread, verdicts, line = compared(tmp_path / "s", Broken(items("s"), PLACES), target)  # type: ignore[arg-type]
    assert [part.side for part in unread] == ["target"]
    assert verdicts == {"</projects@x>": "not compared", "<sentitems@x>": "lost", "<drafts@x>": "lost"}
    assert "1 not compared; 2 missing" in line and "at Microsoft 365" in line


def test_a_folder_that_is_gone_at_the_second_look_asks_nobody(tmp_path: Path) -> None:
    for side in range(2):
        sides = [Broken(items("s"), PLACES), Broken(items("t"), PLACES)]  # type: ignore[arg-type]
        sides[side].broken, sides[side].gone = {"drafts": an_error(seen="ErrorFolderNotFound")}, ("drafts",)
        unread, verdicts, _ = compared(tmp_path / str(side), *sides)
        assert unread == []
        assert verdicts == {"<drafts@x>": "new" if side == 0 else "lost"}


def test_what_was_read_earlier_of_an_unreadable_folder_stays_known(tmp_path: Path) -> None:
    source, target = Broken(items("s"), PLACES), Broken(items("t"), PLACES)  # type: ignore[arg-type]
    assert compared(tmp_path / "s", source, target)[1] == {}
    target.broken = {"drafts": an_error(Transient)}
    unread, verdicts, _ = compared(tmp_path / "s", source, target)
    assert (len(unread), verdicts) == (1, {}), "and its items are not called purged"


def test_an_error_of_every_folder_is_the_mailboxs(tmp_path: Path) -> None:
    source = Broken(items("s"), PLACES, broken=dict.fromkeys(PLACES, an_error()))  # type: ignore[arg-type]
    with Spool(tmp_path / "s") as spool, pytest.raises(Blocked):
        spool.update(SOURCE, source, "anna@x")
    source.broken = {"inbox": an_error(SignInRefused)}
    with Spool(tmp_path / "s") as spool, pytest.raises(SignInRefused):
        spool.update(SOURCE, source, "anna@x")
    source.broken = dict.fromkeys(PLACES[:3], an_error(Transient))
    with Spool(tmp_path / "s") as spool, pytest.raises(Transient):
        spool.update(SOURCE, source, "anna@x")


def test_a_mailbox_that_was_not_read_has_no_numbers() -> None:
    book = Book(9)
    account = book.add(
        "anna@x", (0, 0), [], [(Unread("source", (), "ErrorAccessDenied"), "left by decision of Anna: -")]
    )
    assert account.line() == "anna@x: not compared: could not be read at the old server: ErrorAccessDenied"
    assert "0 missing" not in account.line()
    page = book.page("contoso").decode()
    assert "<td>anna@x</td><td>not read</td><td>not read</td>" in page and "left by decision of Anna" in page
    assert b"not read,mailbox" in book.csv()


@dataclass
class Hiding(Told):
    """unreadable: place -> items that it has and does not give out."""

    unreadable: dict[str, list[Unreadable]] = field(default_factory=dict)

    def changes(self, mailbox: str, folder: Folder, state: str | None) -> Iterator[Page]:
        for page in super().changes(mailbox, folder, state):
            hidden = self.unreadable.get(folder.place, []) if page.last else []
            yield Page(page.items, page.removed, page.state, page.last, page.whole, hidden)


@pytest.mark.parametrize("whole", [(), PLACES], ids=["changes", "whole"])
@pytest.mark.parametrize(("lacking", "verdict"), [(1, "unproved"), (2, "lost")])
def test_an_item_that_the_target_does_not_give_out(
    lacking: int, verdict: str, whole: tuple[str, ...], tmp_path: Path
) -> None:
    """It may be the one that is missing; where more are missing, none is given up for it."""
    mine = [an_item("inbox", f"s{number}", f"<{number}@x>") for number in range(4)]
    source = Told(mine, PLACES)
    hidden = {"inbox": [Unreadable("message", "message number 3 of Inbox", "500 ErrorInternalServerError", "t9")]}
    target = Hiding(mine[lacking:], PLACES, whole=whole, unreadable=hidden)
    for _ in range(2):
        unread, verdicts, line = compared(tmp_path / "s", source, target)
        assert [(part.kind, str(part)) for part in unread] == [
            (
                "item",
                "message number 3 of Inbox could not be read at Microsoft 365: 500 ErrorInternalServerError",
            )
        ]
        assert verdicts == {f"<{number}@x>": verdict for number in range(lacking)}
        assert "could not be read" in line
        if not whole:
            target.unreadable = {}  # changes tell it once; it stays known
    target.items, target.unreadable = [*mine[lacking:], mine[0].model_copy(update={"id": "t9"})], {}
    assert compared(tmp_path / "s", source, target)[0] == []  # type: ignore[arg-type]


@pytest.mark.parametrize(("held", "verdict"), [(None, "unproved"), (0, "lost"), (1, "not given")])
def test_what_may_be_the_item_that_is_not_given_out_is_asked_for_by_its_name(
    held: int | None, verdict: str, tmp_path: Path
) -> None:
    """Seed 301: a message that the old server cannot give was taken for one that Microsoft does not give."""
    mine = [an_item("inbox", f"s{number}", f"<{number}@x>") for number in range(4)]
    hidden = {"inbox": [Unreadable("message", "message number 3 of Inbox", "500", "t9")]}
    asked: list[str] = []

    def ask(item: Item) -> int | None:
        asked.append(str(item.message_id))
        return held

    _, verdicts, _ = compared(tmp_path / "s", Told(mine, PLACES), Hiding(mine[1:], PLACES, unreadable=hidden), ask)
    assert (verdicts, asked) == ({"<0@x>": verdict}, ["<0@x>"])


def test_a_second_copy_is_not_proved_by_the_first(tmp_path: Path) -> None:
    twice = [an_item("inbox", f"s{number}", "<same@x>") for number in range(2)]
    hidden = {"inbox": [Unreadable("message", "message number 3 of Inbox", "500", "t9")]}
    for held, verdict in ((1, "copy lost"), (2, "not given")):
        target = Hiding(twice[:1], PLACES, unreadable=hidden)
        _, verdicts, _ = compared(tmp_path / str(held), Told(twice, PLACES), target, lambda _, held=held: held)
        assert verdicts == {"<same@x>": verdict}
