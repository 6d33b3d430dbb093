"""Commands for people: the board, and answers at gates. Imports as in `deployments.cli.main`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.output import NOTHING, WRONG, AsJson, echo, fail, say

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
        say([cutover.model_dump(mode="json") for cutover in read_board()], json)
    else:
        watch_board(once=once)


@people.command()
def approve(
    customer: Annotated[str, typer.Argument(help="Short name of the customer")],
    name: Annotated[str, typer.Option(help="Who decides", envvar="MAILMOVE_USER")],
    reason: Annotated[str, typer.Option(help="Why; it is kept as evidence")] = "",
    no: Annotated[bool, typer.Option("--no", help="Refuse instead; it stays as it is")] = False,
    key: Annotated[Path | None, typer.Option(help="Your private key, if it is not where new-approver put it")] = None,
    print_code: Annotated[
        bool, typer.Option("--print-code", help="Only print the approval code, for the form in the UI")
    ] = False,
    json: AsJson = False,
) -> None:
    """Answer the gate at which a customer's cutover is parked; signed, where the plan asks for a code."""
    from deployments.cli.approver_keys import answer
    from mailmove.errors import MailmoveError
    from tasks.parking.forms import GATE_FLOW
    from tasks.parking.resume import parked_runs, resume

    gates = [parked for parked in parked_runs() if parked.flow == GATE_FLOW and parked.customer == customer]
    if not gates:
        fail(f"{customer} is not parked at a gate; see `mailmove status`", NOTHING, json=json)
    for gate in gates:
        try:
            form = answer(gate, name, yes=not no, reason=reason, key=key, passphrase=_passphrase, show=_show_signed)
            if print_code:
                content = {"customer": customer, "gate": gate.name, "code": form.get("code", "")}
                say(content if json else form.get("code") or f"{gate.name} asks {name} for no code", json)
                continue
            resume(gate, form)
        except MailmoveError as error:
            fail(str(error), json=json)
        content = {"customer": customer, "gate": gate.name, "approved": not no, "by": name}
        say(content if json else f"{customer}: {gate.name} {'refused' if no else 'approved'} by {name}", json)


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


def _show_signed(asked: Any) -> None:
    """Print what is signed; on stderr, so that --json and --print-code stay clean."""
    from deployments.display.safe_text import plain
    from tasks.parking.question_text import line_of

    lines = [plain(line_of(change)) for change in asked.preview.changes] or ["nothing changes"]
    echo("\n".join(["You sign:", *lines, f"digest {asked.preview.digest}"]), err=True)


def _passphrase() -> str:
    return str(typer.prompt("Passphrase of your key", hide_input=True, err=True))
