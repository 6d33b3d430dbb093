"""Holds every call against Microsoft's published contracts (`lab/contracts/*.json`).

What Graph v1.0 or Exchange Online does not have is a 400, as in life: an unknown path segment, property, query option,
enum value or action; an unknown cmdlet, parameter, enum value, or no parameter set that fits.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

from lab.cloud.errors import INVALID_ARGUMENT, OBJECT_NOT_FOUND, ApiError, CmdletError

_HERE = Path(__file__).parent.parent / "contracts"
_OPTIONS = {
    "$select",
    "$filter",
    "$top",
    "$skip",
    "$orderby",
    "$expand",
    "$count",
    "$search",
    "$skiptoken",
    "$deltatoken",
}
_PRIMITIVE = {
    "Edm.String": str,
    "Edm.Boolean": bool,
    "Edm.Int32": int,
    "Edm.Guid": str,
    "Edm.Duration": str,
    "Edm.DateTimeOffset": str,
}


def _load(name: str) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads((_HERE / name).read_text()))


def _bad(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


class GraphContract:
    """Graph v1.0's CSDL, as far as the extract goes."""

    def __init__(self) -> None:
        whole = _load("graph-v1.0-extract.json")
        self.roots, self.types, self.enums = whole["roots"], whole["types"], whole["enums"]
        self._bound = {"POST": whole["actions"], "GET": whole["functions"]}

    def check(self, method: str, segments: list[str], query: dict[str, str], body: Any) -> None:
        """ApiError 400: Graph has no such thing. A body of text is MIME, which a new message may be."""
        kind, called = self._walk(method, segments)
        if isinstance(body, str) and not (method == "POST" and kind == "Collection(message)"):
            raise ApiError(415, "UnsupportedMediaType", "JSON content expected.")
        self._check_query(kind.removeprefix("Collection(").rstrip(")"), query)
        if called is not None:
            self._check_members(called, body or {}, f"parameter of {segments[-1]}")
        elif method in ("POST", "PATCH", "PUT") and not isinstance(body, str):
            if not isinstance(body, dict):
                raise _bad("Empty Payload. JSON content expected.")
            self._check_value(kind.removeprefix("Collection(").rstrip(")"), body)

    def _walk(self, method: str, segments: list[str]) -> tuple[str, dict[str, str] | None]:
        """The type that the path ends at, and the parameters of an action or function there."""
        kind = self.roots.get(segments[0]) if segments else None
        if kind is None:
            raise _bad(f"Resource not found for the segment '{segments[0] if segments else ''}'.")
        for index, segment in enumerate(segments[1:], start=1):
            name = segment.removesuffix("()")
            bound = self._bound.get(method, {}).get(kind, {})
            if index == len(segments) - 1 and name in bound:
                return kind, bound[name]
            if segment.startswith("microsoft.graph.") and kind == "Collection(directoryObject)":  # a type cast
                kind = f"Collection({segment.removeprefix('microsoft.graph.')})"
                continue
            if kind.startswith("Collection("):
                kind = kind[len("Collection(") : -1]
                continue
            if segment == "$value" and kind == "message" and method == "GET":  # outlook-get-mime-message
                continue
            members = self.types.get(kind)
            if members is None:
                raise ApiError(501, "NotImplemented", f"The lab does not know the members of {kind}.")
            member = members["navigation"].get(segment) or members["properties"].get(segment)
            if member is None:
                raise _bad(f"Resource not found for the segment '{segment}'.")
            kind = member
        return kind, None

    def _check_query(self, kind: str, query: dict[str, str]) -> None:
        for option, value in query.items():
            if option.startswith("$") and option not in _OPTIONS:
                raise _bad(f"The query parameter '{option}' is not supported.")
            if option in ("$top", "$skip") and not value.isdigit():
                raise _bad(f"Invalid value '{value}' for {option} query option found.")
        names = [name.strip() for name in query.get("$select", "").split(",") if name.strip()]
        names += [part.split()[0] for part in query.get("$orderby", "").split(",") if part.split()]
        names += filtered_names(query.get("$filter", ""))
        members = self.types.get(kind)
        for name in names if members else ():
            first = name.split("/")[0]
            if first not in members["properties"] and first not in members["navigation"]:
                raise _bad(f"Could not find a property named '{name}' on type 'microsoft.graph.{kind}'.")

    def _check_value(self, kind: str, value: Any) -> None:
        """Raise unless `value` may stand where the contract has `kind`."""
        if kind.startswith("Collection("):
            if not isinstance(value, list):
                raise _bad(f"A collection was expected for type '{kind}'.")
            for element in value:
                self._check_value(kind[len("Collection(") : -1], element)
        elif kind in self.enums:
            if value not in self.enums[kind]:
                raise _bad(f"Cannot convert the literal '{value}' to the expected type 'microsoft.graph.{kind}'.")
        elif kind in self.types and value is not None:
            members = self.types[kind]
            self._check_members({**members["properties"], **members["navigation"]}, value, f"property of {kind}")
        elif kind in _PRIMITIVE and value is not None:
            wanted = _PRIMITIVE[kind]
            if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
                raise _bad(f"Cannot convert a value to target type '{kind}'.")

    def _check_members(self, known: dict[str, str], body: Any, what: str) -> None:
        if not isinstance(body, dict):
            raise _bad("A JSON object was expected.")
        for name, value in body.items():
            if "@odata." in name:
                continue
            if name not in known:
                raise _bad(f"Invalid property '{name}': it is not a {what}.")
            self._check_value(known[name], value)


def filtered_names(text: str) -> list[str]:
    """Property names that a $filter mentions; of a lambda (`xs/any(x: x/id eq ..)`) the collection's name."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", text)
    bare = re.sub(r"(\w+)/any\([^()]*\)", r"\1 eq ''", bare, flags=re.IGNORECASE)
    called = re.findall(r"\b(?:startswith|endswith|contains)\(\s*([\w/]+)", bare)
    return called + re.findall(r"([A-Za-z][\w/]*)\s+(?:eq|ne|gt|ge|lt|le|in)\b", bare)


class CmdletContract:
    """Exchange Online's cmdlets: parameter sets, types and enum values."""

    def __init__(self) -> None:
        whole = _load("exchange-online-cmdlets.json")
        self.cmdlets, self.enums = whole["cmdlets"], whole["enums"]

    def check(self, name: str, parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The cmdlet's own spelling and its parameters in theirs; CmdletError: it could not be called so."""
        cmdlet = next((known for known in self.cmdlets if known.lower() == name.lower()), None)
        if cmdlet is None:
            raise CmdletError(
                f"The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable "
                "program.",
                kind="System.Management.Automation.CommandNotFoundException",
                category=OBJECT_NOT_FOUND,
            )
        types = {p.lower(): (p, t) for parameter_set in self.cmdlets[cmdlet].values() for p, t in parameter_set.items()}
        given: dict[str, Any] = {}
        for spelt, value in parameters.items():
            if "@odata." in spelt:
                continue
            if spelt.lower() not in types:
                raise _binding(f"A parameter cannot be found that matches parameter name '{spelt}'.", "NamedParameter")
            parameter, kind = types[spelt.lower()]
            given[parameter] = self._value(parameter, kind.rstrip("*"), value)
        self._fit(cmdlet, given)
        return cmdlet, given

    def _fit(self, cmdlet: str, given: dict[str, Any]) -> None:
        """Raise unless some parameter set takes all that was given and misses nothing."""
        names = {name.lower() for name in given}
        missing: set[str] = set()
        taking = [
            parameter_set
            for parameter_set in self.cmdlets[cmdlet].values()
            if names <= {name.lower() for name in parameter_set}
        ]
        for parameter_set in taking:
            lacks = {name for name, kind in parameter_set.items() if kind.endswith("*") and name.lower() not in names}
            if not lacks:
                return
            missing = lacks if not missing else min(missing, lacks, key=len)
        if taking:
            raise _binding(
                "Cannot process command because of one or more missing mandatory parameters: "
                f"{' '.join(sorted(missing))}.",
                "MissingMandatoryParameter",
            )
        raise _binding(
            "Parameter set cannot be resolved using the specified named parameters.", "AmbiguousParameterSet"
        )

    def _value(self, parameter: str, kind: str, value: Any) -> Any:
        if kind.endswith("[]"):
            kind = kind.removesuffix("[]")
            return [
                self._value(parameter, kind, element) for element in (value if isinstance(value, list) else [value])
            ]
        allowed = self.enums.get(kind)
        if allowed is not None:
            spelt = next((choice for choice in allowed if choice.lower() == str(value).lower()), None)
            if spelt is None:
                raise _transform(parameter, value, kind, f" Possible values: {', '.join(allowed)}.")
            return spelt
        if kind in ("switch", "Boolean", "System.Boolean") and not isinstance(value, bool):
            raise _transform(parameter, value, kind)
        if kind == "PSCredential" and not isinstance(value, dict):
            raise _transform(parameter, "System.String", kind)
        if kind == "SmtpAddress" and "@" not in str(value):
            raise _transform(parameter, value, kind)
        if isinstance(value, str) and not value and kind.endswith("IdParameter"):
            raise _transform(parameter, value, kind)
        return value


def _binding(message: str, error_id: str) -> CmdletError:
    return CmdletError(
        message,
        kind="System.Management.Automation.ParameterBindingException",
        category=INVALID_ARGUMENT,
        error_id=error_id,
    )


def _transform(parameter: str, value: object, kind: str, more: str = "") -> CmdletError:
    return CmdletError(
        f"Cannot process argument transformation on parameter '{parameter}'. Cannot convert value \"{value}\" to type "
        f'"{kind}".{more}',
        kind="System.Management.Automation.ParameterBindingArgumentTransformationException",
        category=INVALID_ARGUMENT,
        error_id="ParameterArgumentTransformationError",
    )
