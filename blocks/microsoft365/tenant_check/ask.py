"""Asks a tenant every question, and keeps what it answered, without names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.tenant_check.anonymous import Anonymous
from blocks.microsoft365.tenant_check.judges import Answered
from blocks.microsoft365.tenant_check.questions import QUESTIONS, Question
from mailmove.errors import Blocked, MailmoveError

_WANTED = "an answer to look at"


@dataclass(frozen=True)
class Settled:
    """A row of docs/unverified.md, by how it begins, and what the tenant says to it."""

    row: str
    says: str
    question: str


@dataclass(frozen=True)
class Asked:
    """answer None: the question was left out, or nothing came back; `why` says so."""

    question: Question
    answer: Answered | None
    why: str = ""

    def settled(self) -> list[Settled]:
        if self.answer is None:
            return []
        says = {row: judge(self.answer) for row, judge in self.question.rows.items()}
        return [Settled(row, words, self.question.name) for row, words in says.items() if words]


def ask_all(graph: JsonClient, exchange: ExchangeAdmin, admin: JsonClient) -> list[Asked]:
    """Every question in turn; one that fails stops none of the others. admin: the client below `exchange`."""
    clean, names, asked = Anonymous(), dict[str, str](), list[Asked]()
    for question in QUESTIONS:
        missing = [name for name in ("mailbox", "domain") if f"{{{name}}}" in _spelt(question) and name not in names]
        if missing:
            asked.append(Asked(question, None, f"no {missing[0]} was shown"))
            continue
        client = graph if question.path else admin
        with _watched(client) as responses:
            why = _ask(question, names, graph, exchange)
        answer = _kept(question, responses, clean)
        asked.append(Asked(question, answer, "" if answer else why or "nothing came back"))
        names |= _names(question, responses)
    return asked


def _spelt(question: Question) -> str:
    return f"{question.path} {json.dumps(question.given)}"


def _ask(question: Question, names: dict[str, str], graph: JsonClient, exchange: ExchangeAdmin) -> str:
    """Why no answer came; errors of the service are answers, too."""
    given = {name: str(value).format(**names) if isinstance(value, str) else value
             for name, value in question.given.items()}  # fmt: skip
    acts: list[tuple[bool, Callable[[], object]]] = [
        (question.module, exchange.module_file),
        (bool(question.path), lambda: graph.get(question.path.format(**names), wanted=_WANTED)),
        (question.batch, lambda: exchange.read_many("Get-MigrationBatch", [{}, {}], wanted=_WANTED)),
        (bool(question.cmdlet), lambda: exchange.run(question.cmdlet, given, wanted=_WANTED)),
    ]
    try:
        next(act for chosen, act in acts if chosen)()
    except MailmoveError as error:
        return error.seen
    return ""


@contextmanager
def _watched(client: JsonClient) -> Iterator[list[httpx.Response]]:
    responses: list[httpx.Response] = []
    client.watch = responses.append
    try:
        yield responses
    finally:
        client.watch = None


def _kept(question: Question, responses: list[httpx.Response], clean: Anonymous) -> Answered | None:
    final = [response for response in responses if not 300 <= response.status_code < 400]
    if not final:
        return None
    # Of several pages the first; of several attempts the last.
    response = next((one for one in final if one.is_success), final[-1])
    body = clean.clean(_body(response))
    redirected = any(300 <= one.status_code < 400 for one in responses)
    return Answered(_key(question, clean, response), response.status_code, body, redirected)


def _body(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        return response.text[:2000]


def _key(question: Question, clean: Anonymous, response: httpx.Response) -> str:
    if question.path:
        path = question.path
        if "{domain}" in path:
            place = response.url.path.split("/domains/", 1)[1].split("/", 1)[0]
            path = path.replace("{domain}", str(clean.clean(place)))
        return f"GET {path}"
    if question.module or question.batch:
        return "EXOModuleFile" if question.module else "$batch"
    return " ".join([question.cmdlet, *sorted(question.given)])


def _names(question: Question, responses: list[httpx.Response]) -> dict[str, str]:
    """Names that later questions need, as they really are."""
    bodies = [_body(response) for response in responses if response.is_success]
    rows = [row for body in bodies for row in Answered("", 200, body).rows]
    mailboxes = [row["PrimarySmtpAddress"] for row in rows if row.get("PrimarySmtpAddress")]
    domains = [row["id"] for row in rows if row.get("isInitial") and row.get("id")]
    if question.name == "mailboxes" and mailboxes:
        return {"mailbox": str(mailboxes[0])}
    return {"domain": str(domains[0])} if question.name == "domains" and domains else {}


def record(asked: list[Asked], folder: Path) -> list[Path]:
    """A file for each answer. Blocked: the folder has some already."""
    if folder.exists() and any(folder.glob("*.json")):
        raise Blocked("This machine", wanted=f"a place for the answers in {folder}", seen="files of an earlier record",
                      todo="Name another folder.")  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for number, one in enumerate(asked, start=1):
        if one.answer is None:
            continue
        path = folder / f"{number:02}-{one.question.name}.json"
        answer = one.answer
        content = {"version": 1, "asked": answer.key, "status": answer.status, "redirected": answer.redirected,
                   "body": answer.body}  # fmt: skip
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written
