"""Calls and replies of the lab's HTTP services, and OData's lists: $filter, $select, pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

from lab.cloud.errors import ApiError

Thing = TypeVar("Thing")


@dataclass
class Call:
    """A request. `path` is what follows the service's prefix; header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None
    base: str = ""  # origin plus prefix, for links
    claims: dict[str, Any] = field(default_factory=dict)
    most_rows: int | None = None  # of a page, however many are asked for
    filtered: bool = False  # $filter has been applied; it stays in the link to the next page

    @property
    def segments(self) -> list[str]:
        return [unquote(part) for part in self.path.split("/") if part]

    def link(self, **options: str) -> str:
        """This call's own address with other query options."""
        return f"{self.base}{self.path}?{urlencode({**self.query, **options})}"


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[..., Reply]


@dataclass(frozen=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    handler: Handler
    permissions: tuple[str, ...]


class Routes:
    """Which handler plays which path; `{x}` stands for one segment and becomes an argument."""

    def __init__(self) -> None:
        self._routes: dict[int, list[Route]] = {}  # by the number of segments

    def add(self, method: str, path: str, handler: Handler, *permissions: str) -> None:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
        same = self._routes.setdefault(path.count("/"), [])
        same.append(Route(method, re.compile(f"^{pattern}$"), handler, permissions))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a call and its arguments. ApiError 405 or 501: the contract has it, the lab does not play it."""
        path = path.rstrip("/")
        others = False
        for route in self._routes.get(path.count("/"), ()):
            match = route.pattern.match(path)
            if match and route.method == method:
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
            others = others or match is not None
        if others:
            raise ApiError(405, "Request_BadRequest", f"{method} is not allowed here.")
        raise ApiError(501, "NotImplemented", f"The lab does not play {method} {path}.")


def page(call: Call, rows: list[dict[str, Any]], *, size: int, most: int) -> Reply:
    """One page of an OData list, after $filter and $select; `@odata.nextLink` leads to the next."""
    return page_of(call, rows, lambda row: row, size=size, most=most)


def page_of(call: Call, things: list[Thing], row: Callable[[Thing], dict[str, Any]], *, size: int, most: int) -> Reply:
    """`page` of things whose rows are made only for the page that is shown, where no $filter must see them."""
    text = call.query.get("$filter", "")
    if text and not call.filtered:
        things = [thing for thing in things if matches(row(thing), text)]
    top = int(call.query.get("$top", size))
    if not 1 <= top <= most:
        raise ApiError(400, "ErrorInvalidUrlQueryFilter", f"The query parameter $top must be between 1 and {most}.")
    top = min(top, call.most_rows or top)
    start = int(call.query.get("$skiptoken") or call.query.get("$skip") or 0)
    shown = [select(row(thing), call.query) for thing in things[start : start + top]]
    body: dict[str, Any] = {"@odata.context": f"{call.base}/$metadata#{call.path.strip('/')}", "value": shown}
    if call.query.get("$count") == "true":
        body["@odata.count"] = len(things)
    if start + top < len(things):
        rest = {name: value for name, value in call.query.items() if name != "$skip"}
        body["@odata.nextLink"] = (
            f"{call.base}{call.path}?{urlencode({**rest, '$top': str(top), '$skiptoken': str(start + top)})}"
        )
    return Reply(200, body)


def entity(call: Call, row: dict[str, Any], status: int = 200) -> Reply:
    """One entity, after $select."""
    context = {"@odata.context": f"{call.base}/$metadata#{call.path.strip('/')}/$entity"}
    return Reply(status, context | select(row, call.query))


def select(row: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    wanted = {name.strip().split("/")[0] for name in query.get("$select", "").split(",") if name.strip()}
    if not wanted:
        return row
    wanted.add(query.get("$expand", "").partition("(")[0])
    return {name: value for name, value in row.items() if name in wanted or name == "id" or name.startswith("@odata")}


_CLAUSE = re.compile(r"^(?P<name>[\w/]+)\s+(?P<op>eq|ne|gt|ge|lt|le)\s+(?P<value>.+)$")
_STARTS = re.compile(r"^startswith\(\s*(?P<name>[\w/]+)\s*,\s*'(?P<value>(?:[^']|'')*)'\s*\)$")


def matches(row: dict[str, Any], text: str) -> bool:
    """A $filter of clauses joined with `and`; ApiError 400 for anything richer."""
    for clause in re.split(r"\s+and\s+", text.strip()) if text.strip() else ():
        if starts := _STARTS.match(clause.strip()):
            value = starts["value"].replace("''", "'").lower()
            if not str(_reach(row, starts["name"]) or "").lower().startswith(value):
                return False
        elif simple := _CLAUSE.match(clause.strip()):
            if not _holds(_reach(row, simple["name"]), simple["op"], simple["value"].strip()):
                return False
        else:
            raise ApiError(400, "BadRequest", f"Invalid filter clause: {clause}")
    return True


def _reach(row: dict[str, Any], name: str) -> Any:
    value: Any = row
    for part in name.split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _holds(value: Any, op: str, literal: str) -> bool:
    wanted: Any
    if literal.startswith("'") and literal.endswith("'"):
        wanted, value = literal[1:-1].replace("''", "'").lower(), str(value or "").lower()
    elif literal in ("true", "false", "null"):
        wanted = {"true": True, "false": False, "null": None}[literal]
    elif re.match(r"^\d{4}-\d\d-\d\dT", literal):
        wanted, value = datetime.fromisoformat(literal), datetime.fromisoformat(value) if value else None
    elif literal.lstrip("-").isdigit():
        wanted = int(literal)
    else:
        raise ApiError(400, "BadRequest", f"Invalid filter clause: syntax error at '{literal}'.")
    if op in ("eq", "ne"):
        return bool(value == wanted) is (op == "eq")
    if value is None:
        return False
    compared = {"gt": value > wanted, "ge": value >= wanted, "lt": value < wanted, "le": value <= wanted}
    return bool(compared[op])
