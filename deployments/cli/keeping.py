"""Commands that keep a box: backup and restore. Imports as in `deployments.cli.main`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.output import WRONG, AsJson, fail, say

keeping = typer.Typer()

HOME = "MAILMOVE_HOME"
"""Name of the environment variable with the home of a box."""
USUAL_HOME = "~/.mailmove"
Home = Annotated[Path, typer.Option(help="Home of the box, as of `mailmove up`", envvar=HOME)]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="File whose first line is the passphrase; else it is asked for", dir_okay=False)
]


@keeping.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="To write; it must not exist")],
    home: Home = Path(USUAL_HOME),
    passphrase_file: PassphraseFile = None,
    json: AsJson = False,
) -> None:
    """Back the box up into one file, while it runs: database, results, and the key of the credentials, sealed."""
    from deployments.server.backup import back_up
    from mailmove.errors import MailmoveError

    passphrase = _passphrase(passphrase_file, twice=True, json=json)
    try:
        names = back_up(home.expanduser(), file, passphrase)
    except MailmoveError as error:
        fail(str(error), json=json)
    words = f"{file}: {len(names)} files. Without the passphrase nobody reads the credentials in it, nor do you."
    say({"file": str(file), "files": len(names)} if json else words, json)


@keeping.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="That `mailmove backup` wrote")],
    home: Home = Path(USUAL_HOME),
    passphrase_file: PassphraseFile = None,
    json: AsJson = False,
) -> None:
    """Put a backup in place; the box must be stopped. What stood there before is kept in a folder beside it."""
    from deployments.server.restore import restore as put_in_place
    from mailmove.errors import MailmoveError

    passphrase = _passphrase(passphrase_file, twice=False, json=json)
    try:
        before = put_in_place(home.expanduser(), file, passphrase)
    except MailmoveError as error:
        fail(str(error), json=json)
    kept = f" What stood there before: {before} (remove it when you need it no more)." if before else ""
    say({"home": str(home), "before": str(before) if before else None} if json else f"{home}: restored.{kept}", json)


def _passphrase(file: Path | None, *, twice: bool, json: bool) -> str:
    if file is None:
        return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True))
    try:
        return next(iter(file.read_text("utf-8").splitlines()), "")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file}: {error}", WRONG, json=json)
