"""The Windows feature RPC over HTTP Proxy on the old server: registry, module (2008 R2) and ServerManagerCmd (2008).

`state.settings["rpc_proxy_feature"]` False: not installed, and the RPC proxy answers 404. Absent: installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lab.exchange import windows_firewall
from lab.exchange.powershell.cmdlet_contract import CmdletError
from lab.exchange.recipients import Row
from lab.exchange.state import ExchangeState

_REGISTRY = "hklm:\\software\\microsoft\\rpc\\rpcproxy"
_FEATURE = "rpc-over-http-proxy"


def get_item_property(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    known = windows_firewall.get_item_property(state, str(asked["Path"]))
    if known:
        yield from known
        return
    if str(asked["Path"]).lower() != _REGISTRY or not state.settings.get("rpc_proxy_feature", True):
        message = f"Cannot find path '{asked['Path']}' because it does not exist."
        kind = "System.Management.Automation.ItemNotFoundException"
        raise CmdletError(message, kind, "PathNotFound", "ObjectNotFound", terminating=False)
    ports = f"{state.server}:6001-6002;{state.server}:6004"
    yield "System.Management.Automation.PSCustomObject", {"Enabled": 1, "ValidPorts": ports}


def import_module(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    since = {"ServerManager": 14, "NetSecurity": 15}.get(str(asked["Name"]), 99)  # Server 2008 has neither module
    if state.major < since:
        message = f"The specified module '{asked['Name']}' was not loaded because no valid module file was found."
        raise CmdletError(message, "System.IO.FileNotFoundException", "Modules_ModuleNotFound", terminating=False)
    return ()


def add_feature(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    return _set(state, str(asked["Name"]), True)


def remove_feature(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    return _set(state, str(asked["Name"]), False)


def invoke_expression(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    """netsh.exe, schtasks.exe, and ServerManagerCmd.exe, which Server 2008 has and later versions do not."""
    known = windows_firewall.run_program(state, str(asked["Command"]))
    if known is not None:
        return known
    program, verb, feature = (*str(asked["Command"]).split(), "", "", "")[:3]
    if program.lower() not in ("servermanagercmd", "servermanagercmd.exe") or state.major >= 14:
        message = f"The term '{program}' is not recognized as the name of a cmdlet, function, script file, or program."
        raise CmdletError(message, "System.Management.Automation.CommandNotFoundException", "CommandNotFoundException")
    return _set(state, feature, verb == "-install")


def _set(state: ExchangeState, feature: str, installed: bool) -> Iterable[Row]:
    if feature.lower() != _FEATURE:
        raise CmdletError(f"No feature is called {feature}.", "System.ArgumentException", "NameDoesNotExist")
    with state.lock:
        if installed:
            state.settings.pop("rpc_proxy_feature", None)
        else:
            state.settings["rpc_proxy_feature"] = False
    yield "System.Management.Automation.PSCustomObject", {"Success": True, "RestartNeeded": "No"}


CMDLETS: dict[str, Callable[[ExchangeState, dict[str, Any]], Iterable[Row]]] = {
    "Get-ItemProperty": get_item_property,
    "Import-Module": import_module,
    "Add-WindowsFeature": add_feature,
    "Remove-WindowsFeature": remove_feature,
    "Invoke-Expression": invoke_expression,
}
