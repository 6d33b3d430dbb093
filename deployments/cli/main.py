"""The command line `mailmove`. Imports are inside the commands, so that `--help` does not wait for Prefect.

Exit statuses stand in `deployments.cli.output`.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deployments.cli.block.commands import block
from deployments.cli.check_server import servers
from deployments.cli.compare import comparing
from deployments.cli.first_evening import first_evening, print_version
from deployments.cli.going_on import going_on
from deployments.cli.help_in_sections import HelpInSections
from deployments.cli.keeping import HOME, USUAL_HOME, keeping
from deployments.cli.output import NOTHING, WRONG, AsJson, echo, exits_in_words
from deployments.cli.output import fail as _fail
from deployments.cli.output import say as _say
from deployments.cli.people import people
from deployments.cli.register import registering
from deployments.cli.rehearse import rehearsing
from deployments.cli.tenant_check import checking

app = typer.Typer(
    cls=HelpInSections,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_show_locals=False,  # passwords may be among them
    help="Move a customer's mail to Microsoft 365 overnight.",
    epilog=exits_in_words(),
)

app.registered_commands += first_evening.registered_commands
app.registered_commands += people.registered_commands + going_on.registered_commands + keeping.registered_commands
app.registered_commands += (
    rehearsing.registered_commands + registering.registered_commands + servers.registered_commands
)
app.registered_commands += checking.registered_commands + comparing.registered_commands
app.add_typer(block, name="block")

_WITHOUT_A_SERVER = {
    *("up", "rehearse", "backup", "restore", "check-server", "explain-permissions", "new-approver"),
    "schema",
}
"""Commands that speak to no Prefect server, or start their own."""


@app.callback()
def connect(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=print_version, help="Print the version and end")
    ] = False,
) -> None:
    """Move a customer's mail to Microsoft 365 overnight."""
    words = set(sys.argv[1:])
    if context.invoked_subcommand in _WITHOUT_A_SERVER or "--help" in words:
        return
    if context.invoked_subcommand == "preflight" and any(word.partition("=")[0] == "--domain" for word in words):
        return
    from deployments.cli.find_server import find_server
    from mailmove.errors import MailmoveError

    try:
        find_server()
    except MailmoveError as error:
        if context.invoked_subcommand != "doctor":  # which looks at everything else, and says this among it
            _fail(str(error), WRONG, json="--json" in words)


PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="YAML file of the cutover")]


@app.command()
def preflight(
    plan: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="YAML file of the cutover")] = None,
    domain: Annotated[
        str | None, typer.Option(help="Instead of a plan: only read this domain's DNS; no credentials")
    ] = None,
    resolver: Annotated[
        list[str] | None, typer.Option(help="With --domain: ask this one (address[:port]); repeatable")
    ] = None,
    login_url: Annotated[
        str, typer.Option(help="With --domain: Microsoft's sign-in; another one only in a rehearsal")
    ] = "https://login.microsoftonline.com",
    ca: Annotated[Path | None, typer.Option(help="With --domain: PEM of a further root; only in a rehearsal")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the runbook of the cutover as one HTML file")] = None,
    at: Annotated[str | None, typer.Option(help="With --out: when it will start; default: now")] = None,
    json: AsJson = False,
) -> None:
    """Preflight: run every check and show every change; change nothing."""
    if domain is not None:
        from deployments.cli.assess_domain import assess_and_say

        assess_and_say(domain, resolver, login_url, ca, json=json)
        return
    if plan is None:
        _fail("say which PLAN to check, or --domain contoso.com to assess its DNS", WRONG, json=json)
    from deployments.cli.start_runs import finished_run

    loaded, when = _load(plan), _when(at, json=json)
    run = finished_run("preflight/preflight", loaded, _ask)
    _say(run.model_dump(mode="json") if json else run.read, json)
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

    No plan is started while one of them has a fault or a block that is not there, or its customer has a cutover that is
    not over. Of two starts of a
    customer at the same moment one is refused, from wherever they come.
    """
    from deployments.cli.start_runs import blocks_lacking, staggered, start_run
    from mailmove.errors import MailmoveError
    from mailmove.plan.local_time import in_words
    from tasks.parking.one_run import reserve
    from tasks.reporting.status import board as read_board

    when, loaded = _when(at, json=json), _load_all(plans)
    under_way = {cutover.customer: cutover for cutover in read_board() if not cutover.ended}
    busy = [f"{plan.customer}: its {under_way[plan.customer].flow} is not over ({under_way[plan.customer].state})"
            for plan in loaded if plan.customer in under_way]  # fmt: skip
    if busy:
        _fail("\n".join([*busy, "Nothing was started. Wait, or cancel or roll back what is under way."]), json=json)
    if lacking := blocks_lacking(loaded):
        _fail("\n".join([*lacking, "Nothing was started. `mailmove doctor PLAN` opens each."]), json=json)
    started, refused = [], []
    for plan, time in zip(loaded, staggered(when, stagger, len(loaded)), strict=True):
        run_id = start_run("cutover/cutover", plan, time)
        try:
            reserve(plan.customer, run_id)
        except MailmoveError as error:  # somebody was quicker by a moment
            refused.append(str(error))
            continue
        started.append({"customer": plan.customer, "cutover": str(run_id), "at": time.isoformat() if time else "now"})
        if not json:
            _say(f"{plan.customer}: cutover {run_id} starts {in_words(time) if time else 'now'}", json)
    if json and started:
        _say(started if len(plans) > 1 else started[0], json, rows="started")
    if refused:
        _fail("\n".join(refused), json=json)


@app.command()
def status(json: AsJson = False) -> None:
    """Every customer: where it is, what it waits for, until when."""
    from deployments.display.render import print_board
    from tasks.reporting.status import statuses

    cutovers = statuses()
    if json:
        _say([cutover.model_dump(mode="json") for cutover in cutovers], json, rows="cutovers")
    else:
        print_board(cutovers)


@app.command()
def rollback(
    plan: PlanFile,
    return_mail: Annotated[
        bool, typer.Option("--return-mail", help="Deliver to the old server the mail that only the cloud has by now")
    ] = False,
    name: Annotated[str, typer.Option(help="Who rolls it back; it is kept", envvar="MAILMOVE_USER")] = "",
    json: AsJson = False,
) -> None:
    """Put everything back that the customer's last cutover changed. What must remain is named; it never goes on."""
    from deployments.cli.start_runs import finished_run

    run = finished_run("rollback/rollback", _load(plan), _ask, return_mail=return_mail, by=name)
    _say(run.model_dump(mode="json") if json else run.read, json)
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
    from deployments.display.render import print_report
    from mailmove.errors import MailmoveError
    from tasks.reporting.collect import report_of_customer

    try:
        summary = report_of_customer(customer, cutover)
    except MailmoveError as error:
        _fail(str(error), NOTHING, json=json)
    if out:
        from mailmove.report.page import report_html

        _write(out, report_html(summary), json=json)
    if json:
        _say(summary.model_dump(mode="json"), json)
    elif not out:
        print_report(summary)


@app.command()
def passwords(
    customer: Annotated[str, typer.Argument(help="Short name of the customer")],
    erase: Annotated[bool, typer.Option("--erase", help="They are handed over: forget them")] = False,
    json: AsJson = False,
) -> None:
    """The first passwords and access passes of a customer's people, to be handed over; on stdout, and nowhere else."""
    from tasks.accounts.access_passes import passes_to_hand_over
    from tasks.accounts.first_password_store import erase_passwords, passwords_to_hand_over

    if erase:
        count = erase_passwords(customer)
        _say({"customer": customer, "erased": count} if json else f"{customer}: {count} first passwords erased", json)
        return
    stored = passwords_to_hand_over(customer)
    if not stored:
        _fail(f"no first passwords of {customer} are held", NOTHING, json=json)
    shown = {address: password.get_secret_value() for address, password in stored.items()}
    passes = {
        address: {"pass": secret.get_secret_value(), "valid": valid}
        for address, (secret, valid) in passes_to_hand_over(customer).items()
    }
    lines = [f"{address}\t{password}" for address, password in shown.items()]
    lines += [f"{address}\taccess pass {given['pass']}, {given['valid']}" for address, given in passes.items()]
    _say({"passwords": shown, **({"access_passes": passes} if passes else {})} if json else "\n".join(lines), json)


@app.command()
def up(
    home: Annotated[
        Path, typer.Option(help="Folder for the database, results, logs and the key of the blocks", envvar=HOME)
    ] = Path(USUAL_HOME),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the Prefect server, on loopback")] = 4200,
    public_name: Annotated[
        list[str] | None, typer.Option(help="Name under which a TLS proxy before it is asked; repeatable")
    ] = None,
) -> None:
    """Run a whole Mailmove on this box until it is ended: server, worker, blocks, deployments."""
    from deployments.server.service import serve
    from mailmove.errors import MailmoveError

    try:
        raise typer.Exit(serve(home.expanduser(), port, public_names=public_name or []))
    except MailmoveError as error:
        _fail(str(error))


@app.command("explain-permissions")
def explain(
    plan: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="Only what this plan needs")] = None,
    json: AsJson = False,
) -> None:
    """Every right that Mailmove needs, why, and how preflight proves it."""
    from mailmove.plan.required_permissions import explain_permissions, permission_lines

    rights = explain_permissions(plan=_load(plan) if plan else None)
    lines = "\n".join(permission_lines(rights))
    _say([right.model_dump(mode="json") for right in rights] if json else lines, json, rows="rights")


@app.command("sign-in")
def sign_in(
    block: Annotated[str, typer.Argument(help="Block to sign in as, like microsoft365/contoso")],
    browser: Annotated[
        bool, typer.Option("--browser", help="In a browser on this machine: where the tenant blocks codes")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="With --browser: port on loopback to come back to; 0: any")
    ] = 0,
    json: AsJson = False,
) -> None:
    """Sign in to Microsoft: with a code in a browser anywhere, or in one here. The block keeps what it gives."""
    from mailmove.errors import MailmoveError
    from tasks.accounts.sign_in import sign_in_to

    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    try:
        who = sign_in_to(block, _show, browser=browser, port=port)
    except MailmoveError as error:
        _fail(str(error), json=json)
    _say({"block": block, "signed_in_as": who} if json else f"{block}: signed in as {who}", json)


def _write_runbook(plan: Any, run: UUID, when: datetime | None, out: Path, *, json: bool) -> None:
    from mailmove.clock import now
    from mailmove.errors import MailmoveError
    from mailmove.report.page import runbook_html
    from tasks.reporting.collect import runbook_of_preflight

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
    echo(f"written: {out}", err=True)


def _when(words: str | None, *, json: bool) -> datetime | None:
    from mailmove.plan.local_time import start_time

    try:
        return start_time(words) if words is not None else None
    except ValueError as error:
        _fail(str(error), WRONG, json=json)


def _load(path: Path) -> Any:
    return _load_all([path])[0]


def _load_all(paths: list[Path]) -> list[Any]:
    """Every plan; where one has a fault, all faults of all of them are printed and the command ends."""
    from mailmove.errors import BadPlan
    from mailmove.plan.load import load_plan

    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    plans, faults = [], []
    for path in paths:
        try:
            plans.append(load_plan(path))
        except BadPlan as error:
            faults.append(str(error))
    names = [plan.customer for plan in plans]
    faults += [
        f"{name}: two plans are of this customer"
        for name in sorted(name for name, count in Counter(names).items() if count > 1)
    ]
    if faults:
        _fail("\n".join(faults), WRONG)
    return plans


def _ask(question: str) -> None:
    """Print the question that the run waits at; on stderr, so that --json stays clean."""
    echo(f"waiting: {question}", err=True)


def _show(words: str) -> None:
    """Print a line for the person at the terminal; on stderr, so that --json stays clean."""
    echo(words, err=True)


if __name__ == "__main__":
    app()
