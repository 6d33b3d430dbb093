"""The reader of what `pwsh` prints: a line for each answer of Microsoft's module, through the block's own methods."""

from __future__ import annotations

import io
import json
import queue
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from answers import Answer, Shape
from mutate_json import json_mutation
from reader import NAMED, Case, Reader

from blocks.microsoft365 import exchange_powershell
from blocks.microsoft365.exchange_powershell import ERRORS, ExchangePowerShell

PWSH_NAMES = ("pwsh", "pwsh cmdlets")
_ONE = frozenset({"value"})
"""A list of one is written by PowerShell as that one, so any text is a list."""


class _Process:
    """A pwsh that prints the next of its lines for each request, and ends when it has none."""

    def __init__(self, lines: Sequence[bytes], heard: queue.SimpleQueue[str | None]) -> None:
        self._lines, self._heard = list(lines), heard
        self.stdin = self
        self.ended = False

    def write(self, request: str) -> None:
        assert json.loads(request), "it is asked in JSON"
        if not self._lines:
            self._heard.put(None)
            return
        printed = io.TextIOWrapper(io.BytesIO(self._lines.pop(0)), encoding="utf-8", errors=ERRORS)
        read: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        exchange_powershell._read(printed, read)
        while (line := read.get()) is not None:  # None: there is no more for this request
            self._heard.put(line)

    def flush(self) -> None:
        """Nothing is kept back."""

    def poll(self) -> int | None:
        return 0 if self.ended else None

    def kill(self) -> None:
        self.ended = True

    def wait(self, timeout: float | None = None) -> int:
        return 0


class _Shell(ExchangePowerShell):
    lines: Sequence[bytes] = ()

    def _start(self) -> Any:
        self._shown, self._lines = "", queue.SimpleQueue()
        return _Process(self.lines, self._lines)


def _line(value: Any) -> Answer:
    return Answer(f"WARNING: of the module\nmailmove {json.dumps(value)}\n".encode())


def mutated_line(dice: Any, body: bytes, shape: Shape) -> Any:
    """As JSON is spoiled, behind the mark of the line."""
    head, mark, text = body.partition(b"mailmove ")
    mutation = json_mutation(dice, text, shape)
    if mutation is None:
        return None
    spoiled = Answer(head + mark + mutation.answer.body + b"\n")
    return type(mutation)(mutation.kind, mutation.where, spoiled, mutation.name, mutation.honest)


def _case(name: str, answers: Sequence[Answer], act: Callable[[ExchangePowerShell], Any]) -> Case:
    def read(spoiled: Sequence[Answer]) -> Any:
        shell = _Shell("pwsh", lambda: "a token", lambda: {"Organization": "contoso.onmicrosoft.com"}, patience=0.05)
        shell.lines = [answer.body for answer in spoiled]
        return act(shell)

    return Case(name, answers, read)


_ROWS = [{"Identity": "anna", "PrimarySmtpAddress": "anna@contoso.com", "ItemCount": 7, "Flags": ["a", "b"]},
         {"Identity": "ben", "PrimarySmtpAddress": "ben@contoso.com", "ItemCount": 0, "Flags": []}]  # fmt: skip


def _of_rows(rows: Any) -> Counter[str]:
    """None: it says itself that it does not know."""
    return Counter({NAMED: 1}) if rows is None else Counter({"rows": len(rows)})


def _cmdlets(shell: ExchangePowerShell) -> Any:
    return shell.known_cmdlets()


def pwsh_readers() -> list[Reader]:
    connected = _line({})
    some = _line({"value": _ROWS, "warnings": ["slow today"]})
    listed = _line({"value": ["Get-Mailbox", "Set-Mailbox"]})
    shape = Shape(nullable=frozenset({"value"}))
    return [
        Reader(
            "pwsh",
            [
                _case("rows", [connected, some], lambda shell: shell.run("Get-Mailbox", wanted="mailboxes")),
                _case("a change", [connected, some], lambda shell: shell.run("Set-Mailbox", wanted="a change")),
            ],
            [mutated_line],
            shape,
            _of_rows,
        ),
        Reader(
            "pwsh cmdlets", [_case("cmdlets", [connected, listed], _cmdlets)], [mutated_line], shape, _of_rows, _ONE
        ),
    ]
