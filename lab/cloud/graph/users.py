"""Graph: users, their licences and mailbox settings, what the tenant owns, and the organisation itself."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

from lab.cloud.errors import ApiError
from lab.cloud.login import permitted
from lab.cloud.tenant import CloudUser, Sku, Tenant, utc
from lab.cloud.wire import Call, Reply, Routes, entity, page
from lab.faults import Faults, declare

_READ = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All")
_PURPOSE = {"Regular": "user", "Shared": "shared", "Room": "room", "Equipment": "equipment"}
_SIGN_IN_NAME = re.compile(r"[A-Za-z0-9'._!#^~-]{1,64}@[a-z0-9.-]+")
"""What a userPrincipalName may hold (learn.microsoft.com/graph/api/user-post-users)."""
_REQUIRED = ("accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName")
_BASIC = (
    "id", "displayName", "userPrincipalName", "mail", "businessPhones", "givenName", "jobTitle", "mobilePhone",
    "officeLocation",
)  # fmt: skip
"""What Graph shows of a user who is not asked for anything in particular."""


declare(
    # Reports of 2023 and later: a value of `usageLocation` is not taken back by null. Unverified.
    hostile_usage_location_stays="a PATCH of usageLocation to null is refused: what is set stays",
)


def add_routes(routes: Routes, tenant: Tenant, faults: Faults) -> None:
    users = Users(tenant, faults)
    routes.add("GET", "/users", users.every, *_READ)
    routes.add("GET", "/users/{key}", users.get, *_READ)
    routes.add("POST", "/users", users.create, "User.ReadWrite.All")
    routes.add("GET", "/directory/deletedItems/microsoft.graph.user", users.deleted, "User.Read.All", *_READ)
    routes.add("PATCH", "/users/{key}", users.patch, "User.ReadWrite.All")
    routes.add("DELETE", "/users/{key}", users.delete, "User.ReadWrite.All")
    routes.add(
        "POST", "/users/{key}/assignLicense", users.assign, "LicenseAssignment.ReadWrite.All", "User.ReadWrite.All"
    )
    routes.add("GET", "/users/{key}/mailboxSettings", users.settings, "MailboxSettings.Read")
    routes.add("GET", "/users/{key}/mailboxSettings/userPurpose", users.purpose, "MailboxSettings.Read")
    routes.add(
        "GET", "/subscribedSkus", users.skus, "LicenseAssignment.Read.All", "Organization.Read.All",
        "Directory.Read.All", "LicenseAssignment.ReadWrite.All",
    )  # fmt: skip
    routes.add("GET", "/organization", users.organization, "Organization.Read.All", "Directory.Read.All")


class Users:
    def __init__(self, tenant: Tenant, faults: Faults | None = None) -> None:
        self.tenant, self.faults = tenant, faults or Faults()

    def find(self, key: str) -> CloudUser:
        # Graph takes an object id or a UPN here, not any other address.
        with self.tenant.lock:
            key = key.lower()
            user = self.tenant.users.get(key) or next((u for u in self.tenant.users.values() if u.id == key), None)
        if user is None:
            raise ApiError(
                404, "Request_ResourceNotFound", f"Resource '{key}' does not exist or one of its queried reference-"
                "property objects are not present."
            )  # fmt: skip
        return user

    def every(self, call: Call) -> Reply:
        with self.tenant.lock:
            rows = [self._shown(user) for user in self.tenant.users.values()]
        reply = page(call, rows, size=100, most=999)
        reply.body["value"] = [_basic(row, call) for row in reply.body["value"]]
        return reply

    def get(self, call: Call, key: str) -> Reply:
        return entity(call, _basic(self._shown(self.find(key)), call))

    def _shown(self, user: CloudUser) -> dict[str, Any]:
        box = self.tenant.store.find(user.upn) if user.has_mailbox else None
        aliases = box.aliases if box else ()
        proxies = [f"SMTP:{user.upn}", *(f"smtp:{alias}" for alias in aliases), *(f"X500:{dn}" for dn in user.x500)]
        return {**_show(user), "proxyAddresses": proxies if user.has_mailbox else []}

    def create(self, call: Call) -> Reply:
        """Sources: user-post-users; the conflict: microsoft-graph-docs issues 1508 and 8421. Somebody among the deleted
        users does not stand in the way: only restoring them would.
        """
        with self.tenant.lock:
            if unplayed := set(call.body) - {*_REQUIRED, "usageLocation"}:
                raise ApiError(501, "NotImplemented", f"The lab does not play new users with {sorted(unplayed)}.")
            for name in _REQUIRED:
                if call.body.get(name) in (None, ""):
                    raise _bad(f"A value is required for property '{name}' of resource 'User'.")
            upn, nickname = str(call.body["userPrincipalName"]).lower(), str(call.body["mailNickname"])
            if not _SIGN_IN_NAME.fullmatch(upn):
                raise _bad("Invalid value specified for property 'userPrincipalName' of resource 'User'.")
            if len(nickname) > 64 or re.search(r"[@()\\\[\]\";:<>, ]", nickname) or not nickname.isascii():
                raise _bad("Invalid value specified for property 'mailNickname' of resource 'User'.")
            domain = self.tenant.domains.get(upn.partition("@")[2])
            if domain is None or not domain.verified:
                raise _bad(
                    "The domain portion of the userPrincipalName property is invalid. You must use one of the verified "
                    "domain names in your organization."
                )
            if self.tenant.holder(upn) is not None:
                raise _conflict("userPrincipalName" if upn in self.tenant.users else "proxyAddresses")
            user = CloudUser(upn, str(call.body["displayName"]), usage_location=call.body.get("usageLocation"))
            self._password(call, user, call.body["passwordProfile"], right="User.ReadWrite.All")
            user.nickname, user.enabled, user.made_by = nickname, bool(call.body["accountEnabled"]), "graph"
            user.password_changed = user.created
            self.tenant.users[upn] = user
            return Reply(201, _basic(self._shown(user), call))

    def deleted(self, call: Call) -> Reply:
        """directory-deleteditems-list: their sign-in name is shown behind their id."""
        with self.tenant.lock:
            rows = [
                {
                    **_show(user),
                    "userPrincipalName": f"{user.id.replace('-', '')}{user.upn}",
                    "mail": user.upn,
                    "proxyAddresses": [f"SMTP:{user.upn}"],
                    "deletedDateTime": utc(user.deleted),
                }
                for user in self.tenant.deleted.values()
            ]
        return page(call, rows, size=100, most=999)

    def patch(self, call: Call, key: str) -> Reply:
        with self.tenant.lock:
            user = self.find(key)
            if unplayed := set(call.body) - {"usageLocation", "displayName", "passwordProfile"}:
                raise ApiError(501, "NotImplemented", f"The lab does not play changes of {sorted(unplayed)}.")
            place = call.body.get("usageLocation", user.usage_location)
            if place is None and user.usage_location and self.faults.take("hostile.usage_location_stays"):
                raise ApiError(400, "Request_BadRequest", "Property 'usageLocation' cannot be set to null.")
            if place is not None and not (len(place) == 2 and place.isalpha() and place.isupper()):
                raise ApiError(400, "Request_BadRequest", "Invalid value specified for property 'usageLocation'.")
            if profile := call.body.get("passwordProfile"):
                self._password(call, user, profile)
            user.usage_location = place
            user.display_name = call.body.get("displayName", user.display_name)
        return Reply(204)

    def _password(
        self,
        call: Call,
        user: CloudUser,
        profile: dict[str, Any],
        *,
        right: str = "User-PasswordProfile.ReadWrite.All",
    ) -> None:
        """A permission of its own, besides the one to change users (learn.microsoft.com/graph/api/user-update)."""
        permitted(call.claims, right)
        password = str(profile.get("password") or "")
        kinds = (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
        if not 8 <= len(password) <= 256 or sum(any(map(kind, password)) for kind in kinds) < 3:
            raise ApiError(
                400,
                "Request_BadRequest",
                "The specified password does not comply with password complexity requirements.",
            )
        user.password, user.password_changed = password, datetime.now(UTC)
        user.must_change = bool(profile.get("forceChangePasswordNextSignIn", False))

    def delete(self, call: Call, key: str) -> Reply:
        with self.tenant.lock:
            user = self.find(key)
            del self.tenant.users[user.upn]
            self.tenant.deleted[user.id] = user
            user.deleted = datetime.now(UTC)
            self.tenant.store.remove_mailbox(user.upn)
        return Reply(204)

    def assign(self, call: Call, key: str) -> Reply:
        if not isinstance(call.body, dict) or {"addLicenses", "removeLicenses"} - set(call.body):
            raise ApiError(400, "Request_BadRequest", "One or more parameters of the operation is missing.")
        with self.tenant.lock:
            user = self.find(key)
            adding = [self._sku(licence.get("skuId")) for licence in call.body["addLicenses"]]
            removing = [self._sku(sku_id) for sku_id in call.body["removeLicenses"]]
            if adding and not user.usage_location:
                raise ApiError(
                    400, "Request_BadRequest", "License assignment cannot be done for user with invalid usage location."
                )
            for sku in removing:
                if sku.id not in user.skus:
                    raise ApiError(400, "Request_BadRequest", "User does not have a corresponding license.")
            for sku in adding:
                if sku.id not in user.skus and self.tenant.used(sku) >= sku.owned:
                    raise ApiError(
                        400,
                        "Request_BadRequest",
                        f"Subscription with SKU {sku.id} does not have any available licenses.",
                    )
            if adding and not user.has_mailbox and user.mailbox_from is None:
                user.mailbox_from = time.monotonic() + self.tenant.provisioning_seconds
            user.skus = (user.skus - {sku.id for sku in removing}) | {sku.id for sku in adding}
            return entity(call, _show(user))

    def _sku(self, sku_id: str | None) -> Sku:
        sku = next((owned for owned in self.tenant.skus.values() if owned.id == str(sku_id).lower()), None)
        if sku is None:
            raise ApiError(
                400, "Request_BadRequest", f"License {sku_id} does not correspond to a valid company License."
            )
        return sku

    def settings(self, call: Call, key: str) -> Reply:
        return entity(call, {"timeZone": "UTC", "userPurpose": self._purpose(key)})

    def purpose(self, call: Call, key: str) -> Reply:
        return Reply(200, {"@odata.context": f"{call.base}/$metadata#{call.path}", "value": self._purpose(key)})

    def _purpose(self, key: str) -> str:
        user = self.find(key)
        if not user.has_mailbox:
            raise mailbox_missing()
        return _PURPOSE.get(user.kind, "others")

    def skus(self, call: Call) -> Reply:
        with self.tenant.lock:
            rows = [self._show_sku(sku) for sku in self.tenant.skus.values()]
        return page(call, rows, size=100, most=999)

    def _show_sku(self, sku: Sku) -> dict[str, Any]:
        return {
            "id": f"{self.tenant.id}_{sku.id}",
            "accountId": self.tenant.id,
            "appliesTo": "User",
            "capabilityStatus": "Enabled",
            "consumedUnits": self.tenant.used(sku),
            "prepaidUnits": {"enabled": sku.owned, "suspended": 0, "warning": 0, "lockedOut": 0},
            "servicePlans": [],
            "skuId": sku.id,
            "skuPartNumber": sku.part_number,
            "subscriptionIds": [],
        }

    def organization(self, call: Call) -> Reply:
        domains = [
            {
                "name": domain.name,
                "isInitial": domain.initial,
                "isDefault": domain.initial,
                "type": "Managed",
                "capabilities": ", ".join(domain.services) or "None",
            }
            for domain in self.tenant.domains.values()
            if domain.verified
        ]
        row = {
            "id": self.tenant.id,
            "displayName": self.tenant.display_name,
            "verifiedDomains": domains,
            "onPremisesSyncEnabled": self.tenant.directory_sync or None,
        }
        return page(call, [row], size=100, most=999)


def mailbox_missing() -> ApiError:
    return ApiError(
        404,
        "MailboxNotEnabledForRESTAPI",
        "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
    )


def _bad(message: str) -> ApiError:
    return ApiError(400, "Request_BadRequest", message)


def _conflict(target: str) -> ApiError:
    message = f"Another object with the same value for property {target} already exists."
    details = [{"code": "ObjectConflict", "message": message, "target": target}]
    return ApiError(400, "Request_BadRequest", message, details=details)


def _basic(row: dict[str, Any], call: Call) -> dict[str, Any]:
    return row if call.query.get("$select") else {name: row.get(name) for name in _BASIC}


def _show(user: CloudUser) -> dict[str, Any]:
    return {
        "id": user.id,
        "displayName": user.display_name,
        "userPrincipalName": user.upn,
        "mail": (user.mail or user.upn) if user.has_mailbox else None,
        "businessPhones": [],
        "accountEnabled": user.enabled and user.kind == "Regular",
        "mailNickname": user.nickname or user.upn.partition("@")[0],
        "usageLocation": user.usage_location,
        "assignedLicenses": [{"skuId": sku, "disabledPlans": []} for sku in sorted(user.skus)],
        "userType": "Member",
        "createdDateTime": utc(user.created),
        "lastPasswordChangeDateTime": utc(user.password_changed),
    }
