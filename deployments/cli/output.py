"""Print what a command gives, and end it with a status."""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn

import typer

AsJson = Annotated[bool, typer.Option("--json", help="For machines")]
IN_THE_WAY, WRONG, NOTHING = 1, 2, 3
STOPPED = 130
"""128 and the number of SIGINT, as shells have it."""
NOT_SEEN = NOTHING
"""Of `preflight --domain`: nothing for certain is in the way, and something could not be seen."""

EXITS = {
    0: "done",
    IN_THE_WAY: "something stands in the way, or went wrong; it is printed",
    WRONG: "wrong arguments, plan or answers; nothing was touched",
    NOTHING: "nothing of that name: no such customer, block, question or run; of `preflight --domain`: something could "
    "not be seen",
    STOPPED: "stopped by Ctrl-C; what runs at the server runs on",
}
"""Exit status of every command -> what it means; `--help` and the docs show this table."""

FORMAT = 1
"""Version of what `--json` prints. A field may be added; one that goes or changes its meaning counts it up."""


def versioned(content: Any, rows: str = "rows") -> dict[str, Any]:
    """What `--json` prints: an object with its `version`; a list stands in the field `rows`."""
    return {"version": FORMAT, **(content if isinstance(content, dict) else {rows: content})}


def say(content: Any, json: bool, rows: str = "rows") -> None:
    """Print text, or with `json` an object that bears its version. rows: name of the field that holds a list."""
    import json as encoder

    # In ASCII: escapes steer no terminal.
    echo(encoder.dumps(versioned(content, rows), indent=2) if json else content)


def echo(content: Any, *, err: bool = False) -> None:
    """Print lines; whatever strangers put into them steers no terminal, and what it has no letters for is escaped."""
    from mailmove.shown_text import visible

    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    text = visible(str(content), lines=True).encode(encoding, "backslashreplace").decode(encoding)
    typer.echo(text, err=err)


def fail(message: str, status: int = IN_THE_WAY, *, json: bool = False) -> NoReturn:
    import json as encoder

    echo(encoder.dumps(versioned({"error": message})) if json else message, err=True)
    raise typer.Exit(status)


def exits_in_words() -> str:
    """The table of exit statuses in one line, for `--help`."""
    return "Exit status: " + "; ".join(f"{status} {meaning}" for status, meaning in EXITS.items()) + "."


def mailmove_version() -> str:
    """Name and version of what runs."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"mailmove {version('mailmove')}"
    except PackageNotFoundError:
        return "mailmove, from its sources"
