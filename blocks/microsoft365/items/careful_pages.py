"""Lists of a mailbox's items in which one may be broken: pages are made smaller until it is alone, the rest is read.

Graph answers 500 InternalServerError to every page that holds a message that it cannot convert, and pages beside it are
good (microsoft-graph-docs issues 2913 and contrib 7758). Which one it is, it does not say: only its place in the list
is known, and what stands before it. `$skip` steps over it (graph/query-parameters).

A place holds only in a list whose order stands still. Messages come newest first where nobody asks otherwise, so each
one that arrives moves the broken one down, and it would be stepped over for ever: they are asked for in the order of
their arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from blocks.microsoft365.answers import Json, MailboxClosed, Rejected, ServerFailed
from blocks.microsoft365.http import JsonClient, next_link
from blocks.retry_budget import Patience
from mailmove.errors import AnswerUnreadable, FolderUnreadable, MailmoveError, Transient

SIZES = (500, 50, 5, 1)
"""Items of a page, one after the other, when a page fails."""

FIRST, ALONE, AGAIN = 8.0, 4.0, 1.0
"""Seconds to wait in all for a page of the full size, for one item alone, and for one right behind a broken one; pages
between are asked for once."""

MOST_IN_A_ROW = 10
"""Broken items, or pages that hold none and say that there are more, in a row after which it is no matter of an item
any more."""

_ARRIVAL = "receivedDateTime"


def by_arrival(kind: str, which: str = "") -> dict[str, str]:
    """`$orderby` of a list in which what arrives comes last; {}: Graph takes none, or nothing arrives there.

    which: its `$filter`. With one, Graph orders only by the property that it begins with
    (graph/api/user-list-messages).
    """
    ordered = kind == "message" and (not which or which.startswith(_ARRIVAL))
    return {"$orderby": f"{_ARRIVAL} asc"} if ordered else {}


ITEM_CODES = frozenset(
    {
        "ErrorContentConversionFailed", "ErrorMimeContentConversionFailed", "ErrorCorruptData", "ErrorItemCorrupt",
        "ErrorVirusDetected", "ErrorVirusMessageDeleted", "ErrorPropertyValidationFailure",
        "ErrorItemPropertyRequestFailed", "ErrorMessageSizeExceeded", "ErrorDataSizeLimitExceeded",
    }
)  # fmt: skip
"""Codes of an answer that is about one item, whatever its HTTP status (Exchange's ResponseCode)."""


@dataclass(frozen=True)
class Broken:
    """An item that is not given out. place: in the list, from 0. before: the row before it, where there is one."""

    place: int
    before: Json | None
    error: MailmoveError


@dataclass(frozen=True)
class CarefulPage:
    rows: list[Json]
    broken: list[Broken] = field(default_factory=list)
    last: bool = False


def is_about_items(error: MailmoveError) -> bool:
    """Whether a smaller page may do: the service failed on this one, or it cannot be read."""
    if isinstance(error, MailboxClosed):
        return False
    if isinstance(error, Rejected):
        return error.code in ITEM_CODES
    return isinstance(error, (ServerFailed, AnswerUnreadable))


class PageSizes:
    """Asks for pages of the full size, and for smaller ones from where that fails; what succeeds makes them grow."""

    def __init__(self, graph: JsonClient, *, failed: bool = False) -> None:
        self._graph, self._failed, self._level = graph, failed, 1 if failed else 0
        self._patience = Patience(graph.patience, graph.sleep)
        self.alone = ALONE

    def ask(self, request: Callable[[int, float], Json], wanted: str) -> Json:
        """A page that can be read. request: (size, seconds to wait in all) -> its body. Raises what one item alone is
        answered with, and what is no matter of items."""
        while True:
            size = SIZES[self._level]
            seconds = self.alone if size == 1 else 0.0 if self._failed else FIRST
            try:
                body = request(size, seconds)
                self._graph.value_of(body, wanted), next_link(body)
            except MailmoveError as error:
                if is_about_items(error) and size > 1:
                    self._failed, self._level = True, self._level + 1
                elif isinstance(error, Transient) and not is_about_items(error):
                    self._patience.wait(error)
                else:
                    raise
            else:
                self._level = max(0, self._level - 1)
                return body


class CarefulList:
    """mailbox: SMTP address. folder: its path. alive: asks the same mailbox for something else; it raises
    when it is the mailbox, or all of Graph, that does not answer.
    """

    def __init__(self, graph: JsonClient, mailbox: str, folder: Sequence[str], alive: Callable[[], object]) -> None:
        self._graph, self._mailbox, self._folder, self._alive = graph, mailbox, folder, alive

    def pages(
        self, place: str, params: Mapping[str, str], wanted: str, *, failed: bool = False
    ) -> Iterator[CarefulPage]:
        """Every page of a GET. failed: one has failed already. FolderUnreadable: too many are broken; else as
        `JsonClient`."""
        at, before = 0, None
        if failed:
            yield from self._stepped(place, params, wanted, at, before)
            return
        size = {"$top": str(SIZES[0])}

        def fetch(url: str, first: bool) -> Json:
            given = {**params, **size} if first else None
            body = self._graph.call("GET", url, wanted=wanted, params=given, patience=FIRST).body
            self._graph.value_of(body, wanted)
            return body

        try:
            for body in self._graph.follow(place, fetch):
                page = self._page(body, wanted)
                yield page
                at, before = at + len(page.rows), page.rows[-1] if page.rows else before
        except MailmoveError as error:
            if not is_about_items(error):
                raise
        else:
            return
        yield from self._stepped(place, params, wanted, at, before)

    def _page(self, body: Json, wanted: str) -> CarefulPage:
        return CarefulPage(self._graph.value_of(body, wanted), last=not next_link(body))

    def _stepped(
        self, place: str, params: Mapping[str, str], wanted: str, at: int, before: Json | None
    ) -> Iterator[CarefulPage]:
        sizes, in_a_row = PageSizes(self._graph, failed=True), 0
        while True:

            def request(size: int, seconds: float, skip: int = at) -> Json:
                given = {**params, "$top": str(size), "$skip": str(skip)}
                return self._graph.call("GET", place, wanted=wanted, params=given, patience=seconds).body

            try:
                page = self._page(sizes.ask(request, wanted), wanted)
            except MailmoveError as error:
                if not is_about_items(error):
                    raise
                self._alive()
                in_a_row, sizes.alone = in_a_row + 1, AGAIN
                if in_a_row > MOST_IN_A_ROW:
                    raise self._given_up(wanted, error, in_a_row) from None
                yield CarefulPage([], [Broken(at, before, error)])
                at += 1
                continue
            yield page
            if page.last:
                return
            if not page.rows:
                in_a_row += 1
                if in_a_row > MOST_IN_A_ROW:
                    raise self._no_end(wanted, at)
                continue
            at, before = at + len(page.rows), page.rows[-1]
            in_a_row, sizes.alone = 0, ALONE

    def _no_end(self, wanted: str, at: int) -> FolderUnreadable:
        return FolderUnreadable(
            self._graph.who,
            wanted=wanted,
            seen=f"pages without an item that say that more follow, after {at} items",
            todo="It is tried again with the next look; if it lasts, ask Microsoft's support.",
            mailbox=self._mailbox,
            folder=list(self._folder),
            code="endless",
        )

    def _given_up(self, wanted: str, error: MailmoveError, broken: int) -> FolderUnreadable:
        return FolderUnreadable(
            error.who,
            wanted=wanted,
            seen=f"{broken} items in a row that it does not give out: {error.seen}",
            todo="Look at the folder in Outlook on the web; leave it out, or have Microsoft's support mend it.",
            mailbox=self._mailbox,
            folder=list(self._folder),
            code=error.code,
        )
