"""GDAP relationships (learn.microsoft.com/graph/api/resources/delegatedadminrelationship), as the partner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from blocks.microsoft365.answers import NO_USER, Json, Rejected
from blocks.microsoft365.fields import part_or, text, text_or, time_or
from blocks.microsoft365.http import JsonClient
from blocks.retry_budget import pause, read_thrice
from mailmove.errors import Blocked, Drifted, NotYet
from mailmove.tenant_state import Relationship
from mailmove.tenant_states import RELATIONSHIPS, REQUESTS, Step

WHO = "Microsoft Graph"
PATH = "tenantRelationships/delegatedAdminRelationships"
APPROVAL_LINK = "{portal}/AdminPortal/Home#/partners/invitation/granularAdminRelationships/{id}"

DEFAULT_ROLES = (
    "29232cdf-9323-42fd-ade2-1d097af3e4de",  # Exchange Administrator
    "8329153b-31d0-4727-b945-745eb3bc5f31",  # Domain Name Administrator
    "fe930be7-5e62-47db-91af-98c3a49a38b1",  # User Administrator
    "4d6ac14f-3453-41d0-bef9-a3e0c569773a",  # License Administrator
)
"""Role template ids, the same in every tenant (learn.microsoft.com entra permissions-reference)."""


_NONE = NO_USER | {"NotFound", "ResourceNotFound"}
"""Codes of a 404 of the partner's relationships: there is none of that id."""


class Relationships:
    def __init__(
        self,
        graph: JsonClient,
        roles: Sequence[str],
        duration: str,
        patience: float = 20.0,
        sleep: Callable[[float], None] = pause,
        portal: str = "https://admin.microsoft.com",
    ) -> None:
        self._portal = portal
        self._graph, self._roles, self._duration = graph, roles, duration
        self._patience, self._sleep = patience, sleep

    def live(self, display_name: str) -> Relationship | None:
        """The newest that is not over, in whatever state; None: there is none."""
        entry = self._newest(display_name)
        return None if entry is None else self._relationship(entry)

    def ended(self, display_name: str) -> Relationship | None:
        """The newest that is over, where there is none that is not."""
        known = [entry for entry in self._all() if _bears(entry, display_name)]
        live = [entry for entry in known if _is_live(entry)]
        newest = max(known, key=_made, default=None) if not live else None
        return None if newest is None else self._relationship(newest)

    def invite(self, display_name: str) -> Relationship:
        """Create and lock, or go on where an earlier try stopped. NotYet: Microsoft is still making it."""
        if not 0 < len(display_name) <= 50:
            raise Blocked(
                WHO,
                wanted="a relationship",
                seen=f"a name of {len(display_name)} characters",
                todo="Give it a name of 1 to 50 characters.",
            )
        entry = self._newest(display_name)
        if entry is None:
            entry = self._create(display_name)
        path = _path(text(entry, "id"))
        entry = self._until(path, lambda status: status != "", "made")
        if text(entry, "status") == "created":
            # A customer can approve it only after it is locked; the etag keeps two runs from both locking it.
            self._ask(path, entry, "lockForApproval")
            try:
                entry = self._until(path, lambda status: status != "created", "locked for approval")
            except NotYet:
                self._complain(path)
                raise
        return self._relationship(entry)

    def _create(self, title: str) -> Json:
        # Microsoft keeps the names of relationships that have ended, and may not give one out twice (unverified).
        known = list(self._all())
        if (existing := _newest(known, title)) is not None:
            return existing  # made by an earlier try whose answer was lost, and only seen now
        used = {text_or(entry, "displayName") for entry in known}
        display_name, number = title, 1
        while display_name in used:
            number += 1
            display_name = f"{title} {number}"
        wanted = f"a relationship called {display_name}"
        body = {
            "displayName": display_name,
            "duration": self._duration,
            "accessDetails": {"unifiedRoles": [{"roleDefinitionId": role} for role in self._roles]},
            "autoExtendDuration": "PT0S",
        }
        try:
            return self._graph.call("POST", PATH, wanted=wanted, json=body).body
        except (Rejected, Drifted) as error:
            existing = read_thrice(lambda: self._newest(title), self._sleep)  # another run, or try, was quicker
            if existing is not None:
                return existing
            raise Blocked(
                WHO,
                wanted=wanted,
                seen=error.seen,
                todo="Read the reason; the partner's user needs the right to make relationships.",
            ) from None

    def withdraw(self, relationship_id: str) -> None:
        """Delete it while it is only created, terminate it when active. Blocked: it waits for the customer."""
        path = _path(relationship_id)
        entry = self._read(path)
        if entry is None:
            return
        status = text(entry, "status")
        if RELATIONSHIPS.step(status) is Step.GONE:
            return
        if status == "created":
            etag = text(entry, "@odata.etag")
            try:
                self._graph.call("DELETE", path, wanted="the relationship deleted", headers={"If-Match": etag})
            except Rejected as error:
                if error.code not in _NONE:  # gone: by the first try, whose answer was lost
                    raise
        elif status in {"active", "expiring"}:
            self._ask(path, entry, "terminate")
        else:
            raise Blocked(
                WHO,
                wanted="the relationship withdrawn",
                seen=f"one that is {status}",
                todo="Once locked it cannot be deleted: let the customer reject it, or let it lapse.",
            )
        after = self._read(path)
        if after is not None and _is_live(after):
            seen = text(after, "status")
            raise NotYet(WHO, wanted="the relationship withdrawn", seen=seen, todo="Look again in a minute.")

    def _ask(self, path: str, entry: Json, action: str) -> None:
        try:
            self._graph.call(
                "POST",
                f"{path}/requests",
                wanted=f"{action} of the relationship {text_or(entry, 'displayName')}",
                json={"action": action},
                headers={"If-Match": text_or(entry, "@odata.etag", "*")},
            )
        except Drifted:
            # Another run was quicker; what stands now decides.
            if text_or(self._read(path) or {}, "status") == text_or(entry, "status"):
                raise

    def _until(self, path: str, done: Callable[[str], bool], wanted: str) -> Json:
        left, delay = self._patience, 0.5
        while True:
            entry = self._read(path)
            status = text_or(entry or {}, "status")
            if entry is not None and done(status):
                return entry
            if left < delay:
                raise NotYet(WHO, wanted=f"the relationship {wanted}", seen=status or "nothing", todo="Look again.")
            self._sleep(delay)
            left, delay = left - delay, delay * 2

    def _newest(self, title: str) -> Json | None:
        return _newest(self._all(), title)

    def _all(self) -> Iterator[Json]:
        return self._graph.pages(PATH, wanted="the partner's relationships")

    def _complain(self, path: str) -> None:
        """Blocked: what was asked of the relationship last has failed, so that waiting helps nobody."""
        asked = list(self._graph.pages(f"{path}/requests", wanted="what became of our requests"))
        newest = max(asked, key=_made, default=None)
        if newest is None:
            return
        status = text(newest, "status")
        state = REQUESTS.of(status)
        if state.step is Step.ASK:
            wanted = f"the relationship's {text_or(newest, 'action', 'change')}"
            raise Blocked(WHO, wanted=wanted, seen=f"a request that is {status}", todo=state.todo)

    def _relationship(self, entry: Json) -> Relationship:
        return Relationship(
            id=text(entry, "id"),
            display_name=text_or(entry, "displayName"),
            status=text_or(entry, "status"),
            approval_link=APPROVAL_LINK.format(portal=self._portal, id=text(entry, "id")),
            customer_tenant_id=text_or(part_or(entry, "customer"), "tenantId") or None,
        )

    def _read(self, path: str) -> Json | None:
        try:
            return self._graph.get(path, wanted="the relationship")
        except Rejected as error:
            if error.code in _NONE:
                return None
            raise


def _newest(known: Iterable[Json], title: str) -> Json | None:
    return max((entry for entry in known if _bears(entry, title) and _is_live(entry)), key=_made, default=None)


def _is_live(entry: Json) -> bool:
    """Not over; one whose state nobody knows, or that has none yet, is not over."""
    status = text_or(entry, "status")
    return not status or RELATIONSHIPS.step(status) is not Step.GONE


def _made(entry: Json) -> datetime:
    return time_or(entry, "createdDateTime") or datetime.min.replace(tzinfo=UTC)


def _bears(entry: Json, title: str) -> bool:
    """Is it the title, or the title and a number, as it is when the title was used before?"""
    shown = text_or(entry, "displayName")
    name, _, number = shown.rpartition(" ")
    return shown == title or (name == title and number.isdigit())


def _path(relationship_id: str) -> str:
    return f"{PATH}/{quote(relationship_id, safe='')}"
