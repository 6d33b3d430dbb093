"""The command `compare`: what is in the items, held against the old server. Imports as in `deployments.cli.main`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from deployments.cli.output import IN_THE_WAY, NOTHING, AsJson, fail, say

comparing = typer.Typer()


@comparing.command()
def compare(
    customer: Annotated[str, typer.Argument(help="Short name of the customer")],
    sample: Annotated[
        int, typer.Option(min=1, help="How many items: of each mailbox and kind in turn, by chance")
    ] = 200,
    seed: Annotated[int | None, typer.Option(help="Of the chance; the same one gives the same sample")] = None,
    json: AsJson = False,
) -> None:
    """Hold a sample of items against their copies at Microsoft 365, property by property; only reads."""
    import secrets
    import tempfile
    from pathlib import Path

    from mailmove.errors import MailmoveError
    from tasks.items.content_comparison import compare_contents, cutover_of_customer

    seed = secrets.randbelow(10**6) if seed is None else seed
    try:
        context = cutover_of_customer(customer)
        with tempfile.TemporaryDirectory(prefix="mailmove-compare-") as folder:
            outcome = compare_contents(context, Path(folder), sample, seed)
    except MailmoveError as error:
        fail(str(error), NOTHING, json=json)
    say(_rows(outcome, seed) if json else _words(outcome, seed), json)
    if not outcome.items or outcome.of("differs"):
        raise typer.Exit(IN_THE_WAY if outcome.items else NOTHING)


def _rows(outcome: Any, seed: int) -> dict[str, Any]:
    rows = [
        {
            "mailbox": one.mailbox,
            "kind": one.item.kind,
            "folder": list(one.item.folder),
            "subject": one.item.subject,
            "verdict": one.verdict,
            "found": list(one.found),
        }
        for one in outcome.items
    ]
    return {"seed": seed, "items": rows, "unread": outcome.unread}


def _words(outcome: Any, seed: int) -> str:
    counts = {verdict: outcome.of(verdict) for verdict in ("same", "differs", "not compared")}
    lines = [str(one) for verdict in ("differs", "not compared") for one in counts[verdict]]
    lines += [f"not read: {part}" for part in outcome.unread]
    boxes = len({one.mailbox for one in outcome.items})
    lines.append(
        f"{len(outcome.items)} items of {boxes} mailboxes: {len(counts['same'])} the same, "
        f"{len(counts['differs'])} differ, {len(counts['not compared'])} not compared (seed {seed})"
    )
    return "\n".join(lines)
