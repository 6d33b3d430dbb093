"""Hear every call that would change something outside, where it reaches the town."""

from __future__ import annotations

import json
import smtplib
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

import lab.dns.authoritative
from lab.cloud.web import CloudWeb
from lab.exchange.state import ExchangeState

_READS = ("Get", "List", "Describe", "Test")


@contextmanager
def tapped() -> Iterator[list[str]]:
    """The names of the changing calls, in order, while the context lasts; the calls go through."""
    heard: list[str] = []
    with ExitStack() as stack:
        for owner, name, word in (
            (CloudWeb, "_answer", _microsoft),
            (BaseClient, "_make_api_call", _aws),
            (lab.dns.authoritative, "updated", lambda *_: "DNS UPDATE"),
            (ExchangeState, "set_outlook_anywhere", lambda *_: "Outlook Anywhere"),
            (smtplib.SMTP, "data", _smtp),
        ):
            stack.enter_context(patch.object(owner, name, _listening(getattr(owner, name), word, heard)))
        yield heard


def _listening(real: Any, word: Any, heard: list[str]) -> Any:
    def call(*args: Any, **more: Any) -> Any:
        said = word(*args)
        if said:
            heard.append(said)
        return real(*args, **more)

    return call


def _microsoft(_: CloudWeb, request: Any, content: bytes, _fault: str) -> str | None:
    path = request.url.path
    if path.startswith("/adminapi/"):
        body = json.loads(content) if content else {}
        inputs = [part["body"]["CmdletInput"] for part in body.get("requests", [])] or [body.get("CmdletInput")]
        cmdlet = next((given["CmdletName"] for given in inputs if given), "Get-")  # a batch is of one cmdlet
        return None if cmdlet.startswith(_READS) else str(cmdlet)
    if path.endswith("/token") or request.method in ("GET", "HEAD"):
        return None
    return f"{request.method} {path}"


def _smtp(*_: Any) -> str | None:
    """The town's own senders speak SMTP too."""
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_filename.endswith("mailmove/smtp/redeliver.py"):
            return "SMTP"
    return None


def _aws(_: BaseClient, operation: str, params: dict[str, Any]) -> str | None:
    return None if operation.startswith(_READS) or params.get("DryRun") else operation
