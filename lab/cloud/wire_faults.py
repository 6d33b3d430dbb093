"""What goes wrong between a client and any of Microsoft's services: one request, one fault, chosen by its number.

`faults.set("wire.reset_after", times=1, after=2)` strikes the third request, whatever service it is for. What each
fault looks like follows facts/microsoft.md: plain text among JSON, a 400 that passes, a 401 with and without claims.
"""

from __future__ import annotations

from typing import Any

from lab.cloud.errors import ApiError, CmdletError
from lab.cloud.login import Login
from lab.cloud.wire import Call, Reply
from lab.faults import Faults, declare

declare(
    wire_throttled="429 with Retry-After; nothing is done",
    wire_throttled_text="429 in plain text that names no time; nothing is done",
    wire_unavailable="503 without a word; nothing is done",
    wire_busy="503 with Retry-After; nothing is done",
    wire_broken="500 in plain text; nothing is done",
    wire_transient_400="a 400 that passes (UnableToWriteToAad); nothing is done",
    wire_claims="the token is revoked: 401 with a claims challenge",
    wire_expired="the token's time is over: 401 without claims",
    wire_no_rights="403: the tenant gave no right to this",
    wire_unseen="a look finds nothing, as at a replica that lags behind (201, then 404)",
    wire_truncated="it is done, and the JSON ends in the middle",
    wire_lost_answer="it is done, and a gateway answers 504 in HTML",
    wire_reset_before="the connection is reset; nothing is done",
    wire_reset_after="it is done, and the connection is reset before the answer",
    wire_reset_within="it is done, and the connection is reset in the middle of the answer",
    wire_small_pages="every page holds one row",
    wire_endless_pages="the link to the next page leads to the same one",
)
BEFORE = ("throttled", "throttled_text", "unavailable", "busy", "broken", "transient_400", "claims", "expired",
          "no_rights", "reset_before")  # fmt: skip
AFTER = ("truncated", "lost_answer", "reset_after", "reset_within", "unseen", "endless_pages")
_WAIT = {"Retry-After": "1"}
_BUSY = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again"


def strike(faults: Faults) -> str:
    """The fault that strikes this request; "": none. Every request is one occasion of every fault."""
    struck = [name for name in (*BEFORE, *AFTER) if faults.take(f"wire.{name}")]
    return struck[0] if struck else ""


def before(fault: str, call: Call, login: Login) -> Reply | None:
    """The reply of a fault that strikes before the call is carried out; None: no such fault.

    ApiError: in the service's own form.
    """
    if fault == "throttled":
        raise ApiError(429, "TooManyRequests", "Please retry again later.", headers=_WAIT)
    if fault == "throttled_text":
        return Reply(429, _BUSY)
    if fault == "unavailable":
        raise ApiError(503, "serviceNotAvailable", "The service is temporarily unavailable.")
    if fault == "busy":
        raise ApiError(503, "serviceNotAvailable", "The service is temporarily unavailable.", headers=_WAIT)
    if fault == "broken":
        return Reply(500, "Something went wrong.")
    if fault == "transient_400":
        raise CmdletError(
            "An Azure Active Directory call was made to keep object in sync. However, it failed. Please retry.",
            kind="Microsoft.Exchange.Configuration.DualWrite.UnableToWriteToAadException", category=0,
        )  # fmt: skip
    if fault == "no_rights":
        raise ApiError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    if fault in ("claims", "expired"):
        login.spoil(call.headers.get("authorization", ""), expired=fault == "expired")
    return None


def after(fault: str, call: Call, reply: Reply) -> Reply:
    """The reply of a fault that strikes after the call was carried out."""
    body = reply.body
    if fault == "lost_answer":
        return Reply(504, "<html><body>504 Gateway Time-out</body></html>", {"Content-Type": "text/html"})
    if fault == "unseen" and _reads(call):
        if isinstance(body, dict) and isinstance(body.get("value"), list) and not _of_one(call):
            return Reply(
                reply.status, {name: value for name, value in body.items() if "nextLink" not in name} | _NOTHING
            )
        raise _no_such(call)
    if fault == "endless_pages" and isinstance(body, dict) and isinstance(body.get("value"), list):
        return Reply(reply.status, body | {"@odata.nextLink": call.link()}, reply.headers)
    return reply


_NOTHING: dict[str, Any] = {"value": []}


def _cmdlet(call: Call) -> dict[str, Any] | None:
    """CmdletInput of a call to the admin REST."""
    command = call.body.get("CmdletInput") if isinstance(call.body, dict) else None
    return command if isinstance(command, dict) else None


def _reads(call: Call) -> bool:
    cmdlet = _cmdlet(call)
    return str(cmdlet.get("CmdletName")).startswith("Get-") if cmdlet else call.method == "GET"


def _of_one(call: Call) -> bool:
    cmdlet = _cmdlet(call)
    return cmdlet is not None and "Identity" in (cmdlet.get("Parameters") or {})


def _no_such(call: Call) -> ApiError:
    if _cmdlet(call) is None:
        return ApiError(404, "Request_ResourceNotFound", "Resource does not exist.")
    return CmdletError(
        "The operation couldn't be performed because the object couldn't be found.",
        kind="Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException", category=13, status=404,
        error_id="Ex6F9304",
    )  # fmt: skip
