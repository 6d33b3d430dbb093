"""Mail servers of the outside world, and printers: they send to the customer, queue and retry as MTAs do."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import smtplib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from lab import faults as fault_names
from lab.faults import Faults
from lab.mail import message, routing
from lab.mail.message import SentMessage
from lab.places import Places

fault_names.declare(
    sender_forgets="a sender loses the server's last reply, and sends the message once more (RFC 1047)",
)

TIMEOUT = 5.0
"""Seconds that a sender waits for each answer of a mail server."""

_MOST = 0.25
"""Maximum seconds that a sender sleeps, so that `drain` is noticed soon."""


@dataclass
class _Queued:
    record: SentMessage
    content: bytes
    due: float  # time.monotonic() of the next attempt
    expires: float


class Senders:
    """`count` mail servers, each with its own address and resolver; the last `printers` of them are printers.

    A sender asks for the MX at every attempt; its resolver does the caching. A printer delivers to the old server's
    inside address, whatever the MX says, until `route_printers_by_mx()`. On a refused connection, a timeout or 4xx the
    message is queued for `mta_retry_seconds`; on 5xx, or after `give_up_seconds`, it bounces. Each change of a
    message's fate is appended to `journal` (JSON lines), so that the record outlives the process.
    """

    def __init__(
        self,
        places: Places,
        resolvers: Sequence[tuple[str, int]],
        recipients: Sequence[str],
        faults: Faults,
        *,
        count: int = 8,
        printers: int = 1,
        rate_per_second: float = 4.0,
        mta_retry_seconds: float = 2.0,
        give_up_seconds: float = 600.0,
        seed: int = 1,
        journal: Path | None = None,
    ) -> None:
        self._places, self._resolvers, self._recipients, self._faults = places, resolvers, tuple(recipients), faults
        self._count, self._printers, self._pause_between = count, printers, count / rate_per_second
        self._retry, self._give_up, self._seed = mta_retry_seconds, give_up_seconds, seed
        self._journal = journal.open("a", encoding="utf-8") if journal else None
        self._records: dict[int, SentMessage] = {}
        self._serials = itertools.count(1)
        self._lock = threading.RLock()
        self._writing = threading.Event()
        self._writing.set()
        self._stop = threading.Event()
        self._flush = threading.Event()
        self._told = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(index,), name=f"lab-sender-{index}", daemon=True)
            for index in range(count)
        ]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(4 * TIMEOUT)
        if self._journal:
            self._journal.close()

    def pause(self) -> None:
        """Write no new mail; what is queued is still sent."""
        with self._lock:
            self._writing.clear()

    def resume(self) -> None:
        self._writing.set()
        self._flush.clear()

    def route_printers_by_mx(self) -> None:
        """Let the printers deliver by MX, as the administrator sets them up."""
        self._told.set()

    def drain(self, timeout: float) -> bool:
        """Stop writing, try the queue again at once and often; True: nothing is queued any more."""
        self.pause()
        self._flush.set()
        deadline = time.monotonic() + timeout
        while any(record.outcome == "queued" for record in self.records()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def records(self) -> list[SentMessage]:
        """Every message so far, by serial."""
        with self._lock:
            return [self._records[serial] for serial in sorted(self._records)]

    def _live(self, index: int) -> None:
        luck = random.Random(f"{self._seed}/{index}")
        queue: list[_Queued] = []
        next_new = time.monotonic() + luck.random() * self._pause_between
        while not self._stop.is_set():
            now = time.monotonic()
            if now >= next_new:
                queue += self._write(index, luck)
                next_new = max(now, next_new + self._pause_between * luck.uniform(0.7, 1.3))
            for entry in list(queue):
                if not self._stop.is_set() and (now >= entry.due or self._flush.is_set()):
                    self._attempt(index, entry)
                    if entry.record.outcome != "queued":
                        queue.remove(entry)
            next_act = min([next_new, *(entry.due for entry in queue)]) - time.monotonic()
            self._stop.wait(0.2 if self._flush.is_set() else min(max(next_act, 0.02), _MOST))

    def _write(self, index: int, luck: random.Random) -> list[_Queued]:
        """One new message; none while paused. In one lock with `pause`, so that none slips in after it."""
        now, town = time.monotonic(), self._places.net.replace(".", "-")
        with self._lock:
            if not self._writing.is_set():
                return []
            recipient = luck.choice(self._recipients)
            record, content = message.write(next(self._serials), town, index, recipient, luck)
            self._note(record)
        return [_Queued(record, content, due=now, expires=now + self._give_up)]

    def _note(self, record: SentMessage) -> None:
        with self._lock:
            self._records[record.serial] = record
            if self._journal:
                self._journal.write(json.dumps(record.to_json()) + "\n")
                self._journal.flush()

    def _attempt(self, index: int, entry: _Queued) -> None:
        tried = replace(entry.record, attempts=entry.record.attempts + 1)
        server, reply, fate = self._deliver(index, tried.recipient, entry)
        if fate == "queued" and time.monotonic() > entry.expires:
            fate, reply = "bounced", f"gave up; last: {reply}"
        settled = None if fate == "queued" else datetime.now(UTC)
        entry.record = replace(tried, outcome=fate, server=server, settled=settled, reply=reply)
        entry.due = time.monotonic() + self._retry
        self._note(entry.record)

    def _servers(self, index: int, recipient: str) -> list[str]:
        if index >= self._count - self._printers and not self._told.is_set():
            return [self._places.old_server_inside]
        resolver = self._resolvers[index % len(self._resolvers)]
        return routing.mail_servers(recipient.rpartition("@")[2], resolver, self._places.sender(index))

    def _deliver(self, index: int, recipient: str, entry: _Queued) -> tuple[str | None, str, message.Outcome]:
        """(server, last words, fate) of one attempt: each server of the MX in turn until one speaks SMTP."""
        try:
            servers = self._servers(index, recipient)
        except routing.NoRoute as error:
            return None, str(error), "bounced" if error.for_good else "queued"
        reply, last = "", None
        for last in servers:
            try:
                return last, self._talk(index, last, entry), "delivered"
            except smtplib.SMTPResponseException as error:
                words = error.smtp_error
                reply = f"{error.smtp_code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"
                if error.smtp_code >= 500:
                    return last, reply, "bounced"
            except (OSError, smtplib.SMTPException) as error:
                reply = f"{last}: {type(error).__name__}: {error}"
        return last, reply, "queued"

    def _talk(self, index: int, server: str, entry: _Queued) -> str:
        record = entry.record
        smtp = smtplib.SMTP(
            local_hostname=f"mx{index}.senders.example",
            timeout=TIMEOUT,
            source_address=(self._places.sender(index), 0),
        )
        try:
            _expect(smtp.connect(server, self._places.smtp_port))
            _expect(smtp.ehlo())
            _expect(smtp.mail(record.mail_from))
            _expect(smtp.rcpt(record.recipient))
            reply = _expect(smtp.data(entry.content))
            if self._faults.take("sender.forgets"):
                raise smtplib.SMTPServerDisconnected("the reply was lost")
            # The message is theirs now; nothing after this may change its fate.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.quit()
            return reply
        finally:
            smtp.close()


def _expect(answer: tuple[int, bytes]) -> str:
    code, words = answer
    if code // 100 != 2:
        raise smtplib.SMTPResponseException(code, words)
    return f"{code} {words.decode(errors='replace')}"


def read_journal(path: Path) -> list[SentMessage]:
    """The last known fate of every message in a journal."""
    last: dict[int, SentMessage] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = SentMessage.from_json(json.loads(line))
        last[record.serial] = record
    return list(last.values())
