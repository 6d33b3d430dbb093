"""Readers of the RPC proxy's answers: what it offers, what it echoes, and the PDUs of a channel."""

from __future__ import annotations

import base64
import contextlib
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from answers import Answer
from mutate_text import bytes_mutation
from pydantic import SecretStr
from reader import NAMED, Case, Reader
from readers_of_http import Taped
from tape import Tape, TapeServer

from lab.authority import Authority
from lab.exchange.ntlm import Acceptor
from lab.places import Places
from mailmove.outlook_anywhere import rpc_http, rpc_pdu
from mailmove.outlook_anywhere.endpoints import _echo
from mailmove.outlook_anywhere.rpc_http import Account
from mailmove.outlook_anywhere.steps import Deadline, StepResult, step
from mailmove.outlook_anywhere.tls import Dial

RPC_NAMES = ("RPC proxy",)


@contextlib.contextmanager
def rpc_readers() -> Iterator[list[Reader]]:
    places, authority = Places(), Authority()
    address, account = places.host(63), Account("anna", SecretStr("pw"))
    with TapeServer(address, authority.server_context("mail.contoso.com", address), "https://none.invalid") as server:
        port = int(server.base.rpartition(":")[2])
        taped = Taped(server)

        def dial() -> Dial:
            return Dial("mail.contoso.com", address, port, authority.pem, Deadline(3, 0.5))

        def offered() -> Any:
            return step("methods", lambda: StepResult("ok", ", ".join(rpc_http.methods(dial(), "S:6001").schemes)))

        def echoed() -> Any:
            return step("echo", lambda: _echo(rpc_http.echo(dial(), "S:6001", account, "Basic", old=False), "S", False))

        def challenged(answers: Sequence[Answer]) -> Any:
            offer = f"NTLM {base64.b64encode(answers[0].body).decode()}"
            taped.server.tape = tape = Tape.of(Answer(b"", 401, (("WWW-Authenticate", offer),)), done)
            tape.play([exchange.answer for exchange in tape.exchanges])
            act = lambda: _echo(rpc_http.echo(dial(), "S:6001", account, "NTLM", old=False), "S", False)  # noqa: E731
            return step("challenge", act)

        kind = ("Content-Type", "application/rpc")
        offer = Answer(b"", 401, (("WWW-Authenticate", 'Basic realm="x"'), ("WWW-Authenticate", "NTLM, Negotiate")))
        echo = rpc_pdu.pdu(rpc_pdu.RTS, struct.pack("<HH", 0x40, 0))
        done = Answer(echo, 200, (kind,))
        hello = account.ntlm("mail.contoso.com").step() or b""
        challenge = Acceptor({"anna": "pw"}, "MAIL").challenge(hello)
        yield [
            Reader(
                "RPC proxy",
                [
                    taped.case("methods", offered, Tape.of(offer)),
                    taped.case("echo", echoed, Tape.of(done)),
                    Case("challenge", [Answer(challenge)], challenged),
                ],
                [bytes_mutation],
                measure=_measured,
            )
        ]


def _measured(result: Any) -> Counter[str]:
    return Counter({NAMED: int(result.status != "ok"), "answer": 1})
