"""Get-, Enable-, Set- and Disable-OutlookAnywhere on `ExchangeState`, in the spelling of each version.

The state holds 2007's names; 2013 and later read and write `ExternalClientAuthenticationMethod` for the same thing,
have no switch to turn it off (it is always there) and start with Negotiate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lab.exchange.powershell.cmdlet_contract import CmdletError
from lab.exchange.powershell.objects import NetObject, enumeration
from lab.exchange.powershell.remote_shell_cmdlets import Row, object_missing
from lab.exchange.state import ExchangeState

_TYPE = "Microsoft.Exchange.Management.SystemConfigurationTasks.ADRpcHttpVirtualDirectory"


def identity_of(state: ExchangeState) -> str:
    return f"{state.server}\\Rpc (Default Web Site)"


def get(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    _named(state, asked.get("Identity", asked.get("Server")))
    with state.lock:
        settings = _standing(state)
    if settings is None:
        return
    row = {
        "Identity": identity_of(state),
        "Name": "Rpc (Default Web Site)",
        "ServerName": state.server,
        "Server": state.server,
        "ExternalHostname": _host(settings["ExternalHostname"]),
        "IISAuthenticationMethods": [_method(name) for name in settings["IISAuthenticationMethods"]],
        "SSLOffloading": settings["SSLOffloading"],
    }
    if state.major < 15:
        row["ClientAuthenticationMethod"] = _method(settings["ClientAuthenticationMethod"])
    else:
        row["ExternalClientAuthenticationMethod"] = _method(settings["ClientAuthenticationMethod"])
        row |= {n: settings.get(n, d) for n, d in _DEFAULTS_2013.items() if n not in row}
    yield _TYPE, row


def _host(name: str) -> NetObject | None:
    return NetObject("Microsoft.Exchange.Data.Hostname", name) if name else None


def _method(name: str) -> NetObject:
    kind = "Microsoft.Exchange.Data.Directory.SystemConfiguration.AuthenticationMethod"
    return enumeration(kind, name, _NUMBERS.get(name, 99))


_NUMBERS = {"Basic": 0, "Digest": 1, "Ntlm": 2, "Fba": 3, "WindowsIntegrated": 4, "Negotiate": 13}


_DEFAULTS_2013: dict[str, Any] = {
    "ExternalClientsRequireSsl": False,
    "InternalClientAuthenticationMethod": "Ntlm",
    "InternalClientsRequireSsl": False,
    "InternalHostname": "",
}


FRESH_2013: dict[str, Any] = {
    "ExternalHostname": "",
    "ClientAuthenticationMethod": "Negotiate",
    "IISAuthenticationMethods": ["Basic", "Ntlm", "Negotiate"],
    "SSLOffloading": True,
}
"""How it stands where nobody has touched it: always there, not for clients outside."""


def _standing(state: ExchangeState) -> dict[str, Any] | None:
    return FRESH_2013 if state.outlook_anywhere is None and state.major >= 15 else state.outlook_anywhere


def enable(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    _named(state, asked.get("Server"))
    with state.lock:
        if state.outlook_anywhere is not None:
            raise CmdletError(
                f"The virtual directory 'Rpc' already exists under '{state.server}/Default Web Site'.",
                "System.InvalidOperationException",
                "E2B4CBD9,Microsoft.Exchange.Management.SystemConfigurationTasks.EnableRpcHttp",
                "InvalidOperation",
                terminating=False,
            )
        both = ["Basic", "Ntlm"]
        _write(
            state,
            asked,
            {
                "ExternalHostname": asked["ExternalHostname"],
                "ClientAuthenticationMethod": asked.get("DefaultAuthenticationMethod")
                or asked["ClientAuthenticationMethod"],
                "IISAuthenticationMethods": [asked["DefaultAuthenticationMethod"]]
                if "DefaultAuthenticationMethod" in asked
                else asked.get("IISAuthenticationMethods", both),
                "SSLOffloading": asked["SSLOffloading"],
            },
        )
    yield from get(state, {})


def set_(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    _named(state, asked["Identity"])
    clash = {"ClientAuthenticationMethod", "ExternalClientAuthenticationMethod", "IISAuthenticationMethods"}
    if "DefaultAuthenticationMethod" in asked and clash & asked.keys():
        message = "DefaultAuthenticationMethod can't be used together with the other authentication parameters."
        raise CmdletError(message, "System.ArgumentException", "9C0A3C41,SetRpcHttp", terminating=False)
    with state.lock:
        standing = _standing(state)
        if standing is None:
            raise object_missing(asked["Identity"], state)
        settings = dict(standing)
        for name in ("ExternalHostname", "IISAuthenticationMethods", "SSLOffloading", *_DEFAULTS_2013):
            if name in asked:
                settings[name] = asked[name] if asked[name] is not None else ""
        for name in ("ClientAuthenticationMethod", "ExternalClientAuthenticationMethod"):
            settings["ClientAuthenticationMethod"] = asked.get(name, settings["ClientAuthenticationMethod"])
        if default := asked.get("DefaultAuthenticationMethod"):
            settings |= {"ClientAuthenticationMethod": default, "IISAuthenticationMethods": [default]}
        if state.major >= 15 and "ExternalHostname" in asked and "ExternalClientsRequireSsl" not in asked:
            message = "You must specify the parameter ExternalClientsRequireSsl when you set ExternalHostname."
            raise CmdletError(message, "System.ArgumentException", "2A1C6E0F,SetRpcHttp", terminating=False)
        _write(state, asked, settings)
    return ()


def disable(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    _named(state, asked.get("Identity", asked.get("Server")))
    if asked.get("Confirm") is not False:
        message = "A command that prompts the user failed because the host program or the command type does not "
        message += "support user interaction. The host was attempting to request confirmation."
        raise CmdletError(message, "System.Management.Automation.Host.HostException", "PromptFailure,DisableRpcHttp")
    with state.lock:
        if state.outlook_anywhere is None:
            raise object_missing(identity_of(state), state)
        if not asked.get("WhatIf"):
            state.set_outlook_anywhere(None)
    return ()


def _write(state: ExchangeState, asked: dict[str, Any], settings: dict[str, Any]) -> None:
    if not asked.get("WhatIf"):
        fresh = state.major >= 15 and {**_DEFAULTS_2013, **settings} == {**_DEFAULTS_2013, **FRESH_2013}
        state.set_outlook_anywhere(None if fresh else settings)


def _named(state: ExchangeState, identity: Any) -> None:
    """A server or its virtual directory, by name, `Server\\Name` or `Server\\rpc*`."""
    if identity is None:
        return
    server, _, directory = str(identity).lower().rpartition("\\")
    name = "rpc (default web site)"
    if not server and directory.partition(".")[0] in (state.server.lower(), name):
        return
    if server != state.server.lower() or not (directory == name or directory == "rpc*"):
        raise object_missing(identity, state)


CMDLETS: dict[str, Callable[[ExchangeState, dict[str, Any]], Iterable[Row]]] = {
    "Get-OutlookAnywhere": get,
    "Enable-OutlookAnywhere": enable,
    "Set-OutlookAnywhere": set_,
    "Disable-OutlookAnywhere": disable,
}
