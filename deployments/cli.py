"""The command line `mailmove`. Imports are inside the commands, so that `--help` does not wait for Prefect.

Exit status: 0 done; 1 something stands in the way, and was said; 2 the words or the plan are wrong; 3 nothing found.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn
from uuid import UUID

import typer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Move a customer's mail to Microsoft 365 in one night."
)

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="YAML file of the cutover")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines")]
IN_THE_WAY, WRONG, NOTHING = 1, 2, 3


@app.command()
def preflight(
    plan: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="YAML file of the cutover")] = None,
    domain: Annotated[
        str | None, typer.Option(help="Instead of a plan: only read this domain's DNS; no credentials")
    ] = None,
    resolver: Annotated[
        list[str] | None, typer.Option(help="With --domain: ask this one (address[:port]); repeatable")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the night to come as one HTML file")] = None,
    at: Annotated[str | None, typer.Option(help="With --out: when it will start; default: now")] = None,
    json: AsJson = False,
) -> None:
    """The dry run: every check, everything shown, nothing changed."""
    if domain:
        _assess(domain, resolver, json=json)
        return
    if plan is None:
        _fail("say which PLAN to check, or --domain contoso.com for a look at its DNS", WRONG, json=json)
    from deployments.running import finished_run

    loaded, when = _load(plan), _when(at, json=json)
    run = finished_run("preflight/dry-run", loaded, _ask)
    _say(run.model_dump(mode="json") if json else run.shown, json)
    if out:
        _write_runbook(loaded, run.run, when, out, json=json)
    if not run.completed:
        _fail(run.message, json=json)


@app.command()
def start(
    plans: Annotated[list[Path], typer.Argument(metavar="PLAN...", help="YAML files, one of each customer")],
    at: Annotated[str | None, typer.Option(help="When: '22:00' (next such time here) or an ISO time")] = None,
    stagger: Annotated[float, typer.Option(min=0, help="Minutes between one start and the next")] = 0,
    json: AsJson = False,
) -> None:
    """Start cutovers, now or tonight, one after the other. They run on the workers; this returns at once.

    No plan is started while one of them has a fault, or its customer has a cutover that is not over.
    """
    from deployments.running import staggered, start_run
    from tasks.status import board as look

    when, loaded = _when(at, json=json), _load_all(plans)
    under_way = {night.customer: night for night in look() if not night.ended}
    busy = [f"{one.customer}: its {under_way[one.customer].flow} is not over ({under_way[one.customer].state})"
            for one in loaded if one.customer in under_way]  # fmt: skip
    if busy:
        _fail("\n".join([*busy, "Nothing was started. Wait, or cancel or roll back what is under way."]), json=json)
    told = []
    for one, time in zip(loaded, staggered(when, stagger, len(loaded)), strict=True):
        run_id = start_run("cutover/night", one, time)
        told.append({"customer": one.customer, "cutover": str(run_id), "at": time.isoformat() if time else "now"})
        if not json:
            _say(f"{one.customer}: cutover {run_id} starts {told[-1]['at']}", json)
    if json:
        _say(told if len(told) > 1 else told[0], json)


@app.command()
def status(json: AsJson = False) -> None:
    """Every customer: where it is, what it waits for, until when."""
    from deployments.showing import print_nights
    from tasks.status import nights

    found = nights()
    if json:
        _say([night.model_dump(mode="json") for night in found], json)
    else:
        print_nights(found)


@app.command()
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
    """Every customer, live: where it is, what it waits for, on whom, until when; tonight's needs first."""
    from deployments.boarding import serve_board, watch_board
    from mailmove.errors import MailmoveError
    from tasks.status import board as look

    if serve:
        try:
            serve_board(host, port, token_block)
        except MailmoveError as error:
            _fail(str(error), WRONG, json=json)
    elif json:
        _say([night.model_dump(mode="json") for night in look()], json)
    else:
        watch_board(once=once)


@app.command()
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
    from deployments.approving import answer
    from mailmove.errors import MailmoveError
    from tasks.parking import GATE_FLOW
    from tasks.waking import parked_runs, wake

    gates = [one for one in parked_runs() if one.flow == GATE_FLOW and one.customer == customer]
    if not gates:
        _fail(f"{customer} is not parked at a gate; see `mailmove status`", NOTHING, json=json)
    for one in gates:
        try:
            form = answer(one, name, yes=not no, reason=reason, key=key, passphrase=_passphrase, show=_show_signed)
            if print_code:
                told = {"customer": customer, "gate": one.what, "code": form.get("code", "")}
                _say(told if json else form.get("code") or f"{one.what} asks {name} for no code", json)
                continue
            wake(one, form)
        except MailmoveError as error:
            _fail(str(error), json=json)
        told = {"customer": customer, "gate": one.what, "approved": not no, "by": name}
        _say(told if json else f"{customer}: {one.what} {'refused' if no else 'approved'} by {name}", json)


@app.command("new-approver")
def new_approver(
    name: Annotated[str, typer.Argument(help="Becomes the block approver/NAME; plans name it under `approvers`")],
    folder: Annotated[
        Path | None, typer.Option(help="Where to put the private key; default: your configuration")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Do not seal the private key with a passphrase")] = False,
    json: AsJson = False,
) -> None:
    """Make a key with which you alone can approve. The private half stays here; Prefect gets the public half."""
    from deployments.approving import make_approver
    from mailmove.errors import MailmoveError

    passphrase = None if plain else typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    try:
        path, public = make_approver(name, passphrase, folder)
    except MailmoveError as error:
        _fail(str(error), json=json)
    told = {"block": f"approver/{name}", "public_key": public, "private_key_file": str(path)}
    _say(told if json else f"approver/{name}: public key {public}; the private key is in {path}", json)


@app.command()
def rollback(
    plan: PlanFile,
    bring_back: Annotated[
        bool, typer.Option("--bring-back", help="Deliver to the old server the mail that only the cloud has by now")
    ] = False,
    json: AsJson = False,
) -> None:
    """Put everything back that the customer's last cutover changed. What must remain is named."""
    from deployments.running import finished_run

    run = finished_run("rollback/way-back", _load(plan), _ask, bring_mail_back=bring_back)
    _say(run.model_dump(mode="json") if json else run.shown, json)
    if not run.completed:
        _fail(run.message, json=json)


@app.command()
def report(
    customer: Annotated[str, typer.Argument(help="Short name of the customer")],
    cutover: Annotated[
        UUID | None, typer.Option(help="Flow run of the cutover; default: the customer's last one")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write it as one HTML file, for the customer")] = None,
    json: AsJson = False,
) -> None:
    """What a cutover did, the proof, and what is to do: from the server's records, at any time."""
    from deployments.showing import print_report
    from mailmove.errors import MailmoveError
    from tasks.gathering import night_of_customer

    try:
        night = night_of_customer(customer, cutover)
    except MailmoveError as error:
        _fail(str(error), NOTHING, json=json)
    if out:
        from mailmove.report.page import report_html

        _write(out, report_html(night), json=json)
    if json:
        _say(night.model_dump(mode="json"), json)
    elif not out:
        print_report(night)


@app.command()
def rehearse(
    hands_on: Annotated[bool, typer.Option("--hands-on", help="You answer the gates, in the UI")] = False,
    users: Annotated[int, typer.Option(min=1, max=200)] = 14,
    shared: Annotated[int, typer.Option(min=0, max=50)] = 3,
    public_folders: Annotated[int, typer.Option(min=0, max=50)] = 2,
    messages: Annotated[int, typer.Option(min=10, max=100_000)] = 3000,
    home: Annotated[Path | None, typer.Option(help="Folder for the server's data; default: a temporary one")] = None,
    json: AsJson = False,
) -> None:
    """The whole night in a lab on this machine: a Prefect server, a worker, an old Exchange, a cloud, and mail."""
    from deployments.demo import demo

    raise typer.Exit(
        demo(
            hands_on=hands_on,
            users=users,
            shared=shared,
            public_folders=public_folders,
            messages=messages,
            home=home,
            as_json=json,
        )
    )


@app.command()
def passwords(
    customer: Annotated[str, typer.Argument(help="Short name of the customer")],
    erase: Annotated[bool, typer.Option("--erase", help="They are handed over: forget them")] = False,
    json: AsJson = False,
) -> None:
    """The first passwords of a customer's people, to be handed over; on stdout, and nowhere else."""
    from tasks.password_safe import erase_passwords, passwords_to_hand_over

    if erase:
        count = erase_passwords(customer)
        _say({"customer": customer, "erased": count} if json else f"{customer}: {count} first passwords erased", json)
        return
    held = {address: one.get_secret_value() for address, one in passwords_to_hand_over(customer).items()}
    if not held:
        _fail(f"no first passwords of {customer} are held", NOTHING, json=json)
    _say(held if json else "\n".join(f"{address}\t{password}" for address, password in held.items()), json)


@app.command()
def up(
    home: Annotated[Path, typer.Option(help="Folder for the database, results, logs and the key of the blocks")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the Prefect server, on loopback")] = 4200,
) -> None:
    """Run a whole Mailmove on this box until it is ended: server, worker, blocks, deployments."""
    from deployments.service import serve

    raise typer.Exit(serve(home, port))


@app.command("explain-permissions")
def explain(
    plan: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="Only what this plan needs")] = None,
    json: AsJson = False,
) -> None:
    """Every right that Mailmove needs, why, and how preflight proves it."""
    from mailmove.rights import explain_permissions, permission_lines

    rights = explain_permissions(plan=_load(plan) if plan else None)
    _say([right.model_dump(mode="json") for right in rights] if json else "\n".join(permission_lines(rights)), json)


@app.command("sign-in")
def sign_in(
    block: Annotated[str, typer.Argument(help="Block to sign in as, like microsoft365/contoso")],
    json: AsJson = False,
) -> None:
    """Sign in to Microsoft with a code, in a browser anywhere. What it gives is kept encrypted in the block."""
    from mailmove.errors import MailmoveError
    from tasks.signing_in import sign_in_to

    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    try:
        who = sign_in_to(block, _tell)
    except MailmoveError as error:
        _fail(str(error), json=json)
    _say({"block": block, "signed_in_as": who} if json else f"{block}: signed in as {who}", json)


@app.command("check-server")
def check_server(
    host: Annotated[str, typer.Argument(help="Public name of Outlook Anywhere, like mail.contoso.com")],
    user: Annotated[str | None, typer.Option(help="Migration account; its password is asked for")] = None,
    mailbox: Annotated[str | None, typer.Option(help="Address to ask Autodiscover for; default: the account")] = None,
    json: AsJson = False,
) -> None:
    """Would Microsoft reach this server? Certificate, sign-in, RPC over HTTP, inbound mail; changes nothing."""
    from pydantic import SecretStr

    from deployments.showing import print_steps
    from mailmove.outlook_anywhere import analyze

    credentials = (user, SecretStr(typer.prompt("Password", hide_input=True, err=True))) if user else None
    seen = analyze(host, credentials=credentials, mailbox=mailbox)
    if json:
        _say(seen.model_dump(mode="json"), json)
    else:
        print_steps(seen)
    if seen.failed:
        raise typer.Exit(IN_THE_WAY)


def _assess(domain: str, resolvers: list[str] | None, *, json: bool) -> None:
    from mailmove.dns.assessment import assess_domain
    from mailmove.plan import split_address

    try:
        servers = [split_address(one, 53) for one in resolvers] if resolvers else None
    except ValueError as error:
        _fail(f"--resolver: {error}; write 1.1.1.1 or 127.0.0.1:5353", WRONG, json=json)
    seen = assess_domain(domain, servers)
    _say(seen.model_dump(mode="json") if json else "\n".join(seen.lines()), json)
    if any(finding.blocks for finding in seen.findings):
        raise typer.Exit(IN_THE_WAY)


def _write_runbook(plan: Any, run: UUID, when: datetime | None, out: Path, *, json: bool) -> None:
    from mailmove.errors import MailmoveError
    from mailmove.evidence import now
    from mailmove.report.page import runbook_html
    from tasks.gathering import runbook_of_preflight

    try:
        page = runbook_html(runbook_of_preflight(plan, run, when or now()))
    except MailmoveError as error:
        _fail(str(error), json=json)
    _write(out, page, json=json)


def _write(out: Path, page: str, *, json: bool) -> None:
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        _fail(f"{out}: {error.strerror}", WRONG, json=json)
    typer.echo(f"written: {out}", err=True)


def _when(words: str | None, *, json: bool) -> datetime | None:
    from deployments.running import time_of

    try:
        return time_of(words) if words else None
    except ValueError as error:
        _fail(str(error), WRONG, json=json)


def _load(path: Path) -> Any:
    return _load_all([path])[0]


def _show_signed(asked: Any) -> None:
    """On stderr, so that --json and --print-code stay clean."""
    from deployments.words import plain
    from tasks.showing import line_of

    lines = [plain(line_of(change)) for change in asked.preview.changes] or ["nothing changes"]
    typer.echo("\n".join(["You sign:", *lines, f"digest {asked.preview.digest}"]), err=True)


def _passphrase() -> str:
    return str(typer.prompt("Passphrase of your key", hide_input=True, err=True))


def _load_all(paths: list[Path]) -> list[Any]:
    """Every plan, or every fault of all of them."""
    from mailmove.errors import BadPlan
    from mailmove.plan_file import load_plan

    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    plans, faults = [], []
    for path in paths:
        try:
            plans.append(load_plan(path))
        except BadPlan as error:
            faults.append(str(error))
    names = [plan.customer for plan in plans]
    faults += [
        f"{name}: two plans are of this customer" for name in sorted({one for one in names if names.count(one) > 1})
    ]
    if faults:
        _fail("\n".join(faults), WRONG)
    return plans


def _say(told: Any, json: bool) -> None:
    import json as encoder

    typer.echo(encoder.dumps(told, indent=2, ensure_ascii=False) if json else told)


def _ask(question: str) -> None:
    """It waits for somebody; on stderr, so that --json stays clean."""
    typer.echo(f"waiting: {question}", err=True)


def _tell(words: str) -> None:
    """For the person at the terminal; on stderr, so that --json stays clean."""
    typer.echo(words, err=True)


def _fail(message: str, status: int = IN_THE_WAY, *, json: bool = False) -> NoReturn:
    import json as encoder

    typer.echo(encoder.dumps({"error": message}) if json else message, err=True)
    raise typer.Exit(status)


if __name__ == "__main__":
    app()
