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
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from mailmove.errors import MailmoveError, SignInRefused, Transient
from mailmove.items.copy.batches import batches, portions
from mailmove.items.copy.checkpoint import Checkpoint
from mailmove.items.copy.folder_work import FolderWork
from mailmove.items.copy.interfaces import Content, Destination, Moved, NotCopied, Origin, Outcome, SourceFolder
from mailmove.items.copy.rate_limits import bounded
from mailmove.items.copy.reading import Reading
from mailmove.items.each_folder import IN_A_ROW, each_folder
from mailmove.items.folder_path import shown
from mailmove.items.identity import Holds, holds, known_name, may_be_same
from mailmove.items.item import Item

TRIES = 8
"""Attempts in a row without a stored item, after which the item is left, or the copy gives up with Transient."""


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
        self._streams = destination.takes_streams(self._mailbox) and origin.gives_streams(self._mailbox)

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
            self._name(item)
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
            work = FolderWork(folder, self._destination.folder(self._mailbox, folder), everywhere=True)
            work.settled = others
            work.doubtful = list(self._fitting(folder, items))
            self._settle(work)
        self._moved.over = True
        return self._moved

    def _copy_folder(self, folder: SourceFolder) -> FolderWork:
        """Copy a folder's items, except those in doubt and those postponed."""
        if folder.kind == "other":
            self._leave(self._origin.items(self._mailbox, folder), "Graph has no folder of this kind")
            return FolderWork(folder, "")
        with self._lock:  # what an earlier try of this run counted is counted anew
            self._moved.already_present -= self._counted.pop(folder.id, 0)
        work = FolderWork(folder, self._destination.folder(self._mailbox, folder))
        if not self._checkpoint.knows(folder.id):
            self._compare(work)
            self._checkpoint.opened(folder.id)
        items = self._fitting(folder, self._origin.items(self._mailbox, folder))
        self._send_all(work, self._first_of_each_name(work, self._fresh(work, items)))
        return work

    def _fresh(self, work: FolderWork, items: Iterable[Item]) -> Iterator[Item]:
        """Items never sent. The others are counted, or kept as doubtful with their name claimed."""
        for item in items:
            if self._checkpoint.is_done(item.id):
                with self._lock:
                    if item.id not in work.just_found:
                        work.settled[self._name(item)] += 1
                        self._count(work, present=1)
            elif self._checkpoint.is_doubtful(item.id):
                with self._lock:
                    work.doubtful.append(item)
                work.claimed.add(self._name(item))
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
                if self._name(later) in {self._name(item) for item in work.doubtful}:
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

    def _compare(self, work: FolderWork) -> None:
        """Count as copied what the target's folder holds before the first item is sent to it."""
        at_target: dict[int, Counter[Holds]] = {}
        for present in self._destination.present(self._mailbox, work.folder, work.id):
            at_target.setdefault(hash(present.name), Counter())[present.holds] += 1
        if not at_target:
            return
        waiting: list[tuple[Item, int]] = []
        for item in self._origin.items(self._mailbox, work.folder):
            names = [name for name in (self._name(item), hash(item.identity)) if name in at_target]
            if not names or self._checkpoint.is_done(item.id):
                continue
            exact = [name for name in names if at_target[name][holds(item)] > 0]
            if exact:
                at_target[exact[0]][holds(item)] -= 1
                self._match(work, item)
            else:
                waiting.append((item, names[0]))
        for item, name in waiting:
            # What is left is known as no other item's; whatever spoke against it was said by another of its name.
            rest = (held for held, count in at_target[name].items() if count > 0 and may_be_same(item, held))
            if (held := next(rest, None)) is not None:
                at_target[name][held] -= 1
                self._match(work, item)
        matched = sorted(work.just_found)
        self._checkpoint.done(matched)
        self._count(work, present=len(matched))

    def _match(self, work: FolderWork, item: Item) -> None:
        work.settled[self._name(item)] += 1
        work.just_found.add(item.id)

    def _count(self, work: FolderWork, *, present: int = 0, copied: int = 0) -> None:
        self._moved.already_present += present
        self._moved.copied += copied
        self._counted[work.folder.id] += present + copied

    def _fitting(self, folder: SourceFolder, items: Iterable[Item]) -> Iterator[Item]:
        """Items of the folder's own kind; the others are left, with the reason."""
        for item in items:
            if item.kind == folder.kind:
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
                arrived = count > work.settled[self._name(item)]
                if arrived:
                    work.settled[self._name(item)] += 1
            (arrivals if arrived else lacking).append(item)
        self._checkpoint.done([item.id for item in arrivals])
        with self._lock:
            self._count(work, present=len(arrivals))
        return lacking

    def _send_all(self, work: FolderWork, items: Iterable[Item]) -> None:
        self._stop.clear()
        with ThreadPoolExecutor(self._manners.lanes, thread_name_prefix=f"copy {self._mailbox}") as lanes:
            under_way: set[Future[None]] = set()
            try:
                for portion in portions(items):
                    under_way.add(lanes.submit(self._portion, work, portion))
                    # One more than can be at work, so that no lane waits for the old server's next page.
                    while len(under_way) > self._manners.lanes:
                        under_way = self._reap(under_way)
                while under_way:
                    under_way = self._reap(under_way)
            except BaseException:
                self._stop.set()  # the others stop between two batches
                raise

    def _first_of_each_name(self, work: FolderWork, items: Iterable[Item], *, again: bool = False) -> Iterator[Item]:
        """The first item of each name; later ones are postponed. again: the names were claimed before."""
        names: set[int] = set()
        for item in items:
            name = self._name(item)
            claimed = names if again else work.claimed
            if name in claimed:
                work.postponed.append(item)
            else:
                claimed.add(name)
                yield item

    def _reap(self, under_way: set[Future[None]]) -> set[Future[None]]:
        done, rest = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        return rest

    def _portion(self, work: FolderWork, items: Sequence[Item]) -> None:
        whole: list[Content] = []
        reading = Reading(self._origin, self._mailbox, self._streams)
        for content in reading.contents(items, may_blame_item=self._anything_stored()):
            if lack := content.lack:
                self._leave([content.item], lack)
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
        self._checkpoint.done(item.id for item in stored)
        lost = [(content.item, outcome.why) for content, outcome in pairs if outcome.state == "unknown"]
        with self._lock:
            self._count(work, copied=len(stored))
            work.settled.update(self._name(item) for item in stored)
            self._moved.reduced += [
                (content.item, ", ".join(outcome.without)) for content, outcome in pairs if outcome.without
            ]
            if lost:  # searched for at the end, when the target has had time to list it
                work.doubtful += [item for item, _ in lost]
                work.last_loss, work.last_words = self._clock(), lost[-1][1]
        for content, outcome in pairs:
            if outcome.state == "refused":
                self._leave([content.item], outcome.why)

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

    def _name(self, item: Item) -> int:
        return hash(self._named(item))

    def _named(self, item: Item) -> str:
        """The name of a copy of this item."""
        return known_name(item, self._streams)
