"""Users of a tenant and their licences, by Microsoft Graph v1.0."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from pydantic import SecretStr

from blocks.microsoft365.answers import CLOSED, Json, Rejected
from blocks.microsoft365.fields import number, part, rows, text, text_or, time, time_or
from blocks.microsoft365.http import JsonClient
from mailmove.errors import Blocked, NotYet
from mailmove.ports.tenant import TenantUsers
from mailmove.tenant_state import Licence

WHO = "Microsoft Graph"
USER_FIELDS = "id,userPrincipalName,mail,usageLocation,assignedLicenses"


class Users(TenantUsers):
    """Licences (learn.microsoft.com/graph/api/user-assignlicense, subscribedsku-list)."""

    def __init__(self, graph: JsonClient) -> None:
        self._graph = graph

    def licences(self) -> list[Licence]:
        skus = self._graph.pages("subscribedSkus", wanted="the tenant's licences")
        return [
            Licence(
                sku=text(sku, "skuPartNumber"),
                sku_id=text(sku, "skuId"),
                owned=number(part(sku, "prepaidUnits"), "enabled"),
                used=number(sku, "consumedUnits"),
            )
            for sku in skus
        ]

    def licence_of(self, user: str) -> tuple[str | None, frozenset[str]]:
        return self._read(self._user(user), self._names())

    def set_licence(self, user: str, usage_location: str | None, skus: frozenset[str]) -> None:
        """Make both exactly so; None leaves the location: Graph takes none back. Blocked: no such user, the tenant does
        not own a SKU, or none is free."""
        names = self._names()
        ids = {sku: sku_id for sku_id, sku in names.items()}
        missing = sorted(skus - set(ids))
        if missing:
            raise Blocked(
                WHO,
                wanted=f"{', '.join(missing)} for {user}",
                seen=f"a tenant that owns {', '.join(sorted(ids)) or 'nothing'}",
                todo="Buy the licence, or name one that the tenant owns in `target.licence` of the plan.",
            )
        entry = self._user(user)
        path = f"users/{quote(text(entry, 'id'), safe='')}"
        location, assigned = self._read(entry, names)
        # Graph assigns nothing to a user without a usage location, so that comes first.
        if usage_location is not None and location != usage_location:
            self._locate(path, user, usage_location)
        if assigned != skus:
            body = {
                "addLicenses": [{"skuId": ids[sku], "disabledPlans": []} for sku in sorted(skus - assigned)],
                "removeLicenses": [ids.get(sku, sku) for sku in sorted(assigned - skus)],
            }
            # Assigning what is assigned changes nothing, so it may be sent again.
            self._graph.call("POST", f"{path}/assignLicense", wanted=f"licences of {user}", json=body, repeatable=True)
        after = self._read(self._user(user), names)
        if after != (location if usage_location is None else usage_location, skus):
            raise NotYet(
                WHO,
                wanted=f"{user} in {usage_location} with {', '.join(sorted(skus)) or 'no licence'}",
                seen=f"{after[0]} with {', '.join(sorted(after[1])) or 'no licence'}",
                todo="Look again in a minute.",
            )

    def password_dates(self, user: str) -> tuple[datetime, datetime]:
        """(made, password last changed)."""
        entry = self._user(user, "id,createdDateTime,lastPasswordChangeDateTime")
        made = time(entry, "createdDateTime")
        return made, time_or(entry, "lastPasswordChangeDateTime") or made

    def set_password(self, user: str, password: SecretStr, *, must_change: bool) -> None:
        """PATCH users/{id} (learn.microsoft.com/graph/api/user-update, example 3). No answer holds the password."""
        entry = self._user(user)
        self._graph.call(
            "PATCH",
            f"users/{quote(text(entry, 'id'), safe='')}",
            wanted=f"a first password of {user}",
            json={
                "passwordProfile": {
                    "password": password.get_secret_value(),
                    "forceChangePasswordNextSignIn": must_change,
                }
            },
        )

    def id_of(self, user: str) -> str:
        """Object id of the user with this address."""
        return text(self._user(user, "id"), "id")

    def _locate(self, path: str, address: str, usage_location: str) -> None:
        self._graph.call("PATCH", path, wanted=f"usage location of {address}", json={"usageLocation": usage_location})

    def _names(self) -> dict[str, str]:
        return {licence.sku_id.lower(): licence.sku for licence in self.licences()}

    def _read(self, user: Json, names: dict[str, str]) -> tuple[str | None, frozenset[str]]:
        assigned = (text(licence, "skuId").lower() for licence in rows(user, "assignedLicenses"))
        # A licence that the tenant no longer owns keeps its id for a name.
        return text_or(user, "usageLocation") or None, frozenset(names.get(sku_id, sku_id) for sku_id in assigned)

    def _user(self, address: str, fields: str = USER_FIELDS) -> Json:
        try:
            return self._graph.get(
                f"users/{quote(address, safe='@')}", wanted=f"the user {address}", params={"$select": fields}
            )
        except Rejected as error:
            if error.status != 404 or error.code in CLOSED:
                raise
        # The sign-in name need not be the address.
        users = list(
            self._graph.pages(
                "users",
                wanted=f"the user with the address {address}",
                params={"$filter": f"mail eq '{_quoted(address)}'", "$select": fields},
            )
        )
        if len(users) != 1:
            raise Blocked(
                WHO,
                wanted=f"the user with the address {address}",
                seen=f"{len(users)} such users",
                todo="See in the admin centre who has that address.",
            )
        [user] = users
        return user


def _quoted(value: str) -> str:
    """A string inside an OData literal: a quote is written twice."""
    return value.replace("'", "''")
