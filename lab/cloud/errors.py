"""Microsoft's errors, in each service's own form."""

from __future__ import annotations

from typing import Any
from uuid import uuid4


class ApiError(Exception):
    """An answer that is not a success. The web server gives it the form of the service that was asked."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        details: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers, self.details = headers or {}, details or []


class CmdletError(ApiError):
    """A cmdlet failed. `category` is PowerShell's ErrorCategory; `kind` the exception's class."""

    def __init__(
        self, message: str, *, kind: str, category: int, status: int = 400, error_id: str = "Ex000000"
    ) -> None:
        codes = {404: "NotFound", 403: "Forbidden"}
        super().__init__(status, codes.get(status, "BadRequest"), message, headers={"X-ExceptionType": kind})
        self.kind, self.category, self.error_id = kind, category, error_id


# PowerShell's ErrorCategory numbers.
INVALID_ARGUMENT, INVALID_OPERATION, OBJECT_NOT_FOUND, RESOURCE_EXISTS, CONNECTION_ERROR = 5, 7, 13, 20, 27


def graph_body(error: ApiError) -> dict[str, Any]:
    """Graph's error form (learn.microsoft.com/graph/errors)."""
    inner = {"request-id": str(uuid4())}
    details = {"details": error.details} if error.details else {}
    return {"error": {"code": error.code, "message": error.message, **details, "innerError": inner}}


def admin_body(error: ApiError) -> dict[str, Any]:
    """The Exchange admin REST's form, as public clients read it (ExoHelper, Get-ExoException.ps1)."""
    if not isinstance(error, CmdletError):
        return {"error": {"code": error.code, "message": error.message, "details": []}}
    detail = {
        "code": str(error.category),
        "target": "",
        "message": f"{error.error_id}|{error.kind}|{error.message}",
    }
    inner = {
        "message": "Error executing cmdlet",
        "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
        "internalexception": {"message": error.message, "type": error.kind},
    }
    return {
        "error": {"code": error.code, "message": "Error executing request.", "details": [detail], "innererror": inner}
    }


def partner_body(error: ApiError) -> dict[str, Any]:
    """Partner Center's form."""
    return {"code": error.code, "description": error.message, "data": [], "source": "PartnerCenter"}
