"""The copy of one mailbox: every folder, every item exactly once, over crashes and lost answers.

Items of one name (two copies of a message) are told apart by count: the target must hold as many as the source. So two
of one name are never in flight together: the second is postponed until everything else has arrived.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from mailmove.errors import Transient
from mailmove.items.copy.batches import batches, portions
from mailmove.items.copy.checkpoint import Checkpoint
from mailmove.items.copy.interfaces import Content, Destination, Moved, Origin, SourceFolder
from mailmove.items.item import Item

TRIES = 8
"""Attempts in a row without a stored item, after which a copy gives up with Transient."""


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
        self._streams = destination.takes_streams(self._mailbox) and origin.gives_streams(self._mailbox)

    def run(self) -> Moved:
        """Copy every item. Transient, Refused, Blocked: from either side; the checkpoint keeps what was copied."""
        works = [self._copy_folder(folder) for folder in self._origin.folders(self._mailbox) if folder.count]
        # What an earlier run left in doubt had all that time to appear; postponed items wait for it as well.
        for work in works:
            self._settle(work)
        self._moved.over = True
        return self._moved

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
            work = _Work(folder, self._destination.folder(self._mailbox, folder), everywhere=True)
            work.settled = others
            work.doubtful = list(self._fitting(folder, items))
            self._settle(work)
        self._moved.over = True
        return self._moved

    def _copy_folder(self, folder: SourceFolder) -> _Work:
        """Copy a folder's items, except those in doubt and those postponed."""
        work = _Work(folder, self._destination.folder(self._mailbox, folder))
        if not self._checkpoint.knows(folder.path):
            self._compare(work)
            self._checkpoint.opened(folder.path)
        items = self._fitting(folder, self._origin.items(self._mailbox, folder))
        self._send_all(work, self._first_of_each_name(work, self._fresh(work, items)))
        return work

    def _fresh(self, work: _Work, items: Iterable[Item]) -> Iterator[Item]:
        """Items never sent. The others are counted, or kept as doubtful with their name claimed."""
        for item in items:
            if self._checkpoint.is_done(item.id):
                with self._lock:
                    if item.id not in work.just_found:
                        work.settled[self._name(item)] += 1
                        self._moved.already_present += 1
            elif self._checkpoint.is_doubtful(item.id):
                with self._lock:
                    work.doubtful.append(item)
                work.claimed.add(self._name(item))
            else:
                yield item

    def _settle(self, work: _Work) -> None:
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
        raise Transient(
            "Microsoft Graph",
            wanted=f"{len(work.doubtful)} items in {work.folder.path} of {self._mailbox} to be stored",
            seen=f"{TRIES} times an answer that was lost",
            todo="Run the copy again; it goes on where it stopped.",
        )

    def _compare(self, work: _Work) -> None:
        """Count as copied what the target's folder holds before the first item is sent to it."""
        at_target = Counter(hash(mark) for mark in self._destination.marks(self._mailbox, work.folder, work.id))
        if not at_target:
            return
        matched: list[str] = []
        for item in self._origin.items(self._mailbox, work.folder):
            name = next(
                (candidate for candidate in (self._name(item), hash(item.identity)) if at_target[candidate] > 0), None
            )
            if name is not None and not self._checkpoint.is_done(item.id):
                at_target[name] -= 1
                work.settled[self._name(item)] += 1
                matched.append(item.id)
        work.just_found = set(matched)
        self._checkpoint.done(matched)
        self._moved.already_present += len(matched)

    def _fitting(self, folder: SourceFolder, items: Iterable[Item]) -> Iterator[Item]:
        """Items of the folder's own kind; the others are left, with the reason."""
        for item in items:
            if item.kind == folder.kind:
                yield item
            elif not self._checkpoint.is_done(item.id):
                self._leave([item], f"Graph takes no {item.kind} in a folder of this kind")

    def _not_stored(self, work: _Work, items: Sequence[Item]) -> list[Item]:
        """Those of the items in doubt that the target does not list, even after the settle time."""
        if not items:
            return []
        lacking = self._lacking(work, items)
        remaining = max(self._began, work.last_loss) + self._manners.settle - self._clock()
        if lacking and remaining > 0:
            self._sleep(remaining)
            lacking = self._lacking(work, lacking)
        return lacking

    def _lacking(self, work: _Work, items: Sequence[Item]) -> list[Item]:
        if not items:
            return []
        lacking: list[Item] = []
        arrivals: list[Item] = []
        copies = self._destination.copies(
            self._mailbox, work.folder, None if work.everywhere else work.id, [self._named(item) for item in items]
        )
        for item, count in zip(items, copies, strict=True):
            with self._lock:
                arrived = count > work.settled[self._name(item)]
                if arrived:
                    work.settled[self._name(item)] += 1
            (arrivals if arrived else lacking).append(item)
        self._checkpoint.done([item.id for item in arrivals])
        with self._lock:
            self._moved.already_present += len(arrivals)
        return lacking

    def _send_all(self, work: _Work, items: Iterable[Item]) -> None:
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

    def _first_of_each_name(self, work: _Work, items: Iterable[Item], *, again: bool = False) -> Iterator[Item]:
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

    def _portion(self, work: _Work, items: Sequence[Item]) -> None:
        contents = self._origin.contents(self._mailbox, items, streams=self._streams)
        for content in contents:
            if content.missing:
                self._leave([content.item], content.missing)
        for batch in batches(content for content in contents if not content.missing):
            if self._stop.is_set():
                return
            self._send(work, batch)

    def _send(self, work: _Work, batch: list[Content]) -> None:
        tries = 0
        while batch:
            self._checkpoint.sent(content.item.id for content in batch)
            outcomes = self._destination.put(self._mailbox, work.id, batch)
            pairs = list(zip(batch, outcomes, strict=True))
            stored = [content.item for content, outcome in pairs if outcome.state == "stored"]
            self._checkpoint.done(item.id for item in stored)
            with self._lock:
                self._moved.copied += len(stored)
                work.settled.update(self._name(item) for item in stored)
            for content, outcome in pairs:
                if outcome.state == "refused":
                    self._leave([content.item], outcome.why)
            lost = [content for content, outcome in pairs if outcome.state == "unknown"]
            again = [content for content, outcome in pairs if outcome.state == "unsent"]
            if lost:  # searched for at the end, when the target has had time to list it
                with self._lock:
                    work.doubtful += [content.item for content in lost]
                    work.last_loss = self._clock()
            tries = tries + 1 if len(again) == len(batch) else 0
            if tries >= TRIES:
                why = next(outcome.why for _, outcome in pairs if outcome.state == "unsent")
                raise Transient(
                    "Microsoft Graph",
                    wanted=f"{len(again)} items of {self._mailbox} to be stored",
                    seen=f"{TRIES} times: {why}",
                    todo="Run the copy again; it goes on where it stopped.",
                )
            if again:
                self._sleep(max((o.wait for _, o in pairs if o.state == "unsent"), default=0.0) or 0.5 * tries)
            batch = again

    def _leave(self, items: Iterable[Item], why: str) -> None:
        with self._lock:
            self._moved.left += [(item, why) for item in items]

    def _name(self, item: Item) -> int:
        return hash(self._named(item))

    def _named(self, item: Item) -> str:
        """The name of a copy of this item; a stream has no mark, so its identity counts."""
        return item.identity if self._streams else self._destination.name(item)


class _Work:
    """State of one folder's copy.

    settled: count of each name that has arrived for certain. everywhere: messages are searched for in the whole
    mailbox. postponed: items whose name was in flight already. claimed: names sent or in doubt.
    """

    def __init__(self, folder: SourceFolder, folder_id: str, *, everywhere: bool = False) -> None:
        self.folder, self.id, self.everywhere = folder, folder_id, everywhere
        self.settled: Counter[int] = Counter()
        self.doubtful: list[Item] = []
        self.postponed: list[Item] = []
        self.claimed: set[int] = set()
        self.just_found: set[str] = set()
        self.last_loss = float("-inf")
