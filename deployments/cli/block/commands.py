"""`mailmove block add|test|list|rotate`. Imports as in `deployments.cli.main`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.help_in_sections import HelpInSections
from deployments.cli.output import IN_THE_WAY, NOTHING, WRONG, AsJson, fail, say

block = typer.Typer(
    cls=HelpInSections,
    no_args_is_help=True,
    help="Blocks with credentials: made, tested, listed, and given new secrets. A secret is never an argument: it is "
    "typed, or given as env:NAME, file:PATH, keyring:SERVICE/NAME or block:TYPE/NAME.",
)

Reference = Annotated[str, typer.Argument(metavar="TYPE/NAME", help="Such as microsoft365/contoso")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=SOURCE", help="A field, as env:, file:, keyring: or block:; repeatable"),
]
ValuesFile = Annotated[Path | None, typer.Option("--values", help="YAML file: field -> source, or plain value")]


@block.command()
def add(
    reference: Reference,
    settings: Settings = None,
    values: ValuesFile = None,
    untested: Annotated[bool, typer.Option("--untested", help="Save it without a test, or though it fails")] = False,
    json: AsJson = False,
) -> None:
    """Make a block: ask for what is missing, test it by reading only, save it. One that exists is never replaced."""
    from deployments.cli.block.work import add_block
    from mailmove.errors import MailmoveError

    given = _given(settings, values, json=json)
    try:
        tested = add_block(reference, given, ask=not given, untested=untested)
    except MailmoveError as error:
        fail(str(error), WRONG, json=json)
    _show(tested, json=json, done="saved")


@block.command()
def rotate(
    reference: Reference,
    settings: Settings = None,
    values: ValuesFile = None,
    untested: Annotated[bool, typer.Option("--untested", help="Save the new values though their test fails")] = False,
    json: AsJson = False,
) -> None:
    """Give a block new secrets. The old ones stay until a test with the new ones has passed."""
    from deployments.cli.block.work import rotate_block
    from mailmove.errors import MailmoveError

    given = _given(settings, values, json=json)
    try:
        tested = rotate_block(reference, given, untested=untested)
    except MailmoveError as error:
        fail(str(error), WRONG, json=json)
    _show(tested, json=json, done="the new values are saved", otherwise="the old values stay")


@block.command()
def test(reference: Reference, json: AsJson = False) -> None:
    """Open a block and try it, reading only: what stands in the way, and which rights are proved."""
    from deployments.cli.block.work import check_saved
    from mailmove.errors import MailmoveError

    try:
        tested = check_saved(reference)
    except MailmoveError as error:
        fail(str(error), NOTHING, json=json)
    _show(tested, json=json)


@block.command("list")
def list_blocks(json: AsJson = False) -> None:
    """Blocks at the server that a cutover can use: type/name, and when they last changed. No values."""
    from deployments.cli.block.work import saved_blocks

    rows = saved_blocks()
    lines = [f"{row['block']:<40} {row['changed']}" for row in rows] or ["no blocks; make one: mailmove block add"]
    say(rows if json else "\n".join(lines), json, rows="blocks")


def _given(settings: list[str] | None, values: Path | None, *, json: bool) -> dict[str, Any]:
    from deployments.cli.block.work import given_values
    from mailmove.errors import MailmoveError

    try:
        return given_values(settings or [], values)
    except MailmoveError as error:
        fail(str(error), WRONG, json=json)


def _show(tested: Any, *, json: bool, done: str = "", otherwise: str = "nothing was saved") -> None:
    saved = {"saved": tested.saved} if done else {}
    lines = [
        *tested.result.lines(),
        *([f"{tested.result.block}: {done if tested.saved else otherwise}"] if done else []),
    ]
    say({**tested.result.model_dump(mode="json"), **saved} if json else "\n".join(lines), json)
    if not (tested.saved if done else tested.result.good):
        raise typer.Exit(IN_THE_WAY)
