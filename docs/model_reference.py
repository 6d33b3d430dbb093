"""Pages about data models, written from the models themselves: the ledger, and what `--json` prints."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable
from enum import Enum
from typing import Any

from pydantic import BaseModel

from deployments.cli.block.check import CheckedBlock
from deployments.cli.doctor.checks import Check
from deployments.cli.output import EXITS, FORMAT
from mailmove.changes import ChangeKind, Subject
from mailmove.dns.assessment.result import Assessment
from mailmove.evidence import Finding, PollResult, Preview
from mailmove.outlook_anywhere import Step as AnalysisStep
from mailmove.plan.required_permissions import Right
from mailmove.report.cutover_report import CutoverReport
from tasks.ledger.chain import Link
from tasks.ledger.entry import VERSION, Entry, EntryKind
from tasks.ledger.payloads import Payload, Topic
from tasks.reporting.status import CutoverStatus

_JSON: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("mailmove status, mailmove board", "cutovers", CutoverStatus),
    ("mailmove report CUSTOMER", "", CutoverReport),
    ("mailmove preflight --domain DOMAIN", "", Assessment),
    ("mailmove check-server", "", AnalysisStep),
    ("mailmove explain-permissions", "rights", Right),
    ("mailmove block add, test, rotate", "", CheckedBlock),
    ("mailmove doctor", "checks", Check),
)
"""Command -> the field that holds a list of the model; '': it is one, and its fields stand beside `version`."""


def ledger_page() -> str:
    """What stands in the ledger, class by class."""
    lines = [
        "# The ledger, entry by entry",
        "",
        "Every cutover writes down what it will do, what it did and what it saw, as versions of the artifact",
        "`ledger-<customer>`. No code reads the words (`facts`, `words`): it reads kinds, topics and payloads.",
        f"Entries are of version {VERSION}; an entry of a newer version is refused, one of an older is migrated.",
        "They are chained: [a ledger that shows tampering](../security.md#a-ledger-that-shows-tampering).",
        "",
        *_model(Entry),
        *_model(Link),
        *_enum(EntryKind),
        *_enum(Topic),
        "## Payloads, by topic",
        "",
    ]
    for payload in _members(Payload):
        lines += [f"### {payload.model_fields['topic'].default}: {payload.__name__}", "", *_body(payload)]
    lines += ["## Changes", "", *_model(_change(), level=3), *_enum(ChangeKind, level=3), "### Subjects", ""]
    for subject in _members(Subject):
        lines += [f"#### {subject.__name__}", "", *_body(subject)]
    lines += ["## Previews and polls", "", *_model(Preview, 3), *_model(Finding, 3), *_model(PollResult, 3)]
    return "\n".join(lines)


def json_page() -> str:
    """What each command prints with `--json`."""
    lines = [
        "# What `--json` prints", "",
        f"Every command prints one object with a `version`, which is {FORMAT}: a field may be added to it at any time;",
        "one that goes, or means something else, counts the version up. A list stands in a field of that object, named",
        "below.",
        "What goes wrong is `{\"version\": ..., \"error\": ...}` on stderr. Times are ISO 8601, in UTC.", "",
        "## Exit status", "", "| status | what it means |", "|---|---|",
        *(f"| {status} | {meaning} |" for status, meaning in EXITS.items()), "",
    ]  # fmt: skip
    shown: set[type[BaseModel]] = set()
    for command, rows, model in _JSON:
        lines += [f"## `{command} --json`", "", *([f"In `{rows}`, a list of:", ""] if rows else []), *_body(model)]
        for inner in _inner(model):
            if inner not in shown:
                lines += _model(inner, level=3)
                shown.add(inner)
    return "\n".join(lines)


def _change() -> type[BaseModel]:
    from mailmove.changes import Change

    return Change


def _members(union: Any) -> Iterable[type[BaseModel]]:
    return [member for member in typing.get_args(typing.get_args(union)[0]) if isinstance(member, type)]


def _inner(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Models that stand in fields of a model, at any depth, in their order."""
    models: dict[type[BaseModel], None] = {}

    def walk(hint: Any) -> None:
        if isinstance(hint, type) and issubclass(hint, BaseModel) and hint is not model and hint not in models:
            models[hint] = None
            for field in hint.model_fields.values():
                walk(field.annotation)
        for argument in typing.get_args(hint):
            walk(argument)

    for field in model.model_fields.values():
        walk(field.annotation)
    return list(models)


def _model(model: type[BaseModel], level: int = 2) -> list[str]:
    return [f"{'#' * level} {model.__name__}", "", *_body(model)]


def _body(model: type[BaseModel]) -> list[str]:
    lines = [_line(inspect.getdoc(model)), "", "| field | type | what |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        lines.append(
            f"| `{name}` | {_type(field.annotation)} | {_line(field.description).replace('|', chr(92) + '|')} |"
        )
    return [*lines, ""]


def _enum(enum: type[Enum], level: int = 2) -> list[str]:
    values = ", ".join(f"`{member.value}`" for member in enum)
    return [f"{'#' * level} {enum.__name__}", "", f"{_line(inspect.getdoc(enum))} Values: {values}.", ""]


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is type(None):
        return "null"
    if origin is typing.Literal:
        return ", ".join(f"`{getattr(value, 'value', value)}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(argument) for argument in arguments)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin is not None:
        return f"{origin.__name__} of {', '.join(_type(argument) for argument in arguments)}"
    return getattr(hint, "__name__", str(hint))


def _line(text: str | None) -> str:
    return " ".join((text or "").split())
