"""Mailboxes of Microsoft 365 as the destination of a copy, within Microsoft's limits."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from blocks.microsoft365.answers import Json, TooManyRequests, damaged
from blocks.microsoft365.closed_mailbox import opened
from blocks.microsoft365.fields import number, part_or, rows, rows_or, text, text_or
from blocks.microsoft365.http import JsonClient, next_link
from blocks.microsoft365.items.careful_pages import CarefulList, by_arrival
from blocks.microsoft365.items.class_folders import ClassFolders
from blocks.microsoft365.items.item_folders import Folders
from blocks.microsoft365.items.item_import import Importer
from blocks.microsoft365.items.item_requests import Unsendable, mark_property, outcome_of, request_for, without_parts
from blocks.microsoft365.items.mailbox_items import FIELDS, contact_of, event_of, message_of
from mailmove.errors import Throttled, Transient
from mailmove.items.copy.interfaces import Content, Destination, Outcome, Present, SourceFolder
from mailmove.items.copy.rate_limits import Limits, Pace
from mailmove.items.folder_path import shown
from mailmove.items.identity import holds, is_searchable, is_shown, known_name, marked_message_id
from mailmove.items.item import Item

WHO = "Microsoft Graph"
_MARK = "mark|"
_EXTENDED = "singleValueExtendedProperties"
_THROTTLES = (429, 503)
_TRIES = 6
"""Times that one item is looked for while Graph fails on it; the other items wait for none of them."""

_READERS = {"message": message_of, "event": event_of, "contact": contact_of}


class _Box:
    """What is kept for one mailbox."""

    def __init__(self, limits: Limits | None) -> None:
        self.pace, self.lock = Pace(limits), threading.Lock()


class GraphDestination(Destination):
    """imports: may we import streams (MailboxItem.ImportExport.All)? limits: of one mailbox."""

    def __init__(
        self, graph: JsonClient, *, imports: Callable[[], bool], importer: Importer, limits: Limits | None = None
    ) -> None:
        self._graph, self._imports, self._importer, self._limits = graph, imports, importer, limits
        self._boxes: dict[str, _Box] = {}
        self._folders = Folders(graph)
        self._classes = ClassFolders(graph, importer, self._folders)
        self._lock = threading.Lock()

    def _box(self, mailbox: str) -> _Box:
        with self._lock:
            return self._boxes.setdefault(mailbox, _Box(self._limits))

    def takes_streams(self, mailbox: str) -> bool:
        return self._imports()

    def folder(self, mailbox: str, folder: SourceFolder) -> str:
        box = self._box(mailbox)
        with opened(mailbox), box.lock, box.pace.slot():
            if folder.kind == "other":
                return self._classes.find(mailbox, folder)
            return self._folders.find(mailbox, folder)

    def strangers(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        box = self._box(mailbox)
        with opened(mailbox), box.lock, box.pace.slot():
            identity = self._classes.import_id(mailbox, folder_id)
        with opened(mailbox), box.pace.slot():
            yield from list(self._classes.contents(mailbox, folder, identity))

    def present(self, mailbox: str, folder: SourceFolder, folder_id: str) -> Iterator[Present]:
        if folder.kind == "other":
            yield from self.strangers(mailbox, folder, folder_id)
            return
        prop = mark_property(folder.kind)
        params = {
            "$select": FIELDS[folder.kind],
            "$expand": f"singleValueExtendedProperties($filter=id eq '{prop}')",
            **by_arrival(folder.kind),
        }
        place = _place(mailbox, folder.kind, folder_id)
        pace = self._box(mailbox).pace
        wanted = f"the items in {shown(folder.path)} of {mailbox}"
        user = f"users/{quote(mailbox, safe='@')}"
        careful = CarefulList(
            self._graph, mailbox, folder.path, lambda: self._graph.get(f"{user}/mailFolders/inbox", wanted=wanted)
        )
        pages = careful.pages(place, params, wanted)
        with opened(mailbox):
            while True:
                with pace.slot():
                    page = next(pages, None)
                if page is None:
                    return
                # What Graph does not give out has no name that could be counted.
                for row in page.rows:
                    marks = [mark for kept in rows_or(row, _EXTENDED) if (mark := text_or(kept, "value"))]
                    item = _READERS[folder.kind](row, folder.path)
                    name = _marked(folder.kind, marks[0]) if marks else item.identity
                    yield Present(name, item.identity, holds(item))

    def copies(
        self, mailbox: str, folder: SourceFolder, folder_id: str | None, items: Sequence[Item], *, streams: bool
    ) -> list[int]:
        strangers = [item for item in items if streams and not is_shown(item, folder.kind)]
        if strangers:
            return self._with_strangers(mailbox, folder, folder_id, items, streams)
        names = [known_name(item, streams) for item in items]
        wanted = f"whether {len(names)} items are in {shown(folder.path)} of {mailbox}"
        if folder_id is None and folder.kind != "message":
            folder_id = self.folder(mailbox, folder)
        place = "/" + _place(mailbox, folder.kind, folder_id)
        filters = [
            _filter(item.message_id if item.message_id else name, folder.kind)
            for item, name in zip(items, names, strict=True)
        ]
        asked = {name: f for name, f in zip(names, filters, strict=True) if f is not None}
        counts: Counter[str] = Counter()
        failures: Counter[str] = Counter()
        if len(asked) < len(set(names)):  # what has neither Message-ID nor mark can only be found by reading all
            if folder_id is None:
                folder_id = self.folder(mailbox, folder)
            counts.update(present.name for present in self.present(mailbox, folder, folder_id))
        waiting = list(asked)
        pace = self._box(mailbox).pace
        while waiting:
            some, waiting = waiting[:20], waiting[20:]
            requests = [
                {"method": "GET", "url": f"{place}?{_query({'$filter': asked[name], '$select': 'id', '$top': '50'})}"}
                for name in some
            ]
            with opened(mailbox), pace.slot(requests=len(some)):
                answers = self._batch(requests, wanted, repeatable=True)
            for name, (status, headers, body) in zip(some, answers, strict=True):
                if status == 200:
                    counts[name] = self._count(body, wanted)
                    continue
                if status == 424:  # the one before it failed: this one was not asked
                    waiting.insert(0, name)
                    continue
                with opened(mailbox):
                    outcome = outcome_of(status, headers, body, wanted)
                failures[name] += not (outcome.state == "unsent" and status in _THROTTLES)
                if outcome.state == "refused" or failures[name] > _TRIES:
                    raise Transient(WHO, wanted=wanted, seen=outcome.why, todo="Ask again.")
                pace.hold(outcome.wait or 0.5)
                waiting.append(name)
        return [counts[name] for name in names]

    def _with_strangers(
        self, mailbox: str, folder: SourceFolder, folder_id: str | None, items: Sequence[Item], streams: bool
    ) -> list[int]:
        """Those that Graph shows as usual; the others in their folder, of which all is read."""
        usual = [item for item in items if is_shown(item, folder.kind)]
        counts = self.copies(mailbox, folder, folder_id, usual, streams=streams) if usual else []
        by_id = {item.id: count for item, count in zip(usual, counts, strict=True)}
        place = self.folder(mailbox, folder) if folder_id is None else folder_id
        at_target = Counter(present.name for present in self.strangers(mailbox, folder, place))
        return [
            by_id[item.id] if item.id in by_id else at_target[known_name(item, streams, folder.kind)] for item in items
        ]

    def _count(self, body: Any, wanted: str) -> int:
        """Rows of this page, and of those that it leads to."""
        if not isinstance(body, dict):
            raise damaged(WHO, wanted, "200 without a list of items")
        link = next_link(body)
        found = len(self._graph.value_of(body, wanted))
        return found + (sum(1 for _ in self._graph.pages(link, wanted=wanted)) if link else 0)

    def put(self, mailbox: str, folder_id: str, contents: Sequence[Content]) -> list[Outcome]:
        pace = self._box(mailbox).pace
        if any(content.stream is not None for content in contents):
            with opened(mailbox):
                identity = self._classes.import_id(mailbox, folder_id)
                return [self._import(mailbox, identity, content, pace) for content in contents]
        wanted = f"{len(contents)} items of {mailbox} to be stored"
        outcomes: dict[int, Outcome] = {}
        requests: dict[int, Json] = {}
        for place, content in enumerate(contents):
            try:
                requests[place] = request_for(content, f"users/{quote(mailbox, safe='@')}", folder_id)
            except Unsendable as error:
                outcomes[place] = Outcome("refused", str(error))
        if requests:
            weight = sum(content.weight for content in contents)
            with opened(mailbox), pace.slot(requests=len(requests), upload=weight):
                answered = self._store(list(requests.values()), wanted)
            wait = max((outcome.wait for outcome in answered if outcome.state == "unsent"), default=0.0)
            if wait:
                pace.hold(wait)
            for place, outcome in zip(requests, answered, strict=True):
                without = without_parts(contents[place]) if outcome.state == "stored" else ()
                outcomes[place] = replace(outcome, without=without) if without else outcome
        return [outcomes[place] for place in range(len(contents))]

    def _import(self, mailbox: str, identity: str, content: Content, pace: Pace) -> Outcome:
        outcome = self._importer.put(mailbox, identity, content, pace)
        return replace(outcome, without=content.without) if outcome.state == "stored" else outcome

    def _store(self, requests: list[Json], wanted: str) -> list[Outcome]:
        try:
            answers = self._batch(requests, wanted, repeatable=False)
        except TooManyRequests as error:
            return [Outcome("unsent", error.seen, error.retry_after)] * len(requests)
        except Throttled as error:
            return [Outcome("unknown", error.seen, error.retry_after)] * len(requests)
        except Transient as error:
            return [Outcome("unknown", error.seen)] * len(requests)
        return [outcome_of(status, headers, body, wanted) for status, headers, body in answers]

    def _batch(self, requests: list[Json], wanted: str, *, repeatable: bool) -> list[tuple[int, dict[str, Any], Any]]:
        """(status, headers, body) of each, in the order asked. Transient: an answer is missing.

        Each waits for the one before it: so a batch takes one of the mailbox's four places, not all of them
        (graph/json-batching, `dependsOn`).
        """
        numbered = [
            {**request, "id": str(index), **({"dependsOn": [str(index - 1)]} if index else {})}
            for index, request in enumerate(requests)
        ]
        reply = self._graph.call("POST", "$batch", wanted=wanted, json={"requests": numbered}, repeatable=repeatable)
        responses = {text(response, "id"): response for response in rows(reply.body, "responses")}
        if set(responses) != {str(index) for index in range(len(requests))}:
            raise Transient(
                WHO, wanted=wanted, seen=f"{len(responses)} answers to {len(requests)} requests", todo="Look."
            )
        ordered = (responses[str(index)] for index in range(len(requests)))
        return [(number(answer, "status"), part_or(answer, "headers"), answer.get("body")) for answer in ordered]


def _place(mailbox: str, kind: str, folder_id: str | None) -> str:
    user = f"users/{quote(mailbox, safe='@')}"
    if kind == "message":
        return f"{user}/messages" if folder_id is None else f"{user}/mailFolders/{folder_id}/messages"
    if kind == "event":
        return f"{user}/calendars/{folder_id}/events"
    return f"{user}/contactFolders/{folder_id}/contacts" if folder_id else f"{user}/contacts"


def _marked(kind: str, digits: str) -> str:
    """The name of a copy that bears this mark."""
    return marked_message_id(digits) if kind == "message" else _MARK + digits


def _filter(name: str, kind: str) -> str | None:
    """By our mark, or by Message-ID; None: there is no filter that finds it for certain."""
    if name.startswith(_MARK):
        return (
            f"singleValueExtendedProperties/any(p: p/id eq '{mark_property(kind)}' and "
            f"p/value eq '{name.removeprefix(_MARK)}')"
        )
    quoted = name.replace("'", "''")
    return f"internetMessageId eq '{quoted}'" if kind == "message" and is_searchable(name) else None


def _query(options: dict[str, str]) -> str:
    return "&".join(f"{quote(key, safe='$')}={quote(value, safe='')}" for key, value in options.items())
