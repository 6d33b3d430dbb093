"""The reader of raw WSMan envelopes: HTTP, SOAP and the fragments in it, read by pypsrp and then by our shell."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import requests
from answers import Answer, Shape
from memory_wire import TapeAdapter
from mutate_xml import xml_mutation
from pydantic import SecretStr
from pypsrp.wsman import WSMan
from reader import Reader
from tape import TapeServer
from taped_case import taped_case

from blocks.exchange.powershell.shell import ExchangeShell
from lab.authority import Authority
from lab.company import make_company
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.places import Places

WSMAN_NAMES = ("WSMan envelopes",)
_MESSAGE_ID = re.compile(rb"MessageID[^>]*>uuid:([0-9A-Fa-f-]{36})<")
_ASKED = b"00000000-0000-0000-0000-0000000000AA"
"""In a recorded answer, in place of the message to which it relates; each question has an id of its own."""


class _RelatingServer(TapeServer):
    """An answer that is given again relates to the question of now, as WS-Addressing wants it."""

    def _answer(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        match = _MESSAGE_ID.search(body)
        asked = match[1] if match else _ASKED
        recording = self.tape.recording
        answer = super()._answer(method, target, headers, body)
        if recording:
            kept = Answer(answer.body.replace(asked, _ASKED), answer.status, answer.headers)
            self.tape.exchanges[-1] = type(self.tape.exchanges[-1])((), kept)
            return answer
        return Answer(answer.body.replace(_ASKED, asked), answer.status, answer.headers, answer.promised)


class _WireShell(ExchangeShell):
    """Its session speaks to the tape in memory."""

    server: TapeServer

    def _session(self, wsman: WSMan) -> requests.Session:
        session = super()._session(wsman)
        session.mount("https://", TapeAdapter(self.server))
        return session


@contextlib.contextmanager
def wsman_readers() -> Iterator[list[Reader]]:
    """A session of Exchange 2010's own endpoint: it is opened, one cmdlet gives its objects, it is closed."""
    places, authority, faults = Places(), Authority(), Faults()
    company = make_company(users=3, shared=0, public_folders=0, messages=3)
    with OldExchange(places, authority, company, faults, version="14.3.123.4") as old:
        scheme, _, rest = old.shell_url.partition("://")
        with _RelatingServer("127.0.0.1", None, f"{scheme}://{rest.partition('/')[0]}") as server:

            def rows() -> Any:
                shell = _WireShell(f"https://{server.base.partition('://')[2]}/powershell", "exchange", company.admin,
                                   SecretStr(company.accounts[company.admin]), "basic", timeout=5)  # fmt: skip
                shell.server = server
                with shell:
                    return shell.run("Get-Mailbox", ResultSize="Unlimited")

            case = taped_case(server, "Get-Mailbox", rows)
            yield [Reader("WSMan envelopes", [case], [xml_mutation], Shape(), _of_rows)]


def _of_rows(rows: Any) -> Counter[str]:
    return Counter({"objects": len(rows)})
