"""Applications that are registered in the tenant, as far as their secrets go.

Source: learn.microsoft.com graph application-list (permissions), passwordcredential (hint: the first three letters);
application-addpassword: a secret ends two years after it was made where nobody says otherwise.
"""

from __future__ import annotations

from uuid import NAMESPACE_OID, uuid5

from lab.cloud.login import AppAccess
from lab.cloud.wire import Call, Reply, Routes, page


def add_routes(routes: Routes, app: AppAccess) -> None:
    def applications(call: Call) -> Reply:
        credential = {
            "customKeyIdentifier": None,
            "displayName": "mailmove",
            "endDateTime": f"{app.secret_ends:%Y-%m-%dT%H:%M:%SZ}",
            "hint": app.secret[:3],
            "keyId": str(uuid5(NAMESPACE_OID, app.secret)),
            "secretText": None,
        }
        key = str(uuid5(NAMESPACE_OID, app.client_id))
        row = {"id": key, "appId": app.client_id, "passwordCredentials": [credential]}
        return page(call, [row], size=100, most=999)

    routes.add(
        "GET", "/applications", applications, "Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All"
    )
