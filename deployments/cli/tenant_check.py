"""The command `tenant-check`: a real tenant, asked what we are unsure of. Imports as in `deployments.cli.main`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.output import NOTHING, AsJson, fail, say

checking = typer.Typer()


@checking.command("tenant-check")
def tenant_check(
    block: Annotated[str, typer.Argument(help="Block of the tenant, like microsoft365/contoso")],
    record: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the answers there, names and secrets replaced")
    ] = None,
    json: AsJson = False,
) -> None:
    """Ask a tenant what only a real one can settle, and say which rows of docs/unverified.md it settles; only reads."""
    from blocks.microsoft365.microsoft365 import Microsoft365
    from blocks.microsoft365.tenant_check.ask import record as write
    from mailmove.errors import MailmoveError
    from tasks.execution.open_blocks import open_block

    try:
        tenant = open_block(block, Microsoft365)
    except MailmoveError as error:
        fail(str(error), NOTHING, json=json)
    try:
        asked = tenant.tenant_check()
        files = write(asked, record) if record else []
    except MailmoveError as error:
        fail(str(error), json=json)
    settled = [settled for one in asked for settled in one.settled()]
    left_out = {one.question.name: one.why for one in asked if one.answer is None}
    if json:
        rows = [{"row": one.row, "says": one.says, "question": one.question} for one in settled]
        say({"settled": rows, "left_out": left_out, "files": [str(path) for path in files]}, json)
        return
    lines = [f"{one.row}\n  {one.says} ({one.question})" for one in settled]
    lines += [f"{name}: not asked, {why}" for name, why in left_out.items()]
    if record:
        lines.append(f"{len(files)} answers are in {record}. Read them before you hand them on.")
    say("\n".join(lines), json)
