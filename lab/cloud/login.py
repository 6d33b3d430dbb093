"""Sign-in: the token endpoint that msal talks to, and the check of a token at an API.

Plays the OAuth 2.0 endpoints of login.microsoftonline.com v2.0: client_credentials (secret or certificate assertion,
RFC 7523), refresh_token, and the device code (RFC 8628). Access tokens are JWTs that only this lab can read.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_DNS, uuid4, uuid5

import jwt
from cryptography import x509

from lab.cloud.browser_sign_in import BrowserSignIns
from lab.cloud.device_codes import DeviceCodes, Refreshing
from lab.cloud.errors import ApiError
from lab.cloud.tenant import Tenant
from lab.faults import Faults, declare

declare(
    login_claims_challenge="the next API call's token is revoked: 401 with a claims challenge (CAE)",
    # Common baselines of Conditional Access block the flow (Sherweb, inforcer); learn.microsoft.com
    # reference-error-codes 53003.
    hostile_device_code_blocked="Conditional Access blocks device codes: AADSTS53003 when a typed one is redeemed",
)

GRAPH = "https://graph.microsoft.com"
EXCHANGE = "https://outlook.office365.com"
PARTNER = "https://api.partnercenter.microsoft.com"
PRICES = "https://api.partner.microsoft.com"

GRAPH_APP_ROLES = frozenset(
    """Domain.ReadWrite.All User.ReadWrite.All LicenseAssignment.ReadWrite.All Organization.Read.All Mail.Read
    Calendars.Read Contacts.Read MailboxSettings.Read ExchangeMessageTrace.Read.All Mail.ReadWrite
    Calendars.ReadWrite Contacts.ReadWrite MailboxFolder.Read.All MailboxItem.ImportExport.All
    MailboxFolder.ReadWrite.All MailboxItem.Read.All
    User-PasswordProfile.ReadWrite.All Application.Read.All Policy.Read.All AuditLog.Read.All
    UserAuthenticationMethod.ReadWrite.All""".split()  # noqa: SIM905  # names read better as text
)


EVERY_ADMIN = frozenset({"User.Read.All", "Organization.Read.All", "Domain.Read.All", "user_impersonation"})
_EXCHANGE_ADMIN = frozenset({"Exchange.Manage", "ExchangeMessageTrace.Read.All"})
_DOMAIN_ADMIN = frozenset({"Domain.ReadWrite.All"})
_USER_ADMIN = frozenset({"User.ReadWrite.All", "User-PasswordProfile.ReadWrite.All", "LicenseAssignment.ReadWrite.All"})
_LICENCE_ADMIN = frozenset({"LicenseAssignment.ReadWrite.All"})
_CONSENTS = frozenset({"may consent"})
"""No permission of Graph: who holds this role may consent to applications for the whole tenant."""
ROLE_RIGHTS = {
    "29232cdf-9323-42fd-ade2-1d097af3e4de": _EXCHANGE_ADMIN,
    "8329153b-31d0-4727-b945-745eb3bc5f31": _DOMAIN_ADMIN,
    "fe930be7-5e62-47db-91af-98c3a49a38b1": _USER_ADMIN,
    "4d6ac14f-3453-41d0-bef9-a3e0c569773a": _LICENCE_ADMIN,
    "158c047a-c907-4556-b7ef-446551a6b5f7": _CONSENTS,
    "62e90394-69f5-4237-9190-012177145e10": _EXCHANGE_ADMIN | _DOMAIN_ADMIN | _USER_ADMIN | _CONSENTS,
}
"""Entra role template -> Graph and Exchange permissions that a delegated token gets from it.

No role opens other people's mailboxes: reading items through Graph takes an application permission.
"""


@dataclass
class AppAccess:
    """The application registered in the customer's tenant. Take a role away, and calls that need it are 403."""

    client_id: str
    secret: str
    certificate_pem: str
    private_key_pem: str
    thumbprint: str = field(default="", metadata={"unit": "SHA-1 in hex"})
    secret_ends: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(days=730))
    roles: set[str] = field(default_factory=lambda: {*GRAPH_APP_ROLES, "Exchange.ManageAsApp"})


@dataclass
class PartnerAccess:
    """The partner's own application, the refresh token of one of its administrators, and the group they are in."""

    tenant_id: str
    client_id: str
    secret: str
    refresh_token: str
    group: str = field(default_factory=lambda: str(uuid4()))
    user: str = "anna@msp.example"
    scopes: set[str] = field(
        default_factory=lambda: {
            *GRAPH_APP_ROLES,
            *EVERY_ADMIN,
            "DelegatedAdminRelationship.ReadWrite.All",
            "Exchange.Manage",
        }
    )


def _refuse(error: str, text: str, status: int = 400) -> ApiError:
    return ApiError(status, error, text)


class Login:
    """Issues tokens and validates them."""

    def __init__(self, tenant: Tenant, app: AppAccess, partner: PartnerAccess, faults: Faults, lifetime: int) -> None:
        self.tenant, self.app, self.partner, self.faults, self.lifetime = tenant, app, partner, faults, lifetime
        self._key = secrets.token_hex(32)
        self._revoked: set[str] = set()
        self._expired: set[str] = set()
        self.codes, self.browser = DeviceCodes(), BrowserSignIns()

    def configuration(self, base: str, tenant: str) -> dict[str, Any]:
        """OpenID Connect discovery document; also by a verified domain. It names the tenant by its id alone."""
        if self._unmanaged(tenant.lower()):
            known = str(uuid5(NAMESPACE_DNS, tenant.lower()))
        else:
            known = self.tenant.id if tenant.lower() in self._verified() else self._known(tenant)
        root = f"{base}/{known}"
        return {
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        }

    def realm(self, login: str) -> dict[str, Any]:
        """The public answer about a domain (getuserrealm.srf with json=1)."""
        domain = login.rpartition("@")[2].lower()
        answer = {"State": 4, "UserState": 1, "Login": login, "NameSpaceType": "Unknown"}
        if self._unmanaged(domain):
            return answer | {"NameSpaceType": "Managed", "DomainName": domain, "IsViral": True}
        if domain in self._verified():
            managed = {
                "NameSpaceType": "Managed",
                "DomainName": domain,
                "FederationBrandName": self.tenant.display_name,
            }
            answer |= {"CloudInstanceName": "microsoftonline.com", **managed}
        return answer

    def _unmanaged(self, domain: str) -> bool:
        """Is it the customer's, and in a tenant that nobody administers? (admin takeover: domains-admin-takeover)"""
        if self.tenant.taken_over or "." not in domain or domain in self._verified():
            return False
        return self.faults.take("hostile.unmanaged_tenant")

    def _verified(self) -> set[str]:
        return {name.lower() for name, domain in self.tenant.domains.items() if domain.verified}

    def _known(self, tenant: str) -> str:
        if tenant.lower() in (self.tenant.id, self.tenant.initial_domain):
            return self.tenant.id
        if tenant.lower() == self.partner.tenant_id:
            return self.partner.tenant_id
        raise _refuse("invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")

    def token(self, base: str, tenant_name: str, form: dict[str, str]) -> dict[str, Any]:
        """The answer of the token endpoint; ApiError has OAuth's `error` as its code."""
        tenant = self._known(tenant_name)
        grant = form.get("grant_type", "")
        if grant == "urn:ietf:params:oauth:grant-type:device_code":
            left, scope = self.codes.redeem(form.get("client_id", ""), form.get("device_code", ""))
            if self.faults.take("hostile.device_code_blocked"):
                raise _refuse("invalid_grant", "AADSTS53003: Access has been blocked by Conditional Access policies.")
            answer = self._for_a_person(tenant, self._audience(scope), left, {"scope": scope})
            return answer | {"id_token": self._id_token(base, tenant, left)}
        if grant == "authorization_code":
            left, scope, nonce = self.browser.redeem(form)
            self.codes.left[left.refresh_token] = left
            answer = self._for_a_person(tenant, self._audience(scope), left, {"scope": scope})
            return answer | {"id_token": self._id_token(base, tenant, left, nonce)}
        audience = self._audience(form.get("scope", ""))
        if grant == "client_credentials":
            self._authenticate(base, tenant_name, form, self.app.client_id, self.app.secret)
            if tenant != self.tenant.id:
                raise _refuse("unauthorized_client", "AADSTS700016: Application not found in the directory.")
            return self._issue(tenant, self.app.client_id, audience, {"roles": sorted(self.app.roles)})
        if grant == "refresh_token":
            return self._refresh(base, tenant_name, tenant, audience, form)
        raise _refuse("unsupported_grant_type", f"AADSTS70003: The app requested an unsupported grant type '{grant}'.")

    def _refresh(self, base: str, tenant_name: str, tenant: str, audience: str, form: dict[str, str]) -> dict[str, Any]:
        left = self.codes.left.get(form.get("refresh_token", ""))
        if left is not None:  # a public client's: whoever holds it needs no secret, and may show none
            if form.get("client_id") != left.client_id:
                raise _refuse("invalid_grant", "AADSTS700016: The token was issued to another application.")
            if "client_secret" in form or "client_assertion" in form:
                raise _refuse("invalid_client", "AADSTS700025: Client is public so no secret should be presented.", 401)
            return self._for_a_person(tenant, audience, left, form)
        if "client_secret" not in form and "client_assertion" not in form:
            raise _refuse("invalid_client", "AADSTS7000218: The request body must contain client_secret.", 401)
        self._authenticate(base, tenant_name, form, self.partner.client_id, self.partner.secret)
        if form.get("refresh_token") != self.partner.refresh_token:
            raise _refuse("invalid_grant", "AADSTS9002313: Invalid request. Request is malformed or invalid.")
        kept = Refreshing(self.partner.client_id, self.partner.user, self.partner.refresh_token)
        return self._for_a_person(tenant, audience, kept, form)

    def _for_a_person(self, tenant: str, audience: str, left: Refreshing, form: dict[str, str]) -> dict[str, Any]:
        if left.user == self.partner.user:
            scopes = self._partners(tenant, left.client_id, audience)
        elif tenant == self.tenant.id:  # the tenant's own administrator, who may do everything an administrator may
            scopes = {*_DOMAIN_ADMIN, *_USER_ADMIN, *_EXCHANGE_ADMIN, *EVERY_ADMIN}
        else:
            raise _refuse("invalid_grant", f"AADSTS50020: User account {left.user} does not exist in tenant.")
        answer = self._issue(tenant, left.client_id, audience, {"scp": " ".join(sorted(scopes))})
        return answer | {"refresh_token": left.refresh_token, "scope": form.get("scope", "")}

    def _partners(self, tenant: str, client_id: str, audience: str) -> set[str]:
        """What the partner's administrator may do in a tenant."""
        if tenant != self.tenant.id:
            return self.partner.scopes
        granted = self.granted()
        if granted is None:
            raise _refuse(
                "invalid_grant",
                "AADSTS50020: User account from identity provider does not exist in tenant and cannot access the "
                "application in that tenant.",
            )
        consented = self.tenant.consents.get(client_id)
        if consented is None:
            raise _refuse("invalid_grant", "AADSTS65001: The user or administrator has not consented.")
        if audience not in consented:  # consents are given for each resource
            raise _refuse("invalid_grant", f"AADSTS65001: The user or administrator has not consented to {audience}.")
        return set(granted & consented[audience])

    def granted(self) -> frozenset[str] | None:
        """What the partner's group may do in the customer's tenant, by its assignments' roles; None: nothing."""
        with self.tenant.lock:
            active = [gdap for gdap in self.tenant.relationships.values() if gdap.status == "active"]
            held = [assignment for gdap in active for assignment in gdap.assignments if assignment.status == "active"]
        if not held:
            return None
        return EVERY_ADMIN.union(
            *(ROLE_RIGHTS.get(role, frozenset()) for assignment in held for role in assignment.roles)
        )

    def may_consent(self) -> bool:
        return bool(_CONSENTS & (self.granted() or frozenset()))

    def device_code(self, base: str, tenant_name: str, form: dict[str, str]) -> dict[str, Any]:
        """The answer of the device authorization endpoint; only clients that allow public flows are given a code."""
        self._known(tenant_name)
        self._audience(form.get("scope", ""))
        if form.get("client_id") not in (self.app.client_id, self.partner.client_id):
            raise _refuse("unauthorized_client", "AADSTS700016: Application was not found in the directory.")
        return self.codes.begin(base, form["client_id"], form["scope"])

    def _id_token(self, base: str, tenant: str, left: Refreshing, nonce: str = "") -> str:
        moment = int(time.time())
        claims = {"iss": f"{base}/{tenant}/v2.0", "aud": left.client_id, "iat": moment, "exp": moment + 3600,
                  "tid": tenant, "sub": left.user, "oid": left.user, "preferred_username": left.user}  # fmt: skip
        claims |= {"nonce": nonce} if nonce else {}
        return jwt.encode(claims, self._key, algorithm="HS256")

    def _audience(self, scope: str) -> str:
        for part in scope.split():
            for resource in (GRAPH, EXCHANGE, PARTNER, PRICES):
                if part.startswith(resource + "/"):
                    return resource
            if part.startswith("https://"):
                raise _refuse("invalid_resource", f"AADSTS500011: The resource principal named {part} was not found.")
        raise _refuse("invalid_scope", f"AADSTS70011: The provided value for scope '{scope}' is not valid.")

    def _authenticate(self, base: str, tenant: str, form: dict[str, str], client_id: str, secret: str) -> None:
        if form.get("client_id") != client_id:
            raise _refuse("unauthorized_client", "AADSTS700016: Application was not found in the directory.")
        if "client_assertion" in form:
            self._check_assertion(f"{base}/{tenant}/oauth2/v2.0/token", form["client_assertion"])
        elif not secrets.compare_digest(form.get("client_secret", "").encode(), secret.encode()):
            raise _refuse("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)

    def _check_assertion(self, audience: str, assertion: str) -> None:
        """RFC 7523 section 3, against the certificate registered for the application."""
        key = x509.load_pem_x509_certificate(self.app.certificate_pem.encode()).public_key()
        try:
            claims = jwt.decode(
                assertion,
                key,  # type: ignore[arg-type]  # an RSA key, as the lab itself made it
                algorithms=["RS256", "PS256"],
                audience=audience,
                options={"require": ["exp", "iss", "sub", "jti"]},
            )
        except jwt.PyJWTError as error:
            raise _refuse(
                "invalid_client", f"AADSTS700027: Client assertion failed validation: {error}.", 401
            ) from None
        if claims["iss"] != self.app.client_id or claims["sub"] != self.app.client_id:
            raise _refuse("invalid_client", "AADSTS700021: Client assertion issuer is not the application.", 401)

    def _issue(self, tenant: str, app_id: str, audience: str, rights: dict[str, Any]) -> dict[str, Any]:
        moment = int(time.time())
        claims = {"aud": audience, "tid": tenant, "appid": app_id, "iat": moment, "exp": moment + self.lifetime}
        signed = jwt.encode({**claims, **rights, "jti": str(uuid4())}, self._key, algorithm="HS256")
        return {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": signed}

    def spoil(self, authorization: str, *, expired: bool) -> None:
        """Make a token invalid: expired, or revoked with a claims challenge."""
        token = authorization.partition(" ")[2]
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], options={"verify_aud": False})
        except jwt.PyJWTError:
            return
        (self._expired if expired else self._revoked).add(claims["jti"])

    def admit(self, authorization: str, audience: str, *, challenge: bool = False) -> dict[str, Any]:
        """The claims of a bearer token; ApiError 401 when it is not valid here.

        challenge: revoke the token now and answer with a claims challenge, as continuous access evaluation does.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorised("Access token is empty.")
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key, algorithms=["HS256"], audience=audience)
        except jwt.ExpiredSignatureError:
            raise _unauthorised("Lifetime validation failed, the token is expired.") from None
        except jwt.InvalidAudienceError:
            raise _unauthorised("Access token validation failure. Invalid audience.") from None
        except jwt.PyJWTError:
            raise _unauthorised("CompactToken parsing failed.") from None
        if claims["jti"] in self._expired:
            raise _unauthorised("Lifetime validation failed, the token is expired.")
        if challenge or self.faults.take("login.claims_challenge"):
            self._revoked.add(claims["jti"])
        if claims["jti"] in self._revoked:
            raise _claims_challenge()
        return claims


def permitted(claims: dict[str, Any], *any_of: str) -> None:
    """Check that the token carries one of these permissions; ApiError 403 otherwise."""
    held = {*claims.get("roles", ()), *str(claims.get("scp", "")).split()}
    if not held & set(any_of):
        raise ApiError(
            403, "Authorization_RequestDenied", f"Insufficient privileges to complete the operation ({any_of[0]})."
        )


def _unauthorised(message: str) -> ApiError:
    header = f'Bearer realm="", error="invalid_token", error_description="{message}"'
    return ApiError(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": header})


def _claims_challenge() -> ApiError:
    wanted = json.dumps({"access_token": {"nbf": {"essential": True, "value": str(int(time.time()))}}})
    header = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
        f'error="insufficient_claims", claims="{base64.b64encode(wanted.encode()).decode()}"'
    )
    return ApiError(
        401,
        "InvalidAuthenticationToken",
        "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: "
        "TokenIssuedBeforeRevocationTimestamp",
        headers={"WWW-Authenticate": header},
    )
