"""A small part of PowerShell, read as tokens: enough to follow how Microsoft's module builds one value.

Nothing is run. Whoever meets a form that is not known here gets `NotUnderstood`, never a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<skip><\#.*?\#>|\#[^\n]*|`\r?\n|[ \t\r]+)
      |(?P<end>\n|;)
      |(?P<text>'(?:[^']|'')*')
      |(?P<mixed>"(?:[^"`]|`.|"")*")
      |(?P<variable>\$\{[^}]*\}|\$[\w:]+|\$\()
      |(?P<open>@\{|@\(|\{|\(|\[)
      |(?P<close>\}|\)|\])
      |(?P<word>-?[A-Za-z_][\w.-]*|\d[\w.]*)
      |(?P<sign>::|\+=|[=.,|&!+*/%<>@:?-])
      |(?P<odd>.)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"{": "}", "@{": "}", "(": ")", "@(": ")", "$(": ")", "[": "]"}


class NotUnderstood(Exception):
    """A form that is not known here. Never leaves the reading of the module file."""


@dataclass(frozen=True)
class Token:
    """kind: end, text, variable, open, close, word, sign. text: as it is written; of a text, what it says."""

    kind: str
    text: str

    @property
    def low(self) -> str:
        return self.text.lower()


@dataclass
class Function:
    """parameters: names in the order of their places, in lower case."""

    name: str
    parameters: list[str] = field(default_factory=list)
    body: list[Token] = field(default_factory=list)


def tokens(source: str) -> list[Token]:
    found: list[Token] = []
    for match in _TOKEN.finditer(source):
        kind, text = str(match.lastgroup), match[0]
        if kind == "skip":
            continue
        if kind == "text":
            text = text[1:-1].replace("''", "'")
        elif kind == "mixed":
            # What holds a variable or an escape is no text that could be read without running it.
            kind, text = ("odd", text) if "$" in text or "`" in text else ("text", text[1:-1].replace('""', '"'))
        elif kind == "variable" and text == "$(":
            kind = "open"
        found.append(Token(kind, text.replace("${", "$").replace("}", "") if kind == "variable" else text))
    return found


def closing(given: list[Token], start: int) -> int:
    """Place of what closes the bracket at `start`."""
    waiting: list[str] = []
    for place in range(start, len(given)):
        token = given[place]
        if token.kind == "open":
            waiting.append(_CLOSING[token.text])
        elif token.kind == "close":
            if not waiting or waiting.pop() != token.text:
                raise NotUnderstood("brackets that do not match")
            if not waiting:
                return place
    raise NotUnderstood("a bracket that is not closed")


def split(given: list[Token], *at: str) -> list[list[Token]]:
    """Parts between separators outside of brackets; empty ones are left out. at: kinds or texts of separators."""
    parts: list[list[Token]] = [[]]
    place = 0
    while place < len(given):
        token = given[place]
        if token.kind == "open":
            end = closing(given, place)
            parts[-1] += given[place : end + 1]
            place = end
        elif token.kind in at or (token.kind == "sign" and token.text in at):
            parts.append([])
        else:
            parts[-1].append(token)
        place += 1
    return [part for part in parts if part]


def functions(given: list[Token]) -> dict[str, Function]:
    """Functions of a file by their names in lower case, without a scope such as `script:`."""
    found: dict[str, Function] = {}
    place = 0
    while place < len(given) - 2:
        if given[place].kind == "word" and given[place].low == "function":
            opened = next((at for at in range(place + 1, len(given)) if given[at].text in ("{", "(")), None)
            if opened is None:
                break
            name = "".join(token.text for token in given[place + 1 : opened] if token.kind != "end")
            function = Function(name.rpartition(":")[2])
            if given[opened].text == "(":
                end = closing(given, opened)
                function.parameters = _parameters(given[opened + 1 : end])
                opened = next(at for at in range(end, len(given)) if given[at].text == "{")
            try:
                end = closing(given, opened)
            except NotUnderstood:
                break
            function.body = given[opened + 1 : end]
            _take_parameters(function)
            found[function.name.lower()] = function
            place = end
        place += 1
    return found


def _take_parameters(function: Function) -> None:
    """Move a `param(...)` block out of the body, with the attributes before it; `process {}` counts as the body."""
    body = function.body
    for place, token in enumerate(body[:-1]):
        if token.kind == "word" and token.low == "param" and body[place + 1].text == "(":
            end = closing(body, place + 1)
            function.parameters, body = _parameters(body[place + 2 : end]), body[end + 1 :]
            break
    for place, token in enumerate(body[:-1]):
        if token.low == "process" and body[place + 1].text == "{":
            body = body[place + 2 : closing(body, place + 1)]
            break
    function.body = body


def _parameters(given: list[Token]) -> list[str]:
    """First variable of each declaration that stands outside of its attributes and before its default."""
    names: list[str] = []
    for part in split(given, ","):
        place = 0
        while place < len(part) and part[place].kind != "variable":
            place = closing(part, place) + 1 if part[place].kind == "open" else place + 1
        if place < len(part):
            names.append(part[place].low.removeprefix("$"))
    return names
