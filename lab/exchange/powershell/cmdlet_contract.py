"""Checks whether a version of Exchange knows a cmdlet and its parameters; refuses in PowerShell's own words.

The contract is Microsoft's published syntax (`lab/contracts/exchange-onprem-cmdlets.json`, which names its source).
Checked as the parameter binder does: cmdlet, names, a parameter set that holds them all, what is mandatory, values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

COMMON = frozenset(
    "Debug ErrorAction ErrorVariable InformationAction InformationVariable OutBuffer OutVariable PipelineVariable "
    "Verbose WarningAction WarningVariable".lower().split()
)
_SERVER_TIME = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%Y")


@dataclass(eq=False)  # exceptions must stay hashable
class CmdletError(Exception):
    """An error that PowerShell would write into its error stream."""

    message: str
    kind: str  # .NET class: "System.Management.Automation.CommandNotFoundException"
    error_id: str  # FullyQualifiedErrorId
    category: str = "InvalidArgument"  # a name of psrpcore's ErrorCategory
    terminating: bool = field(default=True)

    def __post_init__(self) -> None:
        super().__init__(self.message)


def not_found(cmdlet: str) -> CmdletError:
    return CmdletError(
        f"The term '{cmdlet}' is not recognized as the name of a cmdlet, function, script file, or operable program. "
        "Check the spelling of the name, or if a path was included, verify that the path is correct and try again.",
        "System.Management.Automation.CommandNotFoundException",
        "CommandNotFoundException",
        "ObjectNotFound",
    )


def _binding(cmdlet: str, error_id: str, message: str) -> CmdletError:
    kind = "System.Management.Automation.ParameterBindingException"
    return CmdletError(message, kind, f"{error_id},{cmdlet}")


@cache
def _contract() -> dict[str, Any]:
    text = files("lab").joinpath("contracts", "exchange-onprem-cmdlets.json").read_text("utf-8")
    contract: dict[str, Any] = json.loads(text)
    _add(contract, "exchange-certificate-cmdlets.json")
    _add(contract, "windows-firewall-cmdlets.json")
    _add(contract, "exchange-transport-cmdlets.json")
    return contract


def _add(contract: dict[str, Any], name: str) -> None:
    """Take in the cmdlets of one more file, with what each version lacks of them."""
    more = json.loads(files("lab").joinpath("contracts", name).read_text("utf-8"))
    contract["cmdlets"].update(more["cmdlets"])
    for version, without in more["without"].items():
        for key, differs in contract["versions"].items():
            if f"{key}.".startswith(f"{version}."):
                differs["without"].update(without)
    for version, absent in more.get("absent", {}).items():
        for key, differs in contract["versions"].items():
            if f"{key}.".startswith(f"{version}."):
                differs["absent"] = [*differs["absent"], *absent]


def _of_version(table: Mapping[str, Any], version: str) -> Any:
    """The entry of the longest key that begins the version: "15.0" before "15"."""
    keys = [key for key in table if f"{version}.".startswith(f"{key}.")]
    return table[max(keys, key=len)]


def bind(version: str, cmdlet: str, given: Mapping[str | None, Any]) -> tuple[str, dict[str, Any]]:
    """(cmdlet, parameters) as the contract spells them, values converted. CmdletError: what the binder says.

    `given` maps names in any case (None: the one positional argument) to values; None or True sets a switch.
    """
    contract = _contract()
    name = named(version, cmdlet)
    differs = _of_version(contract["versions"], version)
    missing_here = set(differs["without"].get(name, ()))
    sets = {
        label: {p: spec for p, spec in members.items() if p not in missing_here}
        for label, members in contract["cmdlets"][name]["sets"].items()
    }
    bound = _names(name, sets, given)
    chosen = [members for members in sets.values() if bound.keys() <= members.keys()]
    if not chosen:
        raise _binding(
            name,
            "AmbiguousParameterSet",
            "Parameter set cannot be resolved using the specified named parameters.",
        )
    complete = [m for m in chosen if all(p in bound for p, spec in m.items() if spec["required"])]
    if not complete:
        lacking = min(([p for p, spec in m.items() if spec["required"] and p not in bound] for m in chosen), key=len)
        raise _binding(
            name,
            "MissingMandatoryParameter",
            f"Cannot process command because of one or more missing mandatory parameters: {' '.join(lacking)}.",
        )
    members = complete[0]
    return name, {p: _value(version, name, p, members[p]["type"], value) for p, value in bound.items()}


def named(version: str, cmdlet: str) -> str:
    """The cmdlet as the contract spells it. CmdletError: this version has none such."""
    spelling: dict[str, str] = {name.lower(): name for name in _contract()["cmdlets"]}
    name = spelling.get(cmdlet.lower(), "")
    if not name or name in _of_version(_contract()["versions"], version)["absent"]:
        raise not_found(cmdlet)
    return name


def takes_from_pipeline(cmdlet: str) -> tuple[str, str] | None:
    """(parameter, property of the object that is bound to it); None: the cmdlet takes nothing from the pipeline."""
    known = {name.lower(): contract for name, contract in _contract()["cmdlets"].items()}
    taken = known.get(cmdlet.lower(), {}).get("pipeline")
    return (taken[0], taken[1]) if taken else None


def _names(name: str, sets: dict[str, dict[str, Any]], given: Mapping[str | None, Any]) -> dict[str, Any]:
    known = {p.lower(): p for members in sets.values() for p in members}
    bound = {}
    for asked, value in given.items():
        if asked is None:
            if "identity" not in known:
                message = f"A positional parameter cannot be found that accepts argument '{value}'."
                raise _binding(name, "PositionalParameterNotFound", message)
            bound["Identity"] = value
        elif asked.lower() in known:
            bound[known[asked.lower()]] = value
        elif asked.lower() not in COMMON:
            message = f"A parameter cannot be found that matches parameter name '{asked}'."
            raise _binding(name, "NamedParameterNotFound", message)
    return bound


def _value(version: str, cmdlet: str, parameter: str, kind: str, value: Any) -> Any:
    def wrong(to: str, why: str = "") -> CmdletError:
        message = f"Cannot process argument transformation on parameter '{parameter}'. "
        message += why or f'Cannot convert value "{value}" to type "{to}".'
        return _binding(cmdlet, "ParameterArgumentTransformationError", message)

    if kind == "switch":
        value = True if value is None else value
    if kind in ("switch", "Boolean"):
        if not isinstance(value, bool):
            raise wrong("System.Boolean")
        return value
    if kind == "AuthenticationMethod" or parameter == "IISAuthenticationMethods":
        known = {m.lower(): m for m in _of_version(_contract()["values"]["AuthenticationMethod"], version)}
        asked = [v.strip() for item in _many(value) for v in str(item).split(",")]
        if any(item.lower() not in known for item in asked):
            raise wrong("Microsoft.Exchange.Data.Directory.SystemConfiguration.AuthenticationMethod")
        named = [known[item.lower()] for item in asked]
        return named if parameter == "IISAuthenticationMethods" else named[0]
    if kind == "DateTime":
        moment = _moment(value)
        if moment is None:
            raise wrong("System.DateTime")
        return moment
    if kind == "Hostname" and cmdlet.startswith("Set-") and value in (None, ""):
        return ""  # $null takes the name away; that an empty string does so, too, is not documented
    if kind == "Hostname" and not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", str(value)):
        raise wrong("Microsoft.Exchange.Data.Hostname", f'Error: "{value}" isn\'t a valid host name.')
    if kind == "Unlimited" and not re.fullmatch(r"\d+|unlimited", str(value), re.IGNORECASE):
        raise wrong("Microsoft.Exchange.Data.Unlimited")
    return [str(v) for v in value] if kind.endswith("[]") and not isinstance(value, str) else value


def _many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _moment(value: Any) -> datetime | None:
    """A DateTime as the server reads it: its clock is set to UTC and its culture to en-US."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    for style in _SERVER_TIME:
        try:
            return datetime.strptime(str(value), style).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
