"""Print what a command gives, and end it with a status."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

import typer

AsJson = Annotated[bool, typer.Option("--json", help="For machines")]
IN_THE_WAY, WRONG, NOTHING = 1, 2, 3


def say(content: Any, json: bool) -> None:
    import json as encoder

    echo(encoder.dumps(content, indent=2) if json else content)  # in ASCII: escapes steer no terminal


def echo(content: Any, *, err: bool = False) -> None:
    """Print lines; whatever strangers put into them steers no terminal."""
    from mailmove.shown_text import visible

    typer.echo(visible(str(content), lines=True), err=err)


def fail(message: str, status: int = IN_THE_WAY, *, json: bool = False) -> NoReturn:
    import json as encoder

    echo(encoder.dumps({"error": message}) if json else message, err=True)
    raise typer.Exit(status)
