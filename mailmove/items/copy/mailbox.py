"""The copy of one mailbox: every folder, every item exactly once, over crashes and lost answers.

Items of one name (two copies of a message, or two messages of one Message-ID) are told apart by what they hold where
the target is read, and by count: the target must hold as many as the source. So two of one name are never in flight
together: the second is postponed until everything else has arrived.

One bad item, and one bad folder, is tried a bounded number of times, then left and named; the others go on.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailmove.errors import MailmoveError, SignInRefused, Transient
from mailmove.items.copy.batches import LARGEST_IMPORT, batches, import_bytes, portions
from mailmove.items.copy.checkpoint import Checkpoint
from mailmove.items.copy.compare import match
from mailmove.items.copy.folder_work import FolderWork
from mailmove.items.copy.interfaces import (
    Content,
    Destination,
    Moved,
    NotCopied,
    Origin,
    Outcome,
    Present,
    SourceFolder,
)
from mailmove.items.copy.lanes import in_lanes
from mailmove.items.copy.rate_limits import bounded
from mailmove.items.copy.reading import Reading
from mailmove.items.copy.ways import is_stream, way_of
from mailmove.items.each_folder import IN_A_ROW, each_folder
from mailmove.items.folder_path import shown
from mailmove.items.identity import known_name
from mailmove.items.item import Item
from mailmove.items.item_class import family_of

TRIES = 8
"""Attempts in a row without a stored item, after which the item is left, or the copy gives up with Transient."""
_STRANGERS = "strangers"
"""Word in the journal, after a folder's id: its items of other kinds have been compared."""


@dataclass(frozen=True)
class Manners:
    """How one mailbox is copied.

    lanes: portions in flight at once. settle: seconds after which an item that the target does not list was not stored
    (a request may outlive the process that sent it, and lists are updated late).
    """

    lanes: int = 2
    settle: float = 60.0


class MailboxCopy:
    """`MailboxCopy(Moved(address), ...).run()` copies what the target lacks, and counts in `Moved` as it goes."""

    def __init__(
        self,
        moved: Moved,
        origin: Origin,
        destination: Destination,
        checkpoint: Checkpoint,
        manners: Manners | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._moved, self._mailbox = moved, moved.mailbox
        self._origin, self._destination = origin, destination
        self._checkpoint, self._manners = checkpoint, manners or Manners()
        self._sleep, self._clock = sleep, clock
        self._began = clock()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._counted: Counter[str] = Counter()
        self._left: set[str] = set()
        self._way = way_of(origin, destination, self._mailbox)
        self._streams = is_stream(self._way)
        moved.by_way = Counter(checkpoint.by_way)

    def run(self) -> Moved:
        """Copy every item. A folder that cannot be read or written is named in `not_copied`.

        Transient, Refused, Blocked: from either side, for the mailbox as a whole; the checkpoint keeps what was copied.
        """
        folders = [folder for folder in self._origin.folders(self._mailbox) if folder.count]
        failed = self._copy_each(folders)
        if failed:
            # A second look: a folder that its user has deleted meanwhile is gone, and nothing is wrong.
            there = [folder for folder in self._origin.folders(self._mailbox) if folder.id in failed]
            failed = self._copy_each(there)
            if failed and len(failed) == len(folders):
                raise next(iter(failed.values()))
            self._moved.not_copied = [
                NotCopied(folder.path, failed[folder.id].seen, folder.id) for folder in there if folder.id in failed
            ]
        self._moved.over = True
        return self._moved

    def _copy_each(self, folders: Iterable[SourceFolder]) -> dict[str, MailmoveError]:
        """Copy each folder; the error of each that could not be copied, by its id."""
        works: list[FolderWork] = []
        failed = each_folder(folders, lambda folder: works.append(self._copy_folder(folder)))
        # What an earlier run left in doubt had all that time to appear; postponed items wait for it as well.
        for work in works:
            try:
                self._settle(work)
            except SignInRefused:
                raise
            except MailmoveError as error:
                failed[work.folder.id] = error
        return failed

    def run_items(self, wanted: Sequence[Item], tried_ago: float | None = 0.0) -> Moved:
        """Copy only these items, which the target lacks; each is searched for again before it is sent.

        tried_ago: seconds since the last attempt; None: never tried, so that no earlier request is still in flight.
        """
        self._began = float("-inf") if tried_ago is None else self._clock() - tried_ago
        folders = {folder.path: folder for folder in self._origin.folders(self._mailbox)}
        ids = {item.id for item in wanted}
        # A message is missing from the mailbox, not from a folder: another copy of it may lie in another one.
        others = Counter(
            hash(known_name(item, self._streams, folder.kind))
            for folder in folders.values()
            if folder.count and any(item.message_id for item in wanted)
            for item in self._origin.items(self._mailbox, folder)
            if item.message_id and item.id not in ids
        )
        for path in dict.fromkeys(item.folder for item in wanted):
            items = [item for item in wanted if item.folder == path]
            if path not in folders:
                self._leave(items, "its folder is gone from the old server")
                continue
            folder = folders[path]
            work = self._work(folder, everywhere=True)
            work.settled = others
            work.doubtful = list(self._fitting(folder, items))
            self._settle(work)
        self._moved.over = True
        return self._moved

    def _work(self, folder: SourceFolder, *, everywhere: bool = False) -> FolderWork:
        identity = self._destination.folder(self._mailbox, folder)
        return FolderWork(folder, identity, streams=self._streams, everywhere=everywhere)

    def _copy_folder(self, folder: SourceFolder) -> FolderWork:
        """Copy a folder's items, except those in doubt and those postponed."""
        if folder.kind == "other" and not self._streams:
            self._leave(self._origin.items(self._mailbox, folder), "Graph has no folder of this kind")
            return FolderWork(folder, "", streams=False)
        with self._lock:  # what an earlier try of this run counted is counted anew
            self._moved.already_present -= self._counted.pop(folder.id, 0)
        work = self._work(folder)
        self._compare(work, folder.id, self._destination.present, lambda: self._origin.items(self._mailbox, folder))
        items = self._fitting(folder, self._origin.items(self._mailbox, folder))
        self._send_all(work, self._first_of_each_name(work, self._known(work, self._fresh(work, items))))
        if strangers := work.strangers:
            self._compare(work, f"{folder.id} {_STRANGERS}", self._destination.strangers, lambda: strangers)
            lacking = (item for item in strangers if not self._checkpoint.is_done(item.id))
            self._send_all(work, self._first_of_each_name(work, lacking))
        return work

    def _known(self, work: FolderWork, items: Iterable[Item]) -> Iterator[Item]:
        """Items of the folder's own kind; strangers are set aside until they have been compared."""
        for item in items:
            if work.is_stranger(item):
                work.strangers.append(item)
            else:
                yield item

    def _fresh(self, work: FolderWork, items: Iterable[Item]) -> Iterator[Item]:
        """Items never sent. The others are counted, or kept as doubtful with their name claimed."""
        for item in items:
            if self._checkpoint.is_done(item.id):
                with self._lock:
                    if item.id not in work.just_found:
                        work.settled[work.name(item)] += 1
                        self._count(work, present=1)
            elif self._checkpoint.is_doubtful(item.id):
                with self._lock:
                    work.doubtful.append(item)
                work.claimed.add(work.name(item))
            else:
                yield item

    def _settle(self, work: FolderWork) -> None:
        """Search for items in doubt and send those that are lacking, until none is in doubt; then the postponed."""
        for _ in range(TRIES):
            if not work.doubtful and not work.postponed:
                return
            doubtful = [item for item in work.doubtful if not self._checkpoint.is_done(item.id)]
            work.doubtful = []
            postponed, work.postponed = work.postponed, []
            lacking = self._not_stored(work, doubtful)
            self._send_all(work, self._first_of_each_name(work, lacking, again=True))
            for later in postponed:
                # Were both in doubt, and the target had one of them, nobody could say which.
                if work.name(later) in {work.name(item) for item in work.doubtful}:
                    work.postponed.append(later)
                else:
                    self._portion(work, [later])
        if not self._anything_stored():
            raise Transient(
                "Microsoft Graph",
                wanted=f"{len(work.doubtful)} items in {shown(work.folder.path)} of {self._mailbox} to be stored",
                seen=f"{TRIES} times an answer that was lost, or {work.last_words}",
                todo="Run the copy again; it goes on where it stopped.",
            )
        self._leave(work.doubtful, f"the target did not store it, {TRIES} times: {work.last_words}")
        self._leave(work.postponed, "another item of its name is in doubt, so that nothing would tell the two apart")
        work.doubtful, work.postponed = [], []

    def _anything_stored(self) -> bool:
        """Whether the target takes items of this mailbox at all; then what it does not take is to blame itself."""
        return bool(self._moved.copied or self._moved.already_present)

    def _compare(
        self,
        work: FolderWork,
        mark: str,
        present: Callable[[str, SourceFolder, str], Iterator[Present]],
        items: Callable[[], Iterable[Item]],
    ) -> None:
        """Count as copied what the target holds before the first item is sent to it. mark: of this in the journal."""
        if self._checkpoint.knows(mark):
            return
        listed = present(self._mailbox, work.folder, work.id)
        matched = match(work, listed, items, self._checkpoint.is_done)
        self._checkpoint.done(matched)
        self._count(work, present=len(matched))
        self._checkpoint.opened(mark)

    def _count(self, work: FolderWork, *, present: int = 0, copied: int = 0) -> None:
        self._moved.already_present += present
        self._moved.copied += copied
        self._counted[work.folder.id] += present + copied

    def _fitting(self, folder: SourceFolder, items: Iterable[Item]) -> Iterator[Item]:
        """Items that can be sent at all, each to its folder; the others are left, with the reason."""
        for item in items:
            if self._streams and import_bytes(item.size or 0) > LARGEST_IMPORT:
                self._leave([item], _too_large(item.size or 0))
            elif self._streams or item.kind == folder.kind:
                yield item
            elif not self._checkpoint.is_done(item.id):
                self._leave([item], f"Graph takes no {item.kind} in a folder of this kind")

    def _not_stored(self, work: FolderWork, items: Sequence[Item]) -> list[Item]:
        """Those of the items in doubt that the target does not list, even after the settle time."""
        if not items:
            return []
        lacking = self._lacking(work, items)
        remaining = max(self._began, work.last_loss) + self._manners.settle - self._clock()
        if lacking and remaining > 0:
            self._sleep(remaining)
            lacking = self._lacking(work, lacking)
        return lacking

    def _lacking(self, work: FolderWork, items: Sequence[Item]) -> list[Item]:
        if not items:
            return []
        lacking: list[Item] = []
        arrivals: list[Item] = []
        copies = self._destination.copies(
            self._mailbox, work.folder, None if work.everywhere else work.id, items, streams=self._streams
        )
        for item, count in zip(items, copies, strict=True):
            with self._lock:
                arrived = count > work.settled[work.name(item)]
                if arrived:
                    work.settled[work.name(item)] += 1
            (arrivals if arrived else lacking).append(item)
        self._note(arrivals)
        with self._lock:
            self._count(work, present=len(arrivals))
        return lacking

    def _send_all(self, work: FolderWork, items: Iterable[Item]) -> None:
        name = f"copy {self._mailbox}"
        in_lanes(self._manners.lanes, name, portions(items), lambda portion: self._portion(work, portion), self._stop)

    def _first_of_each_name(self, work: FolderWork, items: Iterable[Item], *, again: bool = False) -> Iterator[Item]:
        """The first item of each name; later ones are postponed. again: the names were claimed before."""
        names: set[int] = set()
        for item in items:
            name = work.name(item)
            claimed = names if again else work.claimed
            if name in claimed:
                work.postponed.append(item)
            else:
                claimed.add(name)
                yield item

    def _portion(self, work: FolderWork, items: Sequence[Item]) -> None:
        whole: list[Content] = []
        reading = Reading(self._origin, self._mailbox, self._way)
        for content in reading.contents(items, may_blame_item=self._anything_stored()):
            if lack := content.lack:
                self._leave([content.item], lack)
            elif self._streams and content.weight > LARGEST_IMPORT:
                self._leave([content.item], _too_large(content.weight * 3 // 4))
            else:
                whole.append(content)
        for batch in batches(whole):
            if self._stop.is_set():
                return
            self._send(work, batch)

    def _send(self, work: FolderWork, batch: list[Content]) -> None:
        tries = 0
        while batch:
            self._checkpoint.sent(content.item.id for content in batch)
            outcomes = self._destination.put(self._mailbox, work.id, batch)
            pairs = list(zip(batch, outcomes, strict=True))
            self._take(work, pairs)
            again = [content for content, outcome in pairs if outcome.state == "unsent"]
            waits = [outcome for _, outcome in pairs if outcome.state == "unsent"]
            tries = tries + 1 if len(again) == len(batch) else 0
            if tries >= TRIES:
                self._give_up(work, again, waits)
                return
            if again:
                self._sleep(bounded(max((outcome.wait for outcome in waits), default=0.0)) or 0.5 * tries)
            batch = again

    def _take(self, work: FolderWork, pairs: Sequence[tuple[Content, Outcome]]) -> None:
        """Write down what became of each item that was sent, but for those to be sent again."""
        stored = [content.item for content, outcome in pairs if outcome.state == "stored"]
        self._note(stored)
        lost = [(content.item, outcome.why) for content, outcome in pairs if outcome.state == "unknown"]
        with self._lock:
            self._count(work, copied=len(stored))
            work.settled.update(work.name(item) for item in stored)
            self._moved.reduced += [
                (content.item, ", ".join(outcome.without)) for content, outcome in pairs if outcome.without
            ]
            if lost:  # searched for at the end, when the target has had time to list it
                work.doubtful += [item for item, _ in lost]
                work.last_loss, work.last_words = self._clock(), lost[-1][1]
        for content, outcome in pairs:
            if outcome.state == "refused":
                self._leave([content.item], outcome.why)

    def _note(self, stored: Sequence[Item]) -> None:
        """Write down that these have arrived, and which way."""
        by_family: dict[str, list[Item]] = {}
        for item in stored:
            by_family.setdefault(family_of(item.item_class), []).append(item)
        for family, items in by_family.items():
            self._checkpoint.done((item.id for item in items), self._way, family)
            with self._lock:
                self._moved.by_way[self._way, family] += len(items)

    def _give_up(self, work: FolderWork, contents: Sequence[Content], outcomes: Sequence[Outcome]) -> None:
        """After as many tries as there are: each alone, and one that is alone is left. Transient: the target is to
        blame."""
        why = outcomes[0].why
        if any(outcome.busy for outcome in outcomes) or not self._anything_stored():
            raise Transient(
                "Microsoft Graph",
                wanted=f"{len(contents)} items of {self._mailbox} to be stored",
                seen=f"{TRIES} times: {why}",
                todo="Run the copy again; it goes on where it stopped.",
            )
        if len(contents) == 1:
            self._leave([contents[0].item], f"the target did not take it, {TRIES} times: {why}")
            return
        in_a_row = 0
        for content in contents:
            self._send(work, [content])
            in_a_row = in_a_row + 1 if content.item.id in self._left else 0
            if in_a_row == IN_A_ROW:
                raise Transient(
                    "Microsoft Graph",
                    wanted=f"items of {self._mailbox} to be stored",
                    seen=f"{in_a_row} in a row were not: {why}",
                    todo="Run the copy again; it goes on where it stopped.",
                )

    def _leave(self, items: Iterable[Item], why: str) -> None:
        with self._lock:
            for item in items:
                if item.id not in self._left:
                    self._left.add(item.id)
                    self._moved.left.append((item, why))


def _too_large(size: int) -> str:
    return f"{size:,} bytes: the import takes at most {LARGEST_IMPORT * 3 // 4:,} of an item"
