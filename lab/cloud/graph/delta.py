"""Graph's change tracking of messages: a folder's delta.

Sources: learn.microsoft.com/graph/api/message-delta, graph/delta-query-messages, graph/delta-query-overview
(synchronisation reset: 410).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from lab.changes import Memory, Unknown
from lab.cloud.errors import ApiError
from lab.cloud.graph.mail import Mail, whole
from lab.cloud.tenant import Tenant
from lab.cloud.wire import Call, Reply, Routes, select
from lab.faults import Faults, declare

declare(
    graph_delta_lost="Graph has forgotten every delta token, and answers 410 to those that it gave",
    graph_delta_replays="a page of a delta has an item again that was given before, whole and in part",
)
_SIZE, _MOST = 10, 1000


def add_routes(routes: Routes, tenant: Tenant, faults: Faults) -> None:
    delta = Delta(tenant, faults)
    read = ("Mail.Read", "Mail.ReadWrite", "Mail.ReadBasic.All")
    routes.add("GET", "/users/{key}/mailFolders/{folder}/messages/delta", delta.messages, *read)
    routes.add("GET", "/users/{key}/mailFolders/{folder}/messages/delta()", delta.messages, *read)


class Delta:
    def __init__(self, tenant: Tenant, faults: Faults) -> None:
        self._mail, self._faults, self._memory = Mail(tenant, faults), faults, Memory()

    def messages(self, call: Call, key: str, folder: str) -> Reply:
        if unknown := set(call.query) - {"$select", "$skiptoken", "$deltatoken"}:
            # $top, for one, ends the whole round (issue 7946 of microsoft-graph-docs-contrib).
            raise ApiError(501, "NotImplemented", f"The lab does not play a delta with {', '.join(sorted(unknown))}.")
        if self._faults.take("graph.delta_lost"):
            self._memory.forget()
        address, path, items = self._mail.held(key, folder)
        token = call.query.get("$skiptoken") or call.query.get("$deltatoken") or ""
        try:
            changes = self._memory.since((address, path), token, items, _page_size(call))
        except Unknown:
            raise ApiError(410, "syncStateNotFound", "The sync state generation is not found.") from None
        rows: list[dict[str, Any]] = [self._mail.row(item) for item in (*changes.changed, *changes.new)]
        if token and items and self._faults.take("graph.delta_replays"):
            # Of a message that was only read, it tells no more than this (issue 7776 of microsoft-graph-docs).
            part = {"@odata.type": "#microsoft.graph.message", "id": items[-1].id, "isRead": True}
            rows += [self._mail.row(items[0]), part]
        shown = [select(row, call.query) for row in rows]
        shown += [
            {"@odata.type": "#microsoft.graph.message", "id": gone, "@removed": {"reason": "deleted"}}
            for gone in changes.gone
        ]
        link, word = ("@odata.deltaLink", "$deltatoken") if changes.complete else ("@odata.nextLink", "$skiptoken")
        kept = {name: value for name, value in call.query.items() if name == "$select"}
        reply = Reply(
            200,
            {
                "@odata.context": f"{call.base}/$metadata#Collection(message)",
                link: f"{call.base}{call.path}?{urlencode({**kept, word: changes.state})}",
                "value": shown,
            },
        )
        return whole(reply, items)


def _page_size(call: Call) -> int:
    asked = re.search(r"odata\.maxpagesize=(\d+)", call.headers.get("prefer", ""))
    return min(_MOST, int(asked[1]) if asked else _SIZE)
