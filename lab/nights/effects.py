"""Counts every change that a town's servers have made for somebody, where it is made."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import lab.dns.authoritative
from lab.cloud.web import CloudWeb
from lab.dns.route53 import AwsServer
from lab.dns.update import updated
from lab.exchange.state import ExchangeState

_READS = ("Get", "List", "Describe", "Test")
ASKED = re.compile(r"SyncNow|/verify$|\$batch|getByIds|/search|token")
"""Calls that ask for something and change no setting; they may be repeated."""


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Name of an effect -> how often it was made, while the context lasts."""
    heard: Counter[str] = Counter()
    real_cloud, real_aws = CloudWeb._answer, AwsServer._serve
    real_outlook = ExchangeState.set_outlook_anywhere

    def cloud(self: CloudWeb, request: Any, content: bytes, fault: str) -> Any:
        answer = real_cloud(self, request, content, fault)
        name = _microsoft(request.method, request.url.path, content)
        if name and answer.status_code < 300 and not ASKED.search(name):
            heard[name] += 1
        return answer

    def aws(self: AwsServer, environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        action = re.search(rb"Action=(\w+)", body)
        name = action[1].decode() if action else ""
        if environ["REQUEST_METHOD"] == "POST" and str(environ.get("PATH_INFO", "")).rstrip("/").endswith("/rrset"):
            values = re.findall(rb"<(?:Name|Type)>([^<]+)<", body)
            name = f"change set {b' '.join(values).decode()}"

        def started(status: str, *more: Any) -> Any:
            if name and not name.startswith(_READS) and b"DryRun=true" not in body and status.startswith("2"):
                heard[name] += 1
            return start_response(status, *more)

        return real_aws(self, environ, started)

    def update(zone: Any, origin: str, message: Any) -> Any:
        new = updated(zone, origin, message)
        if new != zone:
            changed = sorted(" ".join(key) for key in zone.keys() | new.keys() if zone.get(key) != new.get(key))
            heard[f"change set {', '.join(changed)}"] += 1
        return new

    def outlook(self: ExchangeState, settings: Any) -> None:
        heard["Outlook Anywhere"] += 1
        real_outlook(self, settings)

    with ExitStack() as stack:
        stack.enter_context(patch.object(CloudWeb, "_answer", cloud))
        stack.enter_context(patch.object(AwsServer, "_serve", aws))
        stack.enter_context(patch.object(lab.dns.authoritative, "updated", update))
        stack.enter_context(patch.object(ExchangeState, "set_outlook_anywhere", outlook))
        yield heard


def _microsoft(method: str, path: str, content: bytes) -> str | None:
    if path.startswith("/adminapi/"):
        asked: dict[str, Any] = json.loads(content)["CmdletInput"] if content else {"CmdletName": "Get-"}
        name = str(asked["CmdletName"])
        switches = [key for key in ("SyncNow",) if asked.get("Parameters", {}).get(key)]
        return None if name.startswith(_READS) else " ".join([name, *switches, _about(asked)])
    if method in ("GET", "HEAD"):
        return None
    return re.sub(r"/v1\.0", "", f"{method} {re.sub(r'[0-9a-f]{8}-[0-9a-f-]{27,}', 'ID', path)}")


def _about(asked: dict[str, Any]) -> str:
    """Whom it was done to, and what was set."""
    given = dict(asked.get("Parameters", {}))
    whom = str(given.pop("Identity", None) or given.get("Name") or given.get("DomainName") or "")
    return f"{whom} {' '.join(sorted(set(given) & {'Type', 'EmailAddresses', 'Enabled'}))}".strip()
