"""Commands of the first evening: init, doctor, schema. Imports as in `deployments.cli.main`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.output import IN_THE_WAY, WRONG, AsJson, echo, fail, mailmove_version, say

first_evening = typer.Typer()


@first_evening.command()
def init(
    domain: Annotated[str, typer.Argument(help="Mail domain of the customer, like contoso.com")],
    answers: Annotated[
        Path | None, typer.Option(help="YAML file with the answers, for scripts; nothing is asked")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where plan.yaml goes; default: the customer's short name")
    ] = None,
    resolver: Annotated[list[str] | None, typer.Option(help="Ask this one (address[:port]); repeatable")] = None,
    ask: Annotated[bool, typer.Option("--ask", help="With --answers: ask for what the file leaves out")] = False,
    json: AsJson = False,
) -> None:
    """From a domain to a plan: look it up, ask for what is missing, write plan.yaml, make the blocks, run preflight.

    Every question can be left; the same command goes on where it stopped, and never overwrites a plan that was edited.
    """
    from deployments.cli.init.evening import run_init
    from mailmove.errors import MailmoveError

    try:
        outcome = run_init(domain, answers, folder, resolver, lambda words: echo(words, err=json), ask=ask)
    except MailmoveError as error:
        fail(str(error), WRONG, json=json)
    if json:
        say(outcome.model_dump(mode="json"), json)
    if not outcome.complete:
        raise typer.Exit(IN_THE_WAY)


@first_evening.command()
def doctor(
    plan: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="Look at the blocks of this plan, too")] = None,
    resolver: Annotated[
        list[str] | None, typer.Option(help="Ask this one (address[:port]) about port 53; repeatable")
    ] = None,
    json: AsJson = False,
) -> None:
    """Is all well here? Server, worker, deployments, blocks, clocks, disk, versions, port 53; with what to do."""
    from deployments.cli.doctor.examine import examine
    from mailmove.errors import MailmoveError
    from mailmove.plan.load import load_plan

    try:
        checks = examine(load_plan(plan) if plan else None, resolver)
    except MailmoveError as error:
        fail(str(error), WRONG, json=json)
    say(
        [check.model_dump(mode="json") for check in checks] if json else "\n".join(map(str, checks)),
        json,
        rows="checks",
    )
    if any(check.state == "bad" for check in checks):
        raise typer.Exit(IN_THE_WAY)


@first_evening.command()
def schema(out: Annotated[Path | None, typer.Option(help="Write it there; default: stdout")] = None) -> None:
    """Print the JSON schema of a plan, for editors: `# yaml-language-server: $schema=plan.schema.json`."""
    import json as encoder

    from mailmove.plan.schema import plan_schema

    text = encoder.dumps(plan_schema(), indent=2, ensure_ascii=False)
    if out is None:
        echo(text)
        return
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        fail(f"{out}: {error.strerror}", WRONG)
    echo(f"written: {out}", err=True)


def print_version(wanted: bool) -> None:
    """Print the version and end, if it is wanted."""
    if not wanted:
        return
    echo(mailmove_version())
    raise typer.Exit
