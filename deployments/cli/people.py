"""Commands for people: the board, and answers at gates. Imports as in `deployments.cli.main`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.output import WRONG, AsJson, echo, fail, say

people = typer.Typer()


@people.command()
def board(
    once: Annotated[bool, typer.Option("--once", help="Show it once and end")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="As a page, for a browser or a phone")] = False,
    host: Annotated[str, typer.Option(help="With --serve: address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="With --serve")] = 4280,
    token_block: Annotated[
        str | None, typer.Option(help="With --serve: Secret block with the token; else MAILMOVE_BOARD_TOKEN is asked")
    ] = None,
    json: AsJson = False,
) -> None:
    """Every customer, live: where it is, what it waits for, on whom, until when; those that need a person first."""
    from deployments.cli.board import serve_board, watch_board
    from mailmove.errors import MailmoveError
    from tasks.reporting.status import board as read_board

    if serve:
        try:
            serve_board(host, port, token_block)
        except MailmoveError as error:
            fail(str(error), WRONG, json=json)
    elif json:
        say([cutover.model_dump(mode="json") for cutover in read_board()], json, rows="cutovers")
    else:
        watch_board(once=once)


@people.command()
def approve(
    customer: Annotated[str, typer.Argument(help="Short name of the customer")],
    name: Annotated[str, typer.Option(help="Who decides", envvar="MAILMOVE_USER")],
    gate: Annotated[
        str | None, typer.Option(help="Which gate, like switch_mail; needed where several are open")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept as evidence")] = "",
    no: Annotated[bool, typer.Option("--no", help="Refuse instead; it stays as it is")] = False,
    key: Annotated[Path | None, typer.Option(help="Your private key, if it is not where new-approver put it")] = None,
    print_code: Annotated[
        bool, typer.Option("--print-code", help="Only print the approval code, for the form in the UI")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask once more at the terminal")] = False,
    wait: Annotated[float, typer.Option(min=1, help="Most seconds to wait for what becomes of the answer")] = 120,
    json: AsJson = False,
) -> None:
    """Answer the gate at which a customer's cutover is parked, having seen what it changes; signed, where the plan asks
    for a code. Ends with 0 when the answer counts, else with 1 and the reason."""
    from deployments.cli.approver_keys import answer
    from deployments.cli.open_questions import gate_of, verdict_on
    from mailmove.errors import MailmoveError
    from tasks.parking.resume import resume

    parked, shown = gate_of(customer, gate, json=json), list[Any]()

    def show(asked: Any, signs: bool) -> None:
        shown.append(asked)
        _show_question(parked, asked, signs=signs)
        if not (no or yes) and sys.stdin.isatty() and not typer.confirm("Do exactly this?", err=True):
            fail("nothing was answered", json=json)

    try:
        form = answer(parked, name, yes=not no, reason=reason, key=key, passphrase=_passphrase, show=show)
        if print_code:
            content = {"customer": customer, "gate": parked.name, "code": form.get("code", "")}
            say(content if json else form.get("code") or f"{parked.name} asks {name} for no code", json)
            return
        resume(parked, form)
        verdict = verdict_on(parked, shown[0], name, yes=not no, seconds=wait)
    except MailmoveError as error:
        fail(str(error), json=json)
    if not verdict.counts:
        fail(f"{customer}: {parked.name}: {verdict.why_not}", json=json)
    content = {"customer": customer, "gate": parked.name, "approved": not no, "by": name}
    say(content if json else f"{customer}: {parked.name} {'refused' if no else 'approved'} by {name}", json)


@people.command("new-approver")
def new_approver(
    name: Annotated[str, typer.Argument(help="Becomes the block approver/NAME; plans name it under `approvers`")],
    folder: Annotated[
        Path | None, typer.Option(help="Where to put the private key; default: your configuration")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Do not seal the private key with a passphrase")] = False,
    json: AsJson = False,
) -> None:
    """Make a key with which you alone can approve. The private half stays here; Prefect gets the public half."""
    from deployments.cli.approver_keys import make_approver
    from mailmove.errors import MailmoveError

    passphrase = None if plain else typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    try:
        path, public = make_approver(name, passphrase, folder)
    except MailmoveError as error:
        fail(str(error), json=json)
    content = {"block": f"approver/{name}", "public_key": public, "private_key_file": str(path)}
    say(content if json else f"approver/{name}: public key {public}; the private key is in {path}", json)


def _show_question(parked: Any, asked: Any, *, signs: bool) -> None:
    """Print what is answered; on stderr, so that --json and --print-code stay clean."""
    from deployments.display.safe_text import plain
    from tasks.parking.question_text import line_of

    lines = [plain(parked.question), *([plain(asked.why_not)] if asked.why_not else [])]
    lines += ["You sign:" if signs else "You answer:"]
    lines += [plain(line_of(change)) for change in asked.preview.changes] or ["nothing changes"]
    lines += [
        plain(f"{finding.subject}: {finding.seen}. {finding.means} {finding.todo}")
        for finding in asked.preview.findings
    ]
    echo("\n".join([*lines, f"digest {asked.preview.digest}"]), err=True)


def _passphrase() -> str:
    return str(typer.prompt("Passphrase of your key", hide_input=True, err=True))
