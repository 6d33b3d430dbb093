"""Exchange Online's admin REST: `POST /adminapi/{beta|v1.0}/{tenant}/InvokeCommand`, as public clients speak it.

Envelope, headers, paging, confirmation and error form follow ExoHelper and CIPP-API (facts/microsoft.md, section 1a).
Unverified, because no public source shows it: that migration cmdlets run here at all, and how a PSCredential travels
(`read_credential`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import serialization

from lab.cloud.cmdlets.creation_cmdlets import CreationCmdlets
from lab.cloud.cmdlets.delegate_cmdlets import DelegateCmdlets
from lab.cloud.cmdlets.dkim_cmdlets import DkimCmdlets
from lab.cloud.cmdlets.mailbox_cmdlets import MailboxCmdlets
from lab.cloud.cmdlets.migration_cmdlets import MigrationCmdlets
from lab.cloud.cmdlets.organization_cmdlets import OrganizationCmdlets
from lab.cloud.cmdlets.recipient_cmdlets import RecipientCmdlets
from lab.cloud.cmdlets.trace_cmdlets import TraceCmdlets
from lab.cloud.contract import CmdletContract
from lab.cloud.errors import INVALID_ARGUMENT, ApiError, CmdletError
from lab.cloud.hostile_answers import check_anchor, error_body, redirect, shaped
from lab.cloud.login import EXCHANGE, Login, permitted
from lab.cloud.module_file import ModuleFile
from lab.cloud.tenant import Tenant
from lab.cloud.wire import Call, Reply
from lab.faults import Faults, declare

declare(
    admin_throttled_text="the admin REST answers 'maximum number of concurrent requests' as plain text",
    admin_batch_throttled="the admin REST answers 429 to the second half of a batch",
    admin_transient_400="the admin REST answers a passing trouble (UnableToWriteToAad) as 400",
)

_ASKS = ("New-", "Add-", "Set-", "Remove-", "Start-", "Stop-", "Complete-")
"""Cmdlets that ask for confirmation, so that only `Confirm: false` carries them out."""


class ExchangeAdmin:
    def __init__(
        self,
        tenant: Tenant,
        login: Login,
        faults: Faults,
        mailboxes: MailboxCmdlets,
        migration: MigrationCmdlets,
        dkim: DkimCmdlets,
        delegates: DelegateCmdlets,
        traces: TraceCmdlets,
        recipients: RecipientCmdlets,
    ) -> None:
        self.tenant, self.login, self.faults = tenant, login, faults
        self._contract = CmdletContract()
        self._cmdlets = {
            **mailboxes.table(),
            **migration.table(),
            **dkim.table(),
            **delegates.table(),
            **traces.table(),
            **recipients.table(),
            **CreationCmdlets(tenant).table(),
            **OrganizationCmdlets(tenant, faults).table(),
        }
        self._module = ModuleFile(faults)
        self._pages: dict[str, list[dict[str, Any]]] = {}

    @property
    def public_key_pem(self) -> str:
        """With which clients encrypt a secret for this service."""
        return (
            self._module.key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def error_body(self, error: ApiError) -> dict[str, Any]:
        return error_body(self.faults, error)

    def serve(self, call: Call, *, at_front: bool = True, region: str = "") -> Reply:
        """at_front: it came to the listener that everybody knows. region: origin of the tenant's own."""
        if moved := redirect(self.faults, call, at_front=at_front, region=region):
            return moved
        claims = self.login.admit(call.headers.get("authorization", ""), EXCHANGE)
        permitted(claims, "Exchange.ManageAsApp", "Exchange.Manage")
        tenant, *rest = call.segments or [""]
        if tenant.lower() not in (self.tenant.id, self.tenant.initial_domain) or claims["tid"] != self.tenant.id:
            raise ApiError(403, "Forbidden", "The token is not for this tenant.")
        if rest == ["EXOModuleFile"] and call.method == "GET":
            return Reply(200, self._module.answer(sorted(self._cmdlets)))
        if rest == ["$batch"] and call.method == "POST":
            return self._batch(call)
        if rest != ["InvokeCommand"]:
            raise ApiError(404, "NotFound", f"Resource not found for the segment '{'/'.join(rest)}'.")
        if call.method != "POST":
            raise ApiError(405, "MethodNotAllowed", "InvokeCommand is called by POST.")
        return self._invoke(call)

    def _batch(self, call: Call) -> Reply:
        """At most ten requests, each answered as by itself; read in CIPP-API's New-ExoBulkRequest.ps1."""
        requests = (call.body or {}).get("requests")
        if not isinstance(requests, list) or not 0 < len(requests) <= 10:
            raise ApiError(400, "BadRequest", "A batch holds 1 to 10 requests.")
        if self.faults.take("admin.batch_throttled"):
            part = len(requests) // 2
            answers = [self._one_of_batch(call, request) for request in requests[:part]]
            answers += [{"id": request["id"], "status": 429, "headers": {"Retry-After": "1"},
                         "body": {"error": {"code": "429", "message": "Too many requests"}}}
                        for request in requests[part:]]  # fmt: skip
        else:
            answers = [self._one_of_batch(call, request) for request in requests]
        return Reply(200, {"responses": answers[::-1]})  # in no order that one could count on

    def _one_of_batch(self, call: Call, request: dict[str, Any]) -> dict[str, Any]:
        if not str(request.get("url", "")).endswith("/InvokeCommand") or request.get("method") != "POST":
            return {
                "id": request.get("id"),
                "status": 405,
                "headers": {},
                "body": {"error": {"message": "InvokeCommand"}},
            }
        headers = {name.lower(): str(value) for name, value in (request.get("headers") or {}).items()}
        inner = Call("POST", call.path.replace("$batch", "InvokeCommand"), {}, headers, request.get("body"), call.base)
        try:
            reply = self._invoke(inner)
        except ApiError as error:
            body = self.error_body(error)  # which may change its headers
            reply = Reply(error.status, body, error.headers)
        return {"id": request.get("id"), "status": reply.status, "headers": reply.headers, "body": reply.body}

    def _invoke(self, call: Call) -> Reply:
        if self.faults.take("admin.throttled_text"):
            text = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again"
            reset = datetime.now(UTC) + timedelta(seconds=1)  # RFC 3339, as go-exoscc reads it (adminapi/invoke.go)
            return Reply(429, text, {"Rate-Limit-Remaining": "0", "Rate-Limit-Reset": f"{reset:%Y-%m-%dT%H:%M:%S.%fZ}"})
        if self.faults.take("admin.transient_400"):
            raise CmdletError(
                "An Azure Active Directory call was made to keep object in sync. However, it failed. Please retry.",
                kind="Microsoft.Exchange.Configuration.DualWrite.UnableToWriteToAadException", category=0,
            )  # fmt: skip
        self.tenant.provision()
        name, parameters = self._envelope(call)
        if call.headers.get("x-cmdletname", "").lower() != name.lower():
            raise ApiError(400, "BadRequest", "The header X-CmdletName does not name the cmdlet.")
        if ":" not in call.headers.get("x-anchormailbox", ""):
            raise ApiError(400, "BadRequest", "The header X-AnchorMailbox is missing or malformed.")
        check_anchor(self.faults, call.headers["x-anchormailbox"], (self.tenant.id, self.tenant.initial_domain))
        try:
            cmdlet, given = self._contract.check(name, parameters)
        except CmdletError as error:
            self.tenant.made_up.append(f"{name}: {error.message}")
            raise
        if cmdlet not in self._cmdlets:
            raise ApiError(501, "NotImplemented", f"The lab does not play {cmdlet}.")
        if cmdlet.startswith(_ASKS) and given.get("Confirm") is not False:
            return Reply(200, self._body(call, []) | {"@adminapi.confirmationmessage": "Are you sure?"})
        token = call.query.get("$skiptoken")
        if token:
            # Pages belong to one call: the same body is posted again to the link.
            rows = self._pages.pop(token.partition("-")[2], None)
            if rows is None:
                raise ApiError(400, "BadRequest", "The skip token is unknown or was used before.")
        else:
            if "Credentials" in given:
                given["Credentials"] = self.read_credential(given["Credentials"])
            rows = self._limited(self._cmdlets[cmdlet](given), given)
            self.tenant.note("GET" if cmdlet.startswith(("Get-", "Test-")) else "POST", cmdlet, 200)
        return self._page(call, rows)

    def _envelope(self, call: Call) -> tuple[str, dict[str, Any]]:
        content = call.body.get("CmdletInput") if isinstance(call.body, dict) else None
        if not isinstance(content, dict) or not isinstance(content.get("CmdletName"), str):
            raise ApiError(400, "BadRequest", "The request has no CmdletInput with a CmdletName.")
        parameters = content.get("Parameters") or {}
        if set(content) - {"CmdletName", "Parameters"} or not isinstance(parameters, dict):
            raise ApiError(400, "BadRequest", "CmdletInput holds CmdletName and Parameters only.")
        # A null parameter is bound to nothing, as in PowerShell: Get-MigrationBatch then returns every batch.
        return content["CmdletName"], {name: value for name, value in parameters.items() if value is not None}

    def _limited(self, rows: list[dict[str, Any]], given: dict[str, Any]) -> list[dict[str, Any]]:
        size = str(given.get("ResultSize", "1000"))
        if size.lower() == "unlimited":
            return rows
        if not size.isdigit():
            raise CmdletError(
                f'Cannot convert value "{size}" to type "Unlimited".',
                kind="System.Management.Automation.ParameterBindingException", category=INVALID_ARGUMENT,
            )  # fmt: skip
        return rows[: int(size)]

    def _page(self, call: Call, rows: list[dict[str, Any]]) -> Reply:
        size = 1000
        for word in call.headers.get("prefer", "").split(";"):
            if word.strip().startswith("odata.maxpagesize="):
                size = max(1, min(1000, int(word.partition("=")[2])))
        size = min(size, call.most_rows or size)
        body = self._body(call, shaped(self.faults, rows[:size]))
        if rows[size:]:
            token = uuid4().hex
            self._pages[token] = rows[size:]
            body["@odata.nextLink"] = call.link(**{"$skiptoken": f"p-{token}"})
        return Reply(200, body, {"request-id": str(uuid4())})

    def _body(self, call: Call, rows: list[dict[str, Any]]) -> dict[str, Any]:
        wanted = {name.strip().lower() for name in call.query.get("$select", "").split(",") if name.strip()}
        if wanted:
            rows = [{name: value for name, value in row.items() if name.lower() in wanted} for row in rows]
        return {
            "@odata.context": f"{call.base}/$metadata#Collection(Exchange.Admin.CmdletOutput)",
            "value": rows,
            "@adminapi.warnings": [],
            "@adminapi.errors": [],
        }

    def read_credential(self, shape: dict[str, Any]) -> tuple[str, str]:
        """(user, password) from a PSCredential on the wire. CmdletError: not in the form of the module file."""
        try:
            return self._module.read(shape)
        except (KeyError, ValueError) as error:
            raise CmdletError(
                f"Cannot process argument transformation on parameter 'Credentials': {error}.",
                kind="System.Management.Automation.ParameterBindingArgumentTransformationException",
                category=INVALID_ARGUMENT,
            ) from None
