"""Readers of what the old server's shell answers: each object as CLIXML, through the block's own methods."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from answers import Answer, Shape
from mutate_xml import xml_mutation
from pydantic import PrivateAttr
from reader import NAMED, Case, Reader, count_all

from blocks.exchange.exchange_server import ExchangeServer
from blocks.exchange.powershell.from_clixml import PlainReader
from blocks.exchange.powershell.shell import Command, ExchangeShell
from blocks.firewall.windows_firewall import WindowsFirewall
from lab.authority import Authority
from lab.company import make_company
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.places import Places
from mailmove.errors import MailmoveError


@dataclass
class Pipeline:
    """What a pipeline gave: its objects as CLIXML, by their places on the tape, and what it wrote into its errors."""

    names: tuple[str, str]
    places: list[int]
    errors: list[Any]
    failure: MailmoveError | None = None


@dataclass
class ShellTape:
    pipelines: list[Pipeline] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    answers: Sequence[Answer] | None = None

    def find(self, names: tuple[str, str]) -> Pipeline:
        for level in (0, 1):
            for pipeline in self.pipelines:
                if pipeline.names[level] == names[level]:
                    return pipeline
        raise AssertionError(f"not on the tape: {names}")


class _Listening(PlainReader):
    """Keeps the text of what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, Any]] = []

    def deserialize(self, element: Any, metadata: Any = None, clear: bool = True) -> Any:
        result = super().deserialize(element, metadata, clear)
        if clear and metadata is None and isinstance(element, str):
            self.heard.append((element, result))
        return result


class TapedShell(ExchangeShell):
    """A session with the lab while the tape records; afterwards the tape's objects, read as those of a session."""

    tape: ShellTape
    _ears: _Listening | None = None

    def _opened(self) -> Any:
        if self.tape.answers is not None:
            return None
        pool = super()._opened()
        if self._ears is None:
            self._ears = pool._serializer = pool._fragmenter.serializer = _Listening()
        return pool

    def _flow(self, pool: Any, commands: Sequence[Command], refused: list[Any]) -> Iterator[dict[str, Any]]:
        names = (
            str([(name, sorted(map(str, given.items()))) for name, given in commands]),
            str([n for n, _ in commands]),
        )
        if self.tape.answers is not None:
            kept = self.tape.find(names)
            for place in kept.places:
                yield PlainReader().deserialize(self.tape.answers[place].body.decode("utf-8", "replace"))
            if kept.failure is not None:
                raise kept.failure
            refused += kept.errors
            return
        ears, errors = self._ears, list[Any]()
        assert ears is not None
        ears.heard.clear()
        pipeline = Pipeline(names, [], errors)
        try:
            rows = list(super()._flow(pool, commands, errors))
        except MailmoveError as error:
            rows, pipeline.failure = [], error
        texts = [text for text, result in ears.heard if any(result is row for row in rows)]
        pipeline.places = list(range(len(self.tape.objects), len(self.tape.objects) + len(texts)))
        self.tape.objects += texts
        self.tape.pipelines.append(pipeline)
        yield from rows
        if pipeline.failure is not None:
            raise pipeline.failure
        refused += errors


class TapedServer(ExchangeServer):
    """The block, with a tape for its shell."""

    _block_type_name, _block_type_slug = "Taped Exchange Server", "taped-exchange-server"

    _tape: ShellTape = PrivateAttr(default_factory=ShellTape)

    def _shell(self) -> ExchangeShell:
        shell = TapedShell(self.shell_url, self.shell_kind, self.username, self.password, self.authentication,
                           self.extra_ca)  # fmt: skip
        shell.tape = self._tape
        return shell


class TapedFirewall(WindowsFirewall):
    _block_type_name, _block_type_slug = "Taped Windows Firewall", "taped-windows-firewall"
    _tape: ShellTape = PrivateAttr(default_factory=ShellTape)

    def _shell(self) -> ExchangeShell:
        shell = TapedShell(self.shell_url, "windows", self.username, self.password, self.authentication, self.extra_ca)
        shell.tape = self._tape
        return shell


def case_of(name: str, block: TapedServer | TapedFirewall, read: Callable[[Any], Any]) -> Case:
    block._tape = tape = ShellTape()
    read(block)
    assert tape.objects, f"{name} gives no object"

    def again(answers: Sequence[Answer]) -> Any:
        block._tape, tape.answers = tape, answers
        return read(block)

    return Case(name, [Answer(text.encode()) for text in tape.objects], again)


@contextlib.contextmanager
def shell_blocks(version: str) -> Iterator[tuple[TapedServer, TapedFirewall]]:
    places, authority, faults = Places(), Authority(), Faults()
    company = make_company(users=3, shared=1, public_folders=1, messages=30)
    with OldExchange(places, authority, company, faults, version=version) as old:
        winrm = old.shell_url.replace("/powershell", "/wsman")
        account = {"username": company.admin, "password": company.accounts[company.admin], "extra_ca": authority.pem}
        is_2007 = old.state.major == 8
        server = TapedServer(ews_url=old.ews_url, shell_url=winrm if is_2007 else old.shell_url,
                             shell_kind="winrm" if is_2007 else "exchange", **account)  # fmt: skip
        firewall = TapedFirewall(shell_url=winrm, authentication="basic", **account)
        address = next(box.address for box in company.mailboxes if box.kind == "user")
        old.store.put(address, b"Message-ID: <arrived@x>\r\nSubject: one\r\n\r\nhello")
        if not is_2007:
            old.state.set_outlook_anywhere(
                {"ExternalHostname": "mail.northwind.example", "ClientAuthenticationMethod": "Basic",
                 "IISAuthenticationMethods": ["Basic", "Ntlm"], "SSLOffloading": False}
            )  # fmt: skip
        yield server, firewall


def _of_arrivals(result: Any) -> Counter[str]:
    """An arrival of which nobody knows for whom is an arrival all the same."""
    return Counter({place: number for place, number in count_all(result).items() if ".recipients" not in place})


def _of_inventory(inventory: Any) -> Counter[str]:
    """Mailboxes, with what is in them: an unread figure is None, which is said; 0 would be a figure."""
    counted = count_all(inventory)
    counted[NAMED] = len(getattr(inventory, "not_read", ()))
    for box in inventory.mailboxes:
        for name in ("item_count", "size"):
            figure = getattr(box, name)
            counted[f"{box.address} {name}"] = 10**15 if figure is None else figure
    return counted


def _of_grants(grants: Any) -> Counter[str]:
    counted = count_all(grants)
    counted[NAMED] = len(grants.not_read)
    return counted


_ROWS = frozenset({"Obj"})
SHELL_NAMES = ("shell inventory", "shell grants", "shell arrivals", "shell settings", "shell certificates",
               "shell firewall")  # fmt: skip


def shell_readers(server: TapedServer, firewall: TapedFirewall) -> list[Reader]:
    since = datetime(2000, 1, 1, tzinfo=UTC)
    shape = Shape(records=frozenset({"S"}), lists=frozenset({"LST"}), free=frozenset({"S"}))

    def reader(
        name: str, cases: list[Case], measure: Callable[[Any], Counter[str]] = count_all, *optional: str
    ) -> Reader:
        return Reader(name, cases, [xml_mutation], shape, measure, frozenset({"RefId", "@RefId", "TN", "T", *optional}))

    return [
        reader("shell inventory",
               [case_of("inventory", server, lambda block: block.inventory()),
                case_of("full inventory", server, lambda block: block.full_inventory())], _of_inventory),
        reader("shell grants", [case_of("grants", server, lambda block: block.grants())], _of_grants),
        reader("shell settings",
               [case_of("Outlook Anywhere", server, lambda block: [block.outlook_anywhere()])]),
        reader("shell certificates", [case_of("certificates", server, lambda block: block.certificates())]),
        reader("shell firewall",
               [case_of("allowed", firewall, lambda block: block.allowed(25)),
                case_of("obstacles", firewall, lambda block: block.obstacles(25))], lambda result: Counter()),
        reader("shell arrivals", [case_of("arrivals", server, lambda block: block.arrivals(since))],
               _of_arrivals, "Recipients"),
    ]  # fmt: skip
