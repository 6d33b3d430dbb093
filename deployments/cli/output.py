"""Print what a command gives, and end it with a status."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

import typer

AsJson = Annotated[bool, typer.Option("--json", help="For machines")]
IN_THE_WAY, WRONG, NOTHING = 1, 2, 3


def say(content: Any, json: bool) -> None:
    import json as encoder

    typer.echo(encoder.dumps(content, indent=2, ensure_ascii=False) if json else content)


def fail(message: str, status: int = IN_THE_WAY, *, json: bool = False) -> NoReturn:
    import json as encoder

    typer.echo(encoder.dumps({"error": message}) if json else message, err=True)
    raise typer.Exit(status)
