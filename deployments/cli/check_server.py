"""The command `check-server`: the old server, asked as Microsoft asks it. Imports as in `deployments.cli.main`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from deployments.cli.output import IN_THE_WAY, WRONG, AsJson, echo, fail, say

servers = typer.Typer()


@servers.command("check-server")
def check_server(
    host: Annotated[str, typer.Argument(help="Public name of Outlook Anywhere, like mail.contoso.com")],
    user: Annotated[str | None, typer.Option(help="Migration account; its password is asked for")] = None,
    mailbox: Annotated[str | None, typer.Option(help="Address to ask Autodiscover for; default: the account")] = None,
    send_password_to: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Server that may have the password, too, where Autodiscover leads to it"),
    ] = None,
    allow_old_tls: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Send it the password over TLS older than 1.2, too")
    ] = None,
    issuer: Annotated[
        bool, typer.Option("--fetch-issuer", help="Fetch a missing issuer's certificate where the server's says")
    ] = False,
    json: AsJson = False,
) -> None:
    """Would Microsoft reach this server? Certificate, sign-in, RPC over HTTP, inbound mail; changes nothing.

    The password goes to HOST and to names below the mail domain, over TLS 1.2 or later; anywhere else only when asked.
    """
    from pydantic import SecretStr

    from deployments.display.render import print_steps
    from mailmove.domain_names import to_ascii
    from mailmove.outlook_anywhere import analyze, fetch_issuer

    try:
        host = to_ascii(host.strip())
    except ValueError as error:
        fail(f"{host} is not a DNS name: {error}", WRONG, json=json)
    if user and not mailbox:
        asked = f"Autodiscover is asked for {user}" if "@" in user else "Autodiscover is not asked, and is not judged"
        echo(f"no --mailbox: {asked}. Give the address of somebody who has a mailbox there.", err=True)
    if mailbox and not user:
        echo("--mailbox without --user: what needs a sign-in is left out.", err=True)
    credentials = (user, SecretStr(typer.prompt("Password", hide_input=True, err=True))) if user else None
    analysis = analyze(
        host,
        credentials=credentials,
        mailbox=mailbox,
        fetch=fetch_issuer if issuer else None,
        send_to=send_password_to or (),
        old_tls=allow_old_tls or (),
        ask=_yes_or_no if sys.stdin.isatty() and not json else None,
    )
    if json:
        say(analysis.model_dump(mode="json"), json)
    else:
        print_steps(analysis)
    if analysis.failed:
        raise typer.Exit(IN_THE_WAY)


def _yes_or_no(question: str) -> bool:
    from deployments.display.safe_text import plain

    return typer.confirm(plain(question), default=False, err=True)
