"""Graph's JSON batches, and how many requests a mailbox takes at once.

learn.microsoft.com/graph/json-batching: at most 20 requests, unique ids, `dependsOn` for an order; a request whose
predecessor failed is answered 424. graph/throttling-limits (Outlook): four requests at once per app and mailbox.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lab.cloud.errors import ApiError, graph_body
from lab.cloud.wire import Call, Reply

MOST_REQUESTS, AT_ONCE = 20, 4


class MailboxConcurrency:
    """Counts the requests that run at each mailbox, and refuses more than AT_ONCE."""

    def __init__(self) -> None:
        self._inside: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.most: Counter[str] = Counter()  # the most that ever ran at once
        self.refused = 0

    @contextmanager
    def of(self, segments: list[str], *, crowd: int = 0) -> Iterator[None]:
        """Hold a place at the mailbox of a path; ApiError 429 when all are taken.

        crowd: how many requests of the same batch run beside this one.
        """
        box = _mailbox(segments)
        if box is None:
            yield
            return
        with self._lock:
            if self._inside[box] + crowd >= AT_ONCE:
                self.refused += 1
                raise ApiError(
                    429,
                    "ApplicationThrottled",
                    "Application is over its MailboxConcurrency limit.",
                    headers={"Retry-After": "1"},
                )
            self._inside[box] += 1
            self.most[box] = max(self.most[box], self._inside[box] + crowd)
        try:
            yield
        finally:
            with self._lock:
                self._inside[box] -= 1


def _mailbox(segments: list[str]) -> str | None:
    if segments[:1] == ["users"] and len(segments) > 2:
        return segments[1].lower()
    return segments[3].lower() if segments[:3] == ["admin", "exchange", "mailboxes"] and len(segments) > 3 else None


def answer_batch(call: Call, serve_single: Callable[[Call, int], Reply]) -> Reply:
    """Answer every request of a batch. `serve_single(call, crowd)` plays a single one."""
    requests = (call.body or {}).get("requests") if isinstance(call.body, dict) else None
    if call.method != "POST" or not isinstance(requests, list) or not 0 < len(requests) <= MOST_REQUESTS:
        raise ApiError(400, "BadRequest", f"A batch holds 1 to {MOST_REQUESTS} requests.")
    ids = [request.get("id") for request in requests]
    if len(set(ids)) != len(ids) or not all(isinstance(key, str) for key in ids):
        raise ApiError(400, "BadRequest", "The id of every request must be a string of its own.")
    done: dict[str, int] = {}
    rows = []
    beside: Counter[str | None] = Counter()
    for request in requests:
        before = request.get("dependsOn") or []
        single = _single(call, request)
        if unknown := [key for key in before if key not in done]:
            raise ApiError(400, "BadRequest", f"dependsOn names {unknown}, which do not come before.")
        crowd = 0 if before else beside[_mailbox(single.segments)]
        beside[_mailbox(single.segments)] += 0 if before else 1
        if any(done[key] >= 400 for key in before):
            reply = Reply(424, {"error": {"code": "FailedDependency", "message": "A predecessor failed."}})
        else:
            try:
                reply = serve_single(single, crowd)
            except ApiError as error:
                reply = Reply(error.status, graph_body(error), error.headers)
        done[request["id"]] = reply.status
        row = {"id": request["id"], "status": reply.status, "headers": reply.headers, "body": reply.body}
        rows.append(row)
    return Reply(200, {"responses": rows})


def _single(call: Call, request: dict[str, Any]) -> Call:
    address = urlsplit(str(request.get("url", "")))
    headers = {name.lower(): value for name, value in (request.get("headers") or {}).items()}
    body = request.get("body")
    if isinstance(body, str) and not headers.get("content-type", "").startswith("text/plain"):
        try:
            body = json.loads(body)
        except ValueError:
            raise ApiError(400, "BadRequest", "The body of a request in the batch cannot be read.") from None
    if body is not None and "content-type" not in headers:
        raise ApiError(400, "BadRequest", "A request with a body must have a Content-Type header.")
    return Call(
        method=str(request.get("method", "")).upper(),
        path=address.path,
        query=dict(parse_qsl(address.query)),
        headers={"authorization": call.headers.get("authorization", ""), **headers},
        base=call.base,
        body=body,
        claims=call.claims,
        most_rows=call.most_rows,
    )
