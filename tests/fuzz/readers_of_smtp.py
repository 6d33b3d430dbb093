"""Readers of a mail server's replies: the check of a port, and the delivery of a message."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from answers import Answer
from mutate_text import bytes_mutation, lines_mutation
from reader import Case, Reader

from mailmove.smtp.port_check import check_port
from mailmove.smtp.redeliver import redeliver
from mailmove.smtp.takes_mail import RcptCheck, takes_mail

SMTP_NAMES = ("SMTP greeting", "SMTP delivery", "SMTP RCPT")
_REPLIES = (
    b"220 mail.contoso.com ESMTP ready\r\n",
    b"250-mail.contoso.com\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n",
    b"250 2.1.0 Sender OK\r\n",
    b"250 2.1.5 Recipient OK\r\n",
    b"354 Start mail input\r\n",
    b"250 2.6.0 <1@x> Queued mail for delivery\r\n",
    b"221 2.0.0 Bye\r\n",
)


_ASKED = (
    *_REPLIES[:3],
    b"550 5.1.1 User unknown\r\n",
    b"554 5.7.1 Relay access denied\r\n",
    b"250 2.0.0 Resetting\r\n",
    b"221 2.0.0 Bye\r\n",
)
"""The conversation of `takes_mail`, which sends nothing."""


class OneAtATime:
    """A server on loopback that has one conversation after the other; `place` is its address."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place: tuple[str, int] = self._listener.getsockname()[:2]
        threading.Thread(target=self._serve, name=type(self).__name__, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
                connection.settimeout(2)
                self._converse(connection, reader)

    def _converse(self, connection: socket.socket, reader: Any) -> None:
        raise NotImplementedError


class ReplyServer(OneAtATime):
    """Gives one reply after the other, the first unasked; one that has no line end is the last word."""

    def __init__(self) -> None:
        self.replies: Sequence[bytes] = ()
        super().__init__()

    def _converse(self, connection: socket.socket, reader: Any) -> None:
        in_data = False
        for number, reply in enumerate(self.replies):
            if number:
                line = reader.readline()
                while in_data and line and line != b".\r\n":
                    line = reader.readline()
                if not line:
                    return
                in_data = line.upper().startswith(b"DATA")
            connection.sendall(reply)
            if not reply.endswith(b"\n"):
                return


@contextlib.contextmanager
def smtp_readers() -> Iterator[list[Reader]]:
    server = ReplyServer()

    def case(name: str, replies: Sequence[bytes], act: Any) -> Case:
        def read(answers: Sequence[Answer]) -> Any:
            server.replies = [answer.body for answer in answers]
            return act()

        return Case(name, [Answer(reply) for reply in replies], read)

    def deliver() -> str:
        return redeliver(b"Subject: x\r\n\r\nx\r\n", sender="", recipient="a@contoso.com", mx=server.place,
                         helo="probe.example", timeout=0.5)  # fmt: skip

    def ask() -> RcptCheck:
        return takes_mail(*server.place, ["a@contoso.com", "b@example.com"], helo="probe.example", timeout=0.5)

    yield [
        Reader("SMTP RCPT", [case("RCPT", _ASKED, ask)], [lines_mutation, bytes_mutation],
               measure=lambda check: Counter()),
        Reader("SMTP greeting", [case("greeting", _REPLIES[:1], lambda: check_port(*server.place, timeout=0.5))],
               [lines_mutation, bytes_mutation], measure=lambda check: Counter()),
        Reader("SMTP delivery", [case("delivery", _REPLIES, deliver)], [lines_mutation, bytes_mutation],
               measure=lambda reply: Counter()),
    ]  # fmt: skip
    server.close()
