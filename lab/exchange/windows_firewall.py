"""Windows Firewall and the task scheduler of the old server: netsh and schtasks (2008), NetSecurity (2012 and later).

Rules lie where Windows keeps them, in the registry, as text: `v2.10|Action=Block|Active=TRUE|Dir=In|Protocol=6|...`.
`state.settings["firewall_rules"]` holds them by value name, `["scheduled_tasks"]` what each task runs; absent: none.
`state.private["firewall_off"]`: names of profiles whose firewall is off; `["minute"]`: seconds that a minute takes.
Syntax: learn.microsoft.com, netsh advfirewall (dd734783), schtasks create, NetSecurity.
"""

from __future__ import annotations

import shlex
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from lab.exchange.powershell.cmdlet_contract import CmdletError
from lab.exchange.recipients import Row
from lab.exchange.state import ExchangeState

_POLICY = "hklm:\\system\\currentcontrolset\\services\\sharedaccess\\parameters\\firewallpolicy\\"
_TASKS = "hklm:\\software\\microsoft\\windows nt\\currentversion\\schedule\\taskcache\\tree\\"
_PROFILES = ("domainprofile", "standardprofile", "publicprofile")
_DELETE = frozenset({"name", "dir", "profile", "program", "service", "localip", "remoteip", "protocol"}) | {
    "localport",
    "remoteport",
}
_ADD = _DELETE | {"action", "description", "enable", "interfacetype", "rmtcomputergrp", "rmtusrgrp", "edge", "security"}
_ROW = "System.Management.Automation.PSCustomObject"


def lets_in(state: ExchangeState, port: int) -> bool:
    """Whether the server's firewall allows connections to a TCP port; a block rule beats every allow rule."""
    _run_what_is_due(state)
    if set(_PROFILES) <= set(state.private.get("firewall_off", ())):
        return True
    wanted = {"Action": "Block", "Active": "TRUE", "Dir": "In", "Protocol": "6", "LPort": str(port)}
    return not any(wanted.items() <= parts(rule).items() for rule in state.settings.get("firewall_rules", {}).values())


def parts(rule: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in rule.split("|") if "=" in part)


def get_item_property(state: ExchangeState, path: str) -> Iterable[Row] | None:
    """What Windows keeps of all this in the registry; None: another path. [] stands for a key that is not there."""
    _run_what_is_due(state)
    path = path.lower()
    if path == f"{_POLICY}firewallrules":
        return [(_ROW, dict(state.settings.get("firewall_rules", {})))]
    if path.startswith(_POLICY) and path.removeprefix(_POLICY) in _PROFILES:
        off = path.removeprefix(_POLICY) in state.private.get("firewall_off", ())
        return [(_ROW, {"EnableFirewall": 0 if off else 1})]
    if path.startswith(_TASKS):
        scheduled = path.removeprefix(_TASKS) in (name.lower() for name in state.settings.get("scheduled_tasks", {}))
        return [(_ROW, {"Id": "{0}"})] if scheduled else []
    return None


def run_program(state: ExchangeState, line: str) -> Iterable[Row] | None:
    """netsh.exe and schtasks.exe; None: another program. netsh prints its errors on standard output."""
    words = shlex.split(line.replace("\\", "\\\\"))
    program = words[0].lower().removesuffix(".exe") if words else ""
    if program == "netsh":
        return [(_ROW, {"Said": _netsh(state, words[1:])})]
    if program == "schtasks":
        return [(_ROW, {"Said": _schtasks(state, words[1:])})]
    return None


def _netsh(state: ExchangeState, words: list[str]) -> str:
    if [word.lower() for word in words[:4]] == ["advfirewall", "firewall", "add", "rule"]:
        given = _pairs(words[4:], _ADD)
        if given is None or not {"name", "dir", "action"} <= given.keys():
            return "A specified value is not valid."
        if "localport" in given and given.get("protocol", "any").lower() not in ("tcp", "udp", "6", "17"):
            return "'localport' is only valid when protocol is TCP or UDP."
        _keep(state, f"{{{uuid.uuid4()}}}".upper(), given)
        return "Ok."
    if [word.lower() for word in words[:4]] == ["advfirewall", "firewall", "delete", "rule"]:
        given = _pairs(words[4:], _DELETE)
        if given is None or "name" not in given:
            return "A specified value is not valid."
        return "Ok." if _forget(state, lambda _, rule: rule.get("Name") == given["name"]) else "No rules match."
    return f"The following command was not found: {' '.join(words)}."


def _pairs(words: list[str], known: frozenset[str]) -> dict[str, str] | None:
    pairs = [word.split("=", 1) for word in words]
    if any(len(pair) != 2 or pair[0].lower() not in known for pair in pairs):
        return None
    return {name.lower(): value for name, value in pairs}


def _keep(state: ExchangeState, value_name: str, given: dict[str, str]) -> None:
    protocol = {"tcp": "6", "udp": "17"}.get(given.get("protocol", "").lower(), given.get("protocol", ""))
    text = f"v2.10|Action={given['action'].title()}|Active=TRUE|Dir={given['dir'].title()}|Protocol={protocol}|"
    text += f"LPort={given['localport']}|" if "localport" in given else ""
    with state.lock:
        state.settings.setdefault("firewall_rules", {})[value_name] = f"{text}Name={given['name']}|"


def _forget(state: ExchangeState, which: Callable[[str, dict[str, str]], bool]) -> bool:
    with state.lock:
        rules = state.settings.get("firewall_rules", {})
        gone = [name for name, rule in rules.items() if which(name, parts(rule))]
        for name in gone:
            del rules[name]
        if not rules:
            state.settings.pop("firewall_rules", None)
    return bool(gone)


def _schtasks(state: ExchangeState, words: list[str]) -> str:
    verb, options = words[0].lower(), _options(words[1:])
    name = options.get("/tn", "")
    tasks = state.settings.get("scheduled_tasks", {})
    if verb == "/create" and options.get("/sc", "").lower() == "minute" and {"/tn", "/tr", "/f"} <= options.keys():
        with state.lock:
            state.settings.setdefault("scheduled_tasks", {})[name] = options["/tr"]
            every = int(options.get("/mo", "1")) * float(state.private.get("minute", 60))
            state.private.setdefault("task_times", {})[name] = (time.monotonic() + every, every)
        return "SUCCESS"
    if verb == "/delete" and "/f" in options:
        if name not in tasks:
            raise _native("ERROR: The system cannot find the file specified.")
        with state.lock:
            del tasks[name]
            del state.private["task_times"][name]
            if not tasks:
                del state.settings["scheduled_tasks"]
        return "SUCCESS"
    raise _native(f"ERROR: Invalid syntax. {' '.join(words)}")


def _options(words: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for word in words:
        if word.startswith("/"):
            options[word.lower()] = ""
            last = word.lower()
        elif options:
            options[last] = word
    return options


def _native(words: str) -> CmdletError:
    kind = "System.Management.Automation.RemoteException"
    return CmdletError(words, kind, "NativeCommandError", "NotSpecified", terminating=False)


def _run_what_is_due(state: ExchangeState) -> None:
    for name, (due, every) in list(state.private.get("task_times", {}).items()):
        if time.monotonic() >= due:
            state.private["task_times"][name] = (due + every, every)
            run_program(state, state.settings["scheduled_tasks"][name])


def new_rule(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    name = str(asked.get("Name") or f"{{{uuid.uuid4()}}}")
    if name in state.settings.get("firewall_rules", {}):
        message = "Cannot create a file when that file already exists."
        kind = "Microsoft.Management.Infrastructure.CimException"
        raise CmdletError(message, kind, "Windows System Error 183,New-NetFirewallRule", terminating=False)
    direction = {"Inbound": "In", "Outbound": "Out"}[str(asked.get("Direction", "Inbound"))]
    _keep(
        state,
        name,
        {
            "name": str(asked["DisplayName"]),
            "dir": direction,
            "action": str(asked.get("Action", "Allow")),
            "protocol": str(asked.get("Protocol", "Any")),
            **({"localport": str(asked["LocalPort"])} if "LocalPort" in asked else {}),
        },
    )
    yield "Microsoft.Management.Infrastructure.CimInstance#MSFT_NetFirewallRule", {"Name": name, "Enabled": "True"}


def remove_rule(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    if not _forget(state, lambda name, _: name == asked["Name"]):
        message = f"No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '{asked['Name']}'."
        kind = "Microsoft.PowerShell.Cmdletization.Cim.CimJobException"
        raise CmdletError(message, kind, "CmdletizationQuery_NotFound_InstanceID", "ObjectNotFound", terminating=False)
    return ()


def test_path(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    yield "System.Boolean", {"value": bool(get_item_property(state, str(asked["Path"])))}


CMDLETS: dict[str, Callable[[ExchangeState, dict[str, Any]], Iterable[Row]]] = {
    "Test-Path": test_path,
    "New-NetFirewallRule": new_rule,
    "Remove-NetFirewallRule": remove_rule,
}
