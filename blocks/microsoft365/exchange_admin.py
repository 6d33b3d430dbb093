"""Exchange Online cmdlets over REST: the `InvokeCommand` endpoint that Microsoft's own PowerShell module uses.

The endpoint is not documented. What is known comes from reading public clients (CIPP-API New-ExoRequest.ps1, ExoHelper
Invoke-ExoCommand.ps1 and Get-ExoException.ps1); cmdlets and parameters are the documented ones.
"""

from __future__ import annotations

import functools
import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from blocks.microsoft365.answers import Json, Rejected
from blocks.microsoft365.cmdlet_errors import WHO, error_in_body, explain, is_absent
from blocks.microsoft365.credential import filled, not_readable, ps_credential
from blocks.microsoft365.fields import number, part_or, rows, several
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.identities import plain
from blocks.microsoft365.module_file import ModuleFile, module_file
from blocks.retry_budget import read_thrice
from mailmove.errors import Blocked, MailmoveError, Transient

logger = logging.getLogger(__name__)

APP_ANCHOR = "APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant}"
"""X-AnchorMailbox of every cmdlet on the organisation, delegated too (CIPP-API New-ExoRequest.ps1, 2026)."""

BATCH = 10


class ExchangeAdmin:
    """Runs cmdlets in one tenant. anchor: the X-AnchorMailbox header, which routes the call; None: `APP_ANCHOR`."""

    def __init__(self, http: JsonClient, tenant_id: str, anchor: Callable[[], str] | None = None) -> None:
        http.explain = explain
        self._http, self._tenant = http, tenant_id
        self._anchor = functools.cache(anchor or (lambda: APP_ANCHOR.format(tenant=tenant_id)))
        self._connection = str(uuid.uuid4())

    @property
    def http(self) -> JsonClient:
        return self._http

    @property
    def sleep(self) -> Callable[[float], None]:
        return self._http.sleep

    def run(self, cmdlet: str, parameters: Mapping[str, Any] | None = None, *, wanted: str) -> list[Json]:
        """Every object that the cmdlet returns, over all pages.

        A cmdlet that changes something is told not to ask for confirmation, and is sent once. Rejected (its `code`
        is the exception's class name), Refused, Throttled, Transient.
        """
        reads = cmdlet.startswith(("Get-", "Test-"))
        body = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": encode(parameters or {}, confirm=not reads)}}
        headers = self._headers(cmdlet)

        def post(url: str, _first: bool) -> Json:
            return self._http.call("POST", url, wanted=wanted, json=body, headers=headers, repeatable=reads).body

        results: list[Json] = []
        # The next page is asked for with the same body (so does Microsoft's module).
        for page in self._http.follow(f"adminapi/beta/{self._tenant}/InvokeCommand", post):
            self._complain(page, cmdlet, wanted)
            results += self._rows(page, wanted) if "value" in page or reads else []
        return results

    def _rows(self, page: Json, wanted: str) -> list[Json]:
        return [plain(row) for row in self._http.value_of(page, wanted)]

    def of_one(self, cmdlet: str, parameters: Mapping[str, Any], *, wanted: str) -> list[Json]:
        """Read one object. Rejected: there is none; that is believed the third time only."""
        absent: list[Rejected] = []

        def read() -> list[Json] | None:
            try:
                return self.run(cmdlet, parameters, wanted=wanted)
            except Rejected as error:
                if not is_absent(error):
                    raise
                absent.append(error)
                return None

        rows = read_thrice(read, self.sleep)
        if rows is None:
            raise absent[-1]
        return rows

    def read_many(
        self, cmdlet: str, parameters: Sequence[Mapping[str, Any]], *, wanted: str
    ) -> list[list[Json] | MailmoveError]:
        """One reading cmdlet, asked many times in few requests; to each its objects, or its own error.

        Ten in a request, as Microsoft's module does. What fails in passing, and what has a further page, is asked for
        once more by itself.
        """
        results: list[list[Json] | MailmoveError] = []
        for at in range(0, len(parameters), BATCH):
            results += self._batch(cmdlet, parameters[at : at + BATCH], wanted)
        return results

    def _batch(
        self, cmdlet: str, parameters: Sequence[Mapping[str, Any]], wanted: str
    ) -> list[list[Json] | MailmoveError]:
        headers = {**self._headers(cmdlet), "Content-Type": "application/json"}
        requests = [
            {
                "id": str(number),
                "method": "POST",
                "url": self._http.address(f"adminapi/beta/{self._tenant}/InvokeCommand"),
                "headers": headers,
                "body": {"CmdletInput": {"CmdletName": cmdlet, "Parameters": encode(given, confirm=False)}},
            }
            for number, given in enumerate(parameters)
        ]
        body = self._http.call(
            "POST",
            f"adminapi/beta/{self._tenant}/$batch",
            wanted=wanted,
            json={"requests": requests},
            headers=self._headers(cmdlet),
            repeatable=True,
        ).body
        answers = {str(response.get("id")): response for response in rows(body, "responses")}
        return [
            self._one_of_batch(answers.get(str(number)), cmdlet, given, wanted)
            for number, given in enumerate(parameters)
        ]

    def _one_of_batch(
        self, answer: Json | None, cmdlet: str, given: Mapping[str, Any], wanted: str
    ) -> list[Json] | MailmoveError:
        try:
            status, page = (number(answer, "status"), answer.get("body")) if answer else (0, None)
            if status == 200 and isinstance(page, dict) and "value" in page and "@odata.nextLink" not in page:
                self._complain(page, cmdlet, wanted)
                return self._rows(page, wanted)
            if status >= 400:
                text = page if isinstance(page, str) else json.dumps(page)
                error = explain(httpx.Response(status, text=text, headers=_headers_of(answer)), WHO, wanted)
                if error is not None and not isinstance(error, Transient):
                    return error
            return self.run(cmdlet, given, wanted=wanted)
        except MailmoveError as error:
            return error

    def module_file(self) -> ModuleFile | None:
        """The module for our token, read anew: its key changes now and then. None: the service does not give it out.

        Refused, Throttled, Transient.
        """
        try:
            reply = self._http.call(
                "GET",
                f"adminapi/v1.0/{self._tenant}/EXOModuleFile",
                wanted="the module for our token",
                params={"Version": "3.9.2"},
                headers={**self._headers("*"), "CommandName": "*"},
            )
        except Rejected:
            return None
        return module_file(reply.body)

    def known_cmdlets(self) -> frozenset[str] | None:
        """The cmdlets that our role may run; None: the service does not say."""
        module = self.module_file()
        return module.cmdlets if module else None

    def why_no_credential(self) -> str:
        """Why a password could not be sent; "": it can be, in the form that the module file shows."""
        module = self.module_file()
        return "the service gives out no module file" if module is None else module.unread

    def credential(self, user: str, password: SecretStr, public_key: str | None) -> Any:
        """User name and password as a parameter of a cmdlet, as Microsoft's module sends them.

        public_key: what the block names, where the module file shows too little. Blocked: neither does.
        """
        module = self.module_file()
        if module is not None and module.form is not None and module.key is not None:
            return filled(module.form, user, password, module.key)
        if public_key is not None:
            return ps_credential(user, password, public_key)
        raise not_readable(module.unread if module else "no module file")

    def _headers(self, cmdlet: str) -> dict[str, str]:
        return {
            "X-CmdletName": cmdlet,
            "X-AnchorMailbox": self._anchor(),
            "X-ResponseFormat": "json",
            "X-SerializationLevel": "Partial",
            "Prefer": "odata.maxpagesize=1000",
            "client-request-id": str(uuid.uuid4()),
            "connection-id": self._connection,
            "parameter-based-routing": "true",
            "Accept-Language": "en-US",
        }

    def _complain(self, page: Json, cmdlet: str, wanted: str) -> None:
        """A 200 can still say no, or only ask whether we are sure."""
        for warning in several(page.get("@adminapi.warnings")):
            logger.info("%s: %s", cmdlet, warning)
        for error in several(page.get("@adminapi.errors")):
            raise error_in_body(error, wanted)
        if page.get("@adminapi.confirmationmessage"):
            raise Blocked(
                WHO,
                wanted=wanted,
                seen=f"a question instead of an act: {page['@adminapi.confirmationmessage']}",
                todo=f"Report this: {cmdlet} was sent with Confirm off and asked all the same.",
            )


def _headers_of(answer: Json | None) -> dict[str, str]:
    """Header lines of one answer of a batch, as far as HTTP can spell them."""
    given = {str(name): str(value) for name, value in part_or(answer or {}, "headers").items()}
    return {name: value for name, value in given.items() if name and f"{name}{value}".isascii()}


def encode(parameters: Mapping[str, Any], *, confirm: bool) -> Json:
    """Cmdlet parameters as JSON (CIPP ConvertTo-CIPPExoHashtable.ps1): see `encoded` for single values."""
    body: Json = {}
    for name, value in parameters.items():
        body[name] = encoded(value)
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            body[f"{name}@odata.type"] = "#Collection(Exchange.GenericHashTable)"
    if confirm:
        body["Confirm"] = False
    return body


def encoded(value: Any) -> Any:
    """Times as UTC with seven decimals, spans as `d.hh:mm:ss`, tables with a type (their own if they name one)."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        return f"{seconds // 86400}.{seconds % 86400 // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    if isinstance(value, dict):
        return {"@odata.type": "#Exchange.GenericHashTable", **{key: encoded(entry) for key, entry in value.items()}}
    if isinstance(value, (list, tuple)):
        return [encoded(entry) for entry in value]
    return value
