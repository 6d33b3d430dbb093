"""What an answer of the admin endpoint or of Graph shows about its own form. Values are not looked at, only shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from blocks.microsoft365.cmdlet_errors import said
from blocks.microsoft365.module_file import module_file

_JSON_DATE, _US_DATE = re.compile(r"/Date\(-?\d+([+-]\d{4})?\)/"), re.compile(r"\d{1,2}/\d{1,2}/\d{4}\b.*")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\dT.*")


@dataclass(frozen=True)
class Answered:
    """One answer as it is kept. key: what was asked, without values. redirected: by way of a regional host."""

    key: str
    status: int
    body: Any
    redirected: bool = False

    @property
    def rows(self) -> list[dict[str, Any]]:
        value = self.body.get("value") if isinstance(self.body, dict) else None
        return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


Judge = Callable[[Answered], str]
"""What the answer says; "": nothing of what was asked."""


def works(answer: Answered) -> str:
    if answer.status < 300:
        return "yes"
    kind = error_form(answer)
    return f"no: {answer.status}" + (f", {kind}" if kind else "")


def error_form(answer: Answered) -> str:
    """Status, the form of the error, and its class."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    if answer.status < 400 or not isinstance(error, dict):
        return ""
    details = [detail for detail in error.get("details") or [] if isinstance(detail, dict)]
    text = next((str(detail["message"]) for detail in details if detail.get("message")), "")
    if not text:
        return f"{answer.status}, no details, code {error.get('code')}"
    form = "JSON text" if text.lstrip().startswith("{") else "id|class|words" if text.count("|") >= 2 else "words alone"
    return f"{answer.status}, {form}, class {said(text).kind or 'not named'}"


def shape_of(*names: str) -> Judge:
    """How these members are shown, in all rows together."""

    def judge(answer: Answered) -> str:
        rows = answer.rows
        shapes = {name: sorted({_shape(row[name]) for row in rows if row.get(name) is not None}) for name in names}
        return "; ".join(f"{name}: {' or '.join(shown)}" for name, shown in shapes.items() if shown)

    return judge


def dates(answer: Answered) -> str:
    forms = sorted({form for text in _texts(answer.body) if (form := date_form(text))})
    return " and ".join(forms)


def date_form(text: str) -> str:
    """ "": no date at all."""
    for form, pattern in (("/Date(ms)/", _JSON_DATE), ("US text", _US_DATE), ("ISO", _ISO_DATE)):
        if pattern.fullmatch(text):
            return form
    return ""


def host(answer: Answered) -> str:
    return "a redirect to a regional host, which was followed" if answer.redirected else "the front door answers itself"


def cmdlets(answer: Answered) -> str:
    if answer.status >= 300 or not isinstance(answer.body, dict):
        return ""
    known = module_file(answer.body).cmdlets
    return f"yes: {len(known)} cmdlets" if known else "no: it names none"


def credential(answer: Answered) -> str:
    if answer.status >= 300 or not isinstance(answer.body, dict):
        return ""
    module = module_file(answer.body)
    if module.form is None:
        return f"not read: {module.unread}"
    return "read: an object with " + ", ".join(name for name, _ in module.form.members)


def key(answer: Answered) -> str:
    if answer.status >= 300 or not isinstance(answer.body, dict):
        return ""
    found = module_file(answer.body).key
    return f"read: RSA of {found.key_size} bits" if found else "not read"


def batch(answer: Answered) -> str:
    responses = answer.body.get("responses") if isinstance(answer.body, dict) else None
    if not isinstance(responses, list):
        return works(answer)
    inner = sorted({str(row.get("status")) for row in responses if isinstance(row, dict)})
    return f"yes: {len(responses)} answers, {', '.join(inner)}"


def labels(answer: Answered) -> str:
    """Is the label of a domain's record a whole name?"""
    names = [row["label"] for row in answer.rows if isinstance(row.get("label"), str)]
    return f"{sum('.' in name for name in names)} of {len(names)} are whole names" if names else ""


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return f"object ({', '.join(sorted(value))})"
    if isinstance(value, list):
        return f"list of {' and '.join(sorted({_shape(entry) for entry in value})) or 'nothing'}"
    return {bool: "yes or no", str: "text", int: "number", float: "number"}.get(type(value), type(value).__name__)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inner)
