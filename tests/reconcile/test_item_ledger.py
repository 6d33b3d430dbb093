"""The ledger of items: what is the same, what is not, and why; in any order of looks and kills."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told_changes import Died, Told, an_item

from mailmove.items.item import Item
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool
from mailmove.items.reconcile.verdicts import Difference, counts, differences

SOURCE_PLACES = ("inbox", "sentitems", "/projects", "calendar", "contacts", "deleteditems")
TARGET_PLACES = (*SOURCE_PLACES, "recoverableitemsdeletions")
WHOLE = ("calendar", "contacts")


def compared(path: Path, source: Told, target: Told) -> list[Difference]:
    with Spool(path) as spool:
        spool.update(SOURCE, source, "anna@x")
        spool.update(TARGET, target, "anna@x")
        return list(differences(spool))


def test_every_verdict_and_its_reason(tmp_path: Path) -> None:
    same = [an_item("inbox", f"s{n}", f"<{n}@x>") for n in range(20)]
    source = Told(
        [
            *same,
            an_item("inbox", "lost", "<lost@x>"),
            an_item("inbox", "two.1", "<two@x>"),
            an_item("inbox", "two.2", "<two@x>"),
            an_item("inbox", "nameless", None),
            an_item("inbox", "task", "Call Bob", "task"),
            an_item("inbox", "moved", "<moved@x>"),
            an_item("inbox", "deleted", "<deleted@x>"),
            an_item("inbox", "emptied", "<emptied@x>"),
            an_item("inbox", "purged", "<purged@x>"),
            an_item("inbox", "kept", "<kept@x>"),
            an_item("calendar", "event", "weekly@x", "event"),
        ],
        SOURCE_PLACES,
        whole=WHOLE,
    )
    target = Told(
        [
            *(item.model_copy(update={"id": f"t{item.id}"}) for item in same),
            an_item("inbox", "t.two", "<two@x>"),
            an_item("inbox", "t.twin", "<0@x>"),
            an_item("/projects", "t.moved", "<moved@x>"),
            an_item("deleteditems", "t.deleted", "<deleted@x>"),
            an_item("recoverableitemsdeletions", "t.emptied", "<emptied@x>"),
            an_item("inbox", "t.purged", "<purged@x>"),
            an_item("inbox", "t.kept", "<kept@x>"),
            an_item("inbox", "t.new", "<new@x>"),
        ],
        TARGET_PLACES,
        whole=WHOLE,
    )
    compared(tmp_path / "spool", source, target)
    source.items = [item for item in source.items if item.id != "kept"]
    target.items = [item for item in target.items if item.id != "t.purged"]
    given = source.given, target.given
    found = {one.item.id: one for one in compared(tmp_path / "spool", source, target)}
    assert {identity: one.verdict for identity, one in found.items()} == {
        "lost": "lost",
        "two.2": "copy lost",
        "nameless": "unnamed",
        "task": "not shown",
        "moved": "moved",
        "deleted": "deleted",
        "emptied": "recoverable",
        "purged": "purged",
        "event": "lost",
        "t.twin": "duplicate",
        "t.kept": "kept",
        "t.new": "new",
    }
    assert found["moved"].reason.endswith(": /Projects")
    assert "lay in Inbox until" in found["purged"].reason
    assert (source.given, target.given) == given, "a second look costs only the changes"


def test_a_move_is_no_proof_that_a_copy_was_deleted(tmp_path: Path) -> None:
    source = Told([an_item("inbox", "1", "<a@x>"), an_item("inbox", "2", "<a@x>")], SOURCE_PLACES)
    target = Told([an_item("inbox", "t1", "<a@x>")], TARGET_PLACES)
    compared(tmp_path / "spool", source, target)
    for place in ("sentitems", "/projects"):
        target.items = [an_item(place, f"t in {place}", "<a@x>")]
        found = compared(tmp_path / "spool", source, target)
        assert sorted(one.verdict for one in found) == ["copy lost", "moved"]


def test_a_mailbox_made_anew_has_lost_everything_and_nobody_deleted_it(tmp_path: Path) -> None:
    source = Told([an_item("inbox", "1", "<a@x>")], SOURCE_PLACES)
    target = Told([an_item("inbox", "t1", "<a@x>")], TARGET_PLACES)
    assert compared(tmp_path / "spool", source, target) == []
    target.items, target.known = [], {}  # no state of old is known there
    assert [one.verdict for one in compared(tmp_path / "spool", source, target)] == ["lost"]


def test_a_torn_file_is_begun_anew(tmp_path: Path) -> None:
    source, target = Told([an_item("inbox", "1", "<a@x>")], SOURCE_PLACES), Told([], TARGET_PLACES)
    (tmp_path / "spool").write_bytes(b"no database at all" * 500)
    assert [one.verdict for one in compared(tmp_path / "spool", source, target)] == ["lost"]
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("dies_after", range(8))
def test_a_kill_between_any_two_pages_costs_no_item_and_doubles_none(tmp_path: Path, dies_after: int) -> None:
    places = ("inbox", "sentitems")
    items = [an_item(place, f"{place}{n}", f"<{n % 5}.{place}@x>") for place in places for n in range(9)]
    source = Told(items, SOURCE_PLACES, dies_after=dies_after)
    target = Told([*items, an_item("inbox", "more", "<0.inbox@x>")], TARGET_PLACES, replays=True)
    if dies_after < 8:
        with pytest.raises(Died):
            compared(tmp_path / "spool", source, target)
    source.dies_after = None
    found = compared(tmp_path / "spool", source, target)
    assert [one.verdict for one in found] == ["duplicate"]
    assert source.given <= len(items) + source.page, "it went on where it stopped"


copies = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(SOURCE_PLACES[:3])), max_size=12)
target_copies = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from((*SOURCE_PLACES[:3], "deleteditems", TARGET_PLACES[-1]))),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(copies, target_copies, st.integers(1, 5), st.booleans())
def test_agrees_with_counting(
    source: list[tuple[str, str]], target: list[tuple[str, str]], page: int, replays: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = compared(
            Path(folder) / "spool",
            Told(_items(source), SOURCE_PLACES, page),
            Told(_items(target), TARGET_PLACES, page, replays=replays),
        )
    for name in "abcd":
        verdicts = Counter(one.verdict for one in found if one.item.message_id == name)
        assert verdicts == naive([p for n, p in source if n == name], [p for n, p in target if n == name])


def _items(copies: list[tuple[str, str]]) -> list[Item]:
    return [an_item(place, f"{number} {name}", name) for number, (name, place) in enumerate(copies)]


def naive(source: list[str], target: list[str]) -> Counter[str]:
    """The same, by counting places alone: how many of one name lie in each."""
    here, there = Counter(source), Counter(target)
    rest, over = here - there, there - here
    live = sum(count for place, count in over.items() if place not in ("deleteditems", TARGET_PLACES[-1]))
    missing = rest.total()
    verdicts = Counter(moved=min(missing, live))
    missing, live = missing - verdicts["moved"], live - verdicts["moved"]
    for verdict, place in (("deleted", "deleteditems"), ("recoverable", TARGET_PLACES[-1])):
        verdicts[verdict] = min(missing, over[place])
        missing -= verdicts[verdict]
    verdicts["copy lost" if target else "lost"] = missing
    verdicts["new"] = 1 if live and not source else 0
    verdicts["duplicate"] = live - verdicts["new"]
    return +verdicts


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(copies, target_copies), min_size=2, max_size=3), st.integers(1, 4))
def test_looks_one_after_the_other_end_where_one_look_would(
    rounds: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]], page: int
) -> None:
    """But for what is remembered: a thing that was there and has gone is purged, not lost."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Told([], SOURCE_PLACES, page), Told([], TARGET_PLACES, page)
        for number, (here, there) in enumerate(rounds):
            source.items = [item.model_copy(update={"id": f"{number}/{item.id}"}) for item in _items(here)]
            target.items = [item.model_copy(update={"id": f"{number}/{item.id}"}) for item in _items(there)]
            found = compared(Path(folder) / "again", source, target)
        with Spool(Path(folder) / "again") as spool:
            assert counts(spool)[0] == len(source.items)
        once = compared(Path(folder) / "once", Told(source.items, SOURCE_PLACES), Told(target.items, TARGET_PLACES))
    forget = {"purged": "lost", "kept": "new"}

    def plain(differences: list[Difference]) -> Counter[tuple[str, str]]:
        merged = {"lost", "copy lost"}, {"new", "duplicate"}
        words = ((forget.get(one.verdict, one.verdict), one.item.message_id or "") for one in differences)
        return Counter(
            ("lost" if word in merged[0] else "over" if word in merged[1] else word, name) for word, name in words
        )

    assert plain(found) == plain(once)
