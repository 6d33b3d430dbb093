"""The command `mailmove rehearse`. Imports as in `deployments.cli.main`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.output import AsJson

rehearsing = typer.Typer()


class MoverName(Enum):
    """As a plan says it."""

    native = "native"
    direct = "direct"
    auto = "auto"


_MOVERS = "Who copies the mailboxes: Microsoft's batch (native), Mailmove (direct), or as preflight chooses (auto)"


@rehearsing.command()
def rehearse(
    hands_on: Annotated[bool, typer.Option("--hands-on", help="You answer the gates, in the UI")] = False,
    stay: Annotated[
        bool, typer.Option("--stay", help="Leave it all up afterwards, to look round and to roll back; Ctrl-C ends it")
    ] = False,
    changes: Annotated[bool, typer.Option("--changes", help="List every change, not a line a stage")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the customer's report: one HTML file, or FILE.json")] = None,
    users: Annotated[int, typer.Option(min=1, max=200)] = 14,
    shared: Annotated[int, typer.Option(min=0, max=50)] = 3,
    public_folders: Annotated[int, typer.Option(min=0, max=50)] = 2,
    messages: Annotated[int, typer.Option(min=10, max=100_000)] = 3000,
    mover: Annotated[MoverName, typer.Option(help=_MOVERS)] = MoverName.native,
    home: Annotated[Path | None, typer.Option(help="Folder for the server's data; default: a temporary one")] = None,
    json: AsJson = False,
) -> None:
    """Rehearse a cutover in a lab on this machine: a Prefect server, a worker, an old Exchange, a cloud, and mail."""
    from deployments.cli.demo import Options, demo

    options = Options(
        hands_on=hands_on,
        users=users,
        shared=shared,
        public_folders=public_folders,
        messages=messages,
        mover=mover.value,
        home=home,
        out=out,
        stay=stay,
        changes=changes,
        as_json=json,
    )
    raise typer.Exit(demo(options))
