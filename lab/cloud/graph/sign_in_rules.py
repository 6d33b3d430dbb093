"""Graph: what people meet when they sign in, and the Temporary Access Pass that lets them in the first time.

Sources: learn.microsoft.com graph/api identitysecuritydefaultsenforcementpolicy-get, authenticationmethodspolicy-get,
conditionalaccessroot-list-policies, authenticationmethodsroot-list-userregistrationdetails,
authentication-post-temporaryaccesspassmethods; resources/temporaryaccesspassauthenticationmethodconfiguration
(10 to 43,200 minutes; a maximum of 480 as it comes). Security defaults give no days of grace since January 2025.
Unverified: the codes of the refusals of a pass.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from lab.cloud.errors import ApiError
from lab.cloud.graph.users import Users
from lab.cloud.tenant import Tenant, utc
from lab.cloud.wire import Call, Reply, Routes, entity, page
from lab.faults import Faults, declare

declare(
    hostile_mfa_at_first_sign_in="security defaults and a registration campaign are on: everybody registers a second "
    "factor at the first sign-in; Temporary Access Passes are allowed",
)

_READ = ("Policy.Read.All",)
_METHODS = ("UserAuthenticationMethod.ReadWrite.All",)
LONGEST = 480
"""Minutes that a pass may last here."""


class SignInRules:
    def __init__(self, tenant: Tenant, faults: Faults) -> None:
        self.tenant, self.faults, self.users = tenant, faults, Users(tenant, faults)

    def add_routes(self, routes: Routes) -> None:
        passes = "/users/{key}/authentication/temporaryAccessPassMethods"
        routes.add("GET", "/policies/identitySecurityDefaultsEnforcementPolicy", self._defaults, *_READ)
        routes.add("GET", "/policies/authenticationMethodsPolicy", self._methods, *_READ)
        routes.add("GET", "/identity/conditionalAccess/policies", self._conditional, *_READ)
        routes.add(
            "GET", "/reports/authenticationMethods/userRegistrationDetails", self._registered, "AuditLog.Read.All"
        )
        routes.add("GET", passes, self._passes, *_METHODS)
        routes.add("POST", passes, self._give, *_METHODS)
        routes.add("DELETE", passes + "/{pass_id}", self._take, *_METHODS)

    @property
    def _strict(self) -> bool:
        return self.faults.take("hostile.mfa_at_first_sign_in")

    @property
    def _passes_allowed(self) -> bool:
        return self._strict or self.tenant.passes_allowed

    def _defaults(self, call: Call) -> Reply:
        return entity(call, {"id": "00000000-0000-0000-0000-000000000005", "isEnabled": self._strict})

    def _methods(self, call: Call) -> Reply:
        strict = self._strict
        temporary = {
            "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration",
            "id": "TemporaryAccessPass",
            "state": "enabled" if self._passes_allowed else "disabled",
            "defaultLifetimeInMinutes": 60,
            "minimumLifetimeInMinutes": 60,
            "maximumLifetimeInMinutes": LONGEST,
            "isUsableOnce": False,
        }
        campaign = {"state": "enabled" if strict else "disabled", "snoozeDurationInDays": 1}
        row = {
            "id": "authenticationMethodsPolicy",
            "registrationEnforcement": {"authenticationMethodsRegistrationCampaign": campaign},
            "authenticationMethodConfigurations": [temporary],
        }
        return entity(call, row)

    def _conditional(self, call: Call) -> Reply:
        return page(call, list(self.tenant.conditional_access), size=100, most=999)

    def _registered(self, call: Call) -> Reply:
        rows = [
            {"id": user.id, "userPrincipalName": user.upn, "isMfaRegistered": False, "methodsRegistered": []}
            for user in self.tenant.users.values()
        ]
        return page(call, rows, size=100, most=999)

    def _passes(self, call: Call, key: str) -> Reply:
        held = self.users.find(key).access_pass
        return page(call, [_shown(held)] if held else [], size=100, most=999)

    def _give(self, call: Call, key: str) -> Reply:
        with self.tenant.lock:
            user = self.users.find(key)
            minutes = call.body.get("lifetimeInMinutes", 60)
            if not self._passes_allowed:
                raise ApiError(400, "temporaryAccessPassNotEnabled", "Temporary Access Pass is not enabled.")
            if not 60 <= minutes <= LONGEST:
                raise ApiError(400, "badRequest", "lifetimeInMinutes is outside of what the policy allows.")
            if user.access_pass:
                raise ApiError(400, "badRequest", "The user has a Temporary Access Pass already.")
            user.access_pass = {
                "id": str(uuid4()),
                "temporaryAccessPass": secrets.token_urlsafe(9),
                "createdDateTime": utc(),
                "startDateTime": call.body.get("startDateTime") or utc(datetime.now(UTC)),
                "lifetimeInMinutes": minutes,
                "isUsableOnce": bool(call.body.get("isUsableOnce", False)),
                "isUsable": True,
                "methodUsabilityReason": "EnabledByPolicy",
            }
            return entity(call, user.access_pass, 201)

    def _take(self, call: Call, key: str, pass_id: str) -> Reply:
        with self.tenant.lock:
            user = self.users.find(key)
            if not user.access_pass or user.access_pass["id"] != pass_id:
                raise ApiError(404, "resourceNotFound", "There is no such method.")
            user.access_pass = None
        return Reply(204)


def _shown(held: dict[str, Any]) -> dict[str, Any]:
    """It is shown once, when it is made."""
    return {**held, "temporaryAccessPass": None}
