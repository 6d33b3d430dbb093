"""The door for strangers' words: subjects, TXT records, banners, folder names, a server's errors.

Whatever shows a text to people (a terminal, Markdown in the Prefect UI, HTML, CSV, a log) lets it through here last:
no control characters, no marks of direction, nothing without width, no link, picture or table that is not ours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that draw nothing but may steer: control characters (escape sequences), marks of direction."""
_FILLERS = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f", "\u17b4", "\u17b5"}
"""Letters by their category, and nothing to be seen."""
_PILE = re.compile(r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})[^\W\d_]*?"
                   r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a spreadsheet runs instead of showing, also in the width of Japanese letters."""
_CODE = re.compile(r"(?<![\\`])(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)")
_OPEN_TAG, _END_OF_NAME = (re.compile(r"(?<!\\)((?:\\\\)*)" + mark) for mark in ("<", r"\](?=[(\[:])"))
"""Those that nobody has escaped: a second backslash would be shown, and undo the first."""
_OWN_PICTURE = re.compile(r"!\[[^\[\]]*\]\(data:image/svg\+xml;base64,[A-Za-z0-9+/=]*\)")
_ADDRESS = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]{1,20}://|www\.)[^\s`<>]*[^\s`<>.,;:!?)\]'\"*]", re.IGNORECASE)


def visible(text: str, *, lines: bool = False) -> str:
    """The text without what steers a terminal, turns the direction of writing, or hides between letters.

    lines: line feeds stay; otherwise each becomes a space.
    """
    table = _WITH_LINES if lines else _ON_ONE_LINE
    return _PILE.sub(r"\1", text.replace("\r\n", "\n").translate(table))


class _Drawn(dict[int, int]):
    """For `str.translate`: what is drawn stays, all else becomes a space; each character is looked up once."""

    def __init__(self, kept: str) -> None:
        super().__init__({ord(character): ord(character) for character in kept})

    def __missing__(self, code: int) -> int:
        character = chr(code)
        drawn = unicodedata.category(character) not in _INVISIBLE and character not in _FILLERS
        self[code] = code if drawn else ord(" ")
        return self[code]


_ON_ONE_LINE, _WITH_LINES = _Drawn(""), _Drawn("\n")


def one_line(text: str) -> str:
    """The same on one line, with single spaces: for a list, a table, a subject."""
    return " ".join(visible(text).split())


def in_markdown(words: str) -> str:
    """Words of others inside a page of ours: one line, and nothing in it is Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>|#~!])", r"\\\1", _ADDRESS.sub(lambda found: found[0].replace("://", ": //"),
                                                                  one_line(words)))  # fmt: skip


def in_code(words: str) -> str:
    """Words of others between single backticks, which they cannot end."""
    return one_line(words).replace("`", "'")


def markdown_page(text: str) -> str:
    """A page of ours as it leaves: what came into it without `in_markdown` neither links, loads nor is HTML.

    Addresses stand as code: they can be read and copied, and not be clicked by mistake. Pictures of ours, whole lines
    with their drawing in them, stay.
    """
    return _outside_fences(visible(text, lines=True), _harmless_line)


def markdown_as_read(page: str) -> str:
    """A `markdown_page` for a terminal: what stands escaped in it as it is read; code and tables stay."""
    return _outside_fences(page, lambda line: _outside_code(line, _as_read))


def _outside_fences(text: str, change: Callable[[str], str]) -> str:
    """The text with its lines changed; fences and the code between them stay."""
    lines, fence = [], ""
    for line in text.split("\n"):
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if fence:
            fence = "" if mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
            lines.append(line)
        elif mark and "`" not in line[mark.end() :]:
            fence = mark[1]
            lines.append(line)
        else:
            lines.append(change(line))
    return "\n".join(lines)


def _as_read(text: str) -> str:
    return re.sub(r"\\([\\`*_{}\[\]<>|#~!])", r"\1", text.replace("&lt;", "<"))


def _harmless_line(line: str) -> str:
    return line if _OWN_PICTURE.fullmatch(line) else _outside_code(line, _harmless)


def _outside_code(line: str, change: Callable[[str], str]) -> str:
    parts, end = [], 0
    for code in _CODE.finditer(line):
        parts += [change(line[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, change(line[end:])])


def _harmless(text: str) -> str:
    text = _OPEN_TAG.sub(r"\1&lt;", text)
    text = _END_OF_NAME.sub(r"\1\\]", text).replace("![", "!\\[")
    return _ADDRESS.sub(lambda found: f"`{found[0].replace(chr(92), '')}`", text)


def csv_cell(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula, on one line."""
    shown = visible(cell).strip()
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
