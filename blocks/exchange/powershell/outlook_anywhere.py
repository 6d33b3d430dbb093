"""Outlook Anywhere through the shell, spelt as each version of Exchange wants it.

2007 SP1 and 2010: Enable-, Set- and Disable-OutlookAnywhere with -ClientAuthenticationMethod (TechNet bb123545). 2013
and later: the virtual directory is always there, Set-OutlookAnywhere with -ExternalClientAuthenticationMethod gives it
an external name. Microsoft's migration service wants Basic (KB2903050).
"""

from __future__ import annotations

from typing import Any, Literal

from blocks.exchange.powershell import values
from blocks.exchange.powershell.from_clixml import Row
from blocks.exchange.powershell.shell import ExchangeShell
from mailmove.errors import Blocked
from mailmove.inventory.server import OutlookAnywhere

Method = Literal["Basic", "NTLM", "Negotiate"]
_METHODS: dict[str, Method] = {"basic": "Basic", "ntlm": "NTLM", "negotiate": "Negotiate"}
_SPELT: dict[Method, str] = {"Basic": "Basic", "NTLM": "Ntlm", "Negotiate": "Negotiate"}


def directory(shell: ExchangeShell, server: str) -> Row | None:
    """The virtual directory of the server; None: it has none. Blocked: more than one."""
    rows = shell.run("Get-OutlookAnywhere", Server=server)
    if len(rows) > 1:
        raise Blocked(
            f"Get-OutlookAnywhere on {server}",
            wanted="one virtual directory",
            seen=", ".join(values.optional_text(row, "Identity") for row in rows),
            todo="Remove those that are not the default web site's.",
        )
    return rows[0] if rows else None


def settings(row: Row) -> OutlookAnywhere | None:
    """What the directory says; None: nothing outside may use it."""
    values.text(row, "Identity")  # an object without any is no directory, and not one that is off
    host = values.optional_text(row, "ExternalHostname")
    if not host:
        return None
    known = ("ExternalClientAuthenticationMethod", "ClientAuthenticationMethod")  # of 2013 and later; of 2007 and 2010
    shown = next((text for name in known if (text := values.optional_text(row, name))), "no method")
    method = _METHODS.get(shown.lower())
    if method is None:
        raise Blocked(
            f"Get-OutlookAnywhere on {row.get('Identity')}",
            wanted="Basic, NTLM or Negotiate for clients outside",
            seen=shown,
            todo="Set it to Basic by hand: what stands there now could not be put back.",
        )
    offloading = values.flag(row, "SSLOffloading")
    return OutlookAnywhere(external_host=host, authentication=method, ssl_offloading=offloading)


def change(shell: ExchangeShell, server: str, major: int, row: Row | None, wanted: OutlookAnywhere | None) -> None:
    """Bring the directory from `row` to `wanted`. `major` is 8 for 2007, 14 for 2010, 15 from 2013 on."""
    if wanted is not None and row is not None:
        _accepted(row, wanted)
    if major >= 15:
        _change_2013(shell, server, row, wanted)
    elif wanted is None:
        shell.run("Disable-OutlookAnywhere", Server=server, Confirm=False)
    else:
        method = _SPELT[wanted.authentication]
        common: dict[str, Any] = {
            "ExternalHostname": wanted.external_host,
            "ClientAuthenticationMethod": method,
            "SSLOffloading": wanted.ssl_offloading,
        }
        if row is None:
            shell.run("Enable-OutlookAnywhere", Server=server, **common)
        else:
            shell.run("Set-OutlookAnywhere", Identity=values.text(row, "Identity"), **common)


def _change_2013(shell: ExchangeShell, server: str, row: Row | None, wanted: OutlookAnywhere | None) -> None:
    if row is None:
        raise Blocked(
            f"Get-OutlookAnywhere on {server}",
            wanted="the virtual directory that Exchange 2013 and later always have",
            seen="none",
            todo="Make it anew with New-OutlookAnywhere, as Microsoft's support describes.",
        )
    if wanted is None:  # how a fresh server stands: no external name, Negotiate, and SSL offloading
        outside: dict[str, Any] = {"ExternalHostname": "", "ExternalClientAuthenticationMethod": "Negotiate"}
        outside |= {"ExternalClientsRequireSsl": False, "SSLOffloading": True}
    else:
        outside = {
            "ExternalHostname": wanted.external_host,
            "ExternalClientAuthenticationMethod": _SPELT[wanted.authentication],
            "ExternalClientsRequireSsl": True,
            "SSLOffloading": wanted.ssl_offloading,
        }
    shell.run("Set-OutlookAnywhere", Identity=values.text(row, "Identity"), **outside)


def _accepted(row: Row, wanted: OutlookAnywhere) -> None:
    """Telling clients to use a method that IIS turns down would lock everybody out."""
    shown = {method.lower() for method in values.names(row, "IISAuthenticationMethods")}
    if shown and _SPELT[wanted.authentication].lower() not in shown:
        raise Blocked(
            f"IIS under {row.get('Identity')}",
            wanted=f"{wanted.authentication} for Outlook Anywhere",
            seen=f"it accepts only {', '.join(sorted(shown))}",
            todo="Add it with Set-OutlookAnywhere -IISAuthenticationMethods; Mailmove could not undo that.",
        )
