"""How the admin endpoint answers in some tenants, other than in a friendly lab; each a switch of `lab.hostile`.

Sources: terraprovider/go-exoscc, adminapi/transport.go (redirects, port 446, the affinity cookie) and invoke.go with
its test (errors as JSON text, Rate-Limit-Reset as RFC 3339); cisagov/ScubaGear, 2026-06 (302 of EXOModuleFile to a
regional host); KelvinTegelaar/CIPP-API, New-ExoRequest.ps1 (the anchor). Objects and dates: ConvertTo-Json of Windows
PowerShell 5 and of .NET, as facts/microsoft-2026-11.md names them.
"""

from __future__ import annotations

import json
from datetime import datetime
from itertools import count
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from lab.cloud.errors import ApiError, CmdletError, admin_body
from lab.cloud.wire import Call, Reply
from lab.faults import Faults, declare

declare(
    hostile_regional_host="the admin endpoint answers 301, 302, 307 or 308 to another listener of the same cloud",
    hostile_anchor="the admin endpoint takes no anchor but APP:SystemMailbox{bb558c35-...}@<tenant>, delegated too",
    hostile_error_details="the admin endpoint's errors are JSON text inside details[].message; no X-ExceptionType",
    hostile_object_identities="the admin endpoint shows identities as objects (Name, Id, RawIdentity)",
    hostile_no_trace_principal="Graph's message traces answer 401: the tenant has no service principal for them yet",
    hostile_dates="the admin endpoint shows dates as /Date(ms)/ and as US text",
    hostile_skipped_texts="the admin endpoint shows skipped items as texts",
)

ANCHOR = "app:systemmailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@"
_IDENTITIES = ("Identity", "BatchId", "SourceEndpoint", "User", "Trustee")
_FORMS, _DATES, _STATUSES = count(), count(), count()


def redirect(faults: Faults, call: Call, *, at_front: bool, region: str) -> Reply | None:
    """The front door's way to the tenant's region; None: it answers itself. region: origin, without a slash."""
    if not at_front or not faults.take("hostile.regional_host"):
        return None
    status = (302, 307, 308, 301)[next(_STATUSES) % 4]
    prefix = call.base.split("/", 3)[3]
    query = call.link().partition("?")[2]
    headers = {"Location": f"{region}/{prefix}{call.path}" + (f"?{query}" if query else "")}
    return Reply(status, "Object moved", {**headers, "Set-Cookie": "exchangecookie=region; path=/; secure; HttpOnly"})


def check_anchor(faults: Faults, anchor: str, names: tuple[str, ...]) -> None:
    """ApiError 400: an anchor that leads nowhere. names: how the tenant may be called in it."""
    if faults.take("hostile.anchor") and anchor.lower() not in [f"{ANCHOR}{name.lower()}" for name in names]:
        raise ApiError(400, "BadRequest", "The anchor mailbox could not be located.")


def check_principal(faults: Faults) -> None:
    """ApiError 401, as Graph's resource page says since January 2026 (app 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373)."""
    if faults.take("hostile.no_trace_principal"):
        raise ApiError(401, "UnknownError", "Service principal-less authentication failed.")


def error_body(faults: Faults, error: ApiError) -> dict[str, Any]:
    """The body of an error; its headers are changed in place."""
    if not faults.take("hostile.error_details"):
        return admin_body(error)
    kind = error.headers.pop("X-ExceptionType", "")
    if not isinstance(error, CmdletError):
        return admin_body(error)
    inner = {"Message": error.message, "TypeName": error.kind or kind, "StackTrace": None, "InnerError": None}
    detail = {"code": "Context", "target": "", "message": json.dumps(inner)}
    outer = {"message": "Error executing cmdlet", "type": "ODataServiceException"}
    return {"error": {"code": error.code, "message": outer["message"], "details": [detail], "innererror": outer}}


def shaped(faults: Faults, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a cmdlet as such a tenant shows them."""
    if faults.take("hostile.object_identities"):
        rows = [{name: _identity(name, value) for name, value in row.items()} for row in rows]
    if faults.take("hostile.dates"):
        rows = [{name: _date(value) for name, value in row.items()} for row in rows]
    if faults.take("hostile.skipped_texts"):
        rows = [row | {"SkippedItems": [_words(item) for item in row["SkippedItems"]]} if "SkippedItems" in row else row
                for row in rows]  # fmt: skip
    return rows


def _identity(name: str, value: Any) -> Any:
    if name == "GrantSendOnBehalfTo" and isinstance(value, list):
        return [_object(entry) for entry in value]
    return _object(value) if name in _IDENTITIES and isinstance(value, str) and value else value


def _object(text: str) -> dict[str, Any]:
    guid = str(uuid5(NAMESPACE_DNS, text))
    forms: tuple[dict[str, Any], ...] = (
        {"Name": text, "Id": text, "RawIdentity": text},
        {"Id": text, "RawIdentity": text},
        {"Name": text, "ObjectGuid": guid, "RawIdentity": f"EURPR01A001.PROD.OUTLOOK.COM/Hosted/{text}", "Depth": 12},
    )
    return forms[next(_FORMS) % len(forms)]


def _date(value: Any) -> Any:
    """A moment in one of the three forms; anything else as it is."""
    if not isinstance(value, str) or len(value) < 20 or not value.endswith("Z"):
        return value
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    # What Windows PowerShell writes has milliseconds, what .NET writes as text has seconds.
    return (f"/Date({int(at.timestamp() * 1000)})/", f"{at:%m/%d/%Y %I:%M:%S %p}", value)[next(_DATES) % 3]


def _words(item: Any) -> Any:
    return "; ".join(f"{name}: {value}" for name, value in item.items()) if isinstance(item, dict) else item
