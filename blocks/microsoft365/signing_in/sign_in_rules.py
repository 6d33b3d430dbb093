"""What people meet when they sign in, and Temporary Access Passes, by Microsoft Graph v1.0.

Sources: learn.microsoft.com graph/api identitysecuritydefaultsenforcementpolicy-get, authenticationmethodspolicy-get,
conditionalaccessroot-list-policies, authenticationmethodsroot-list-userregistrationdetails (a tenant without Entra ID
P1 refuses it), authentication-post-temporaryaccesspassmethods.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from pydantic import SecretStr

from blocks.microsoft365.answers import Json, Rejected
from blocks.microsoft365.fields import flag, flag_or, number, part_or, rows, text, text_or, texts_or
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.unseen import Unseen
from blocks.microsoft365.users import Users
from mailmove.errors import Blocked
from mailmove.ports.tenant.sign_ins import TenantSignIns
from mailmove.tenant_state import PassPolicy, SignInRules

Read = TypeVar("Read")
_WANTED = "what people meet at their first sign-in"
_PASS = "TemporaryAccessPass"  # noqa: S105  # the id of a method
_ON = "enabled"
"""A policy that only reports (enabledForReportingButNotEnforced) asks nothing of anybody."""


class SignIns(TenantSignIns):
    def __init__(self, graph: JsonClient, users: Users) -> None:
        self._graph, self._users = graph, users

    def rules(self) -> SignInRules:
        unseen = Unseen()
        ask = unseen.ask

        def named(holds: Callable[[Json], bool]) -> tuple[str, ...] | None:
            known = policies
            if known is None:
                return None
            return ask("Conditional Access", lambda: tuple(text(row, "displayName") for row in known if holds(row)))

        methods = ask("authentication methods", self._methods)
        policies = ask("Conditional Access", self._policies)
        return SignInRules(
            security_defaults=ask("security defaults", self._defaults),
            campaign=None if methods is None else ask("registration campaign", lambda: _campaign(methods)),
            asking=named(_asks),
            guarding=named(_guards),
            devices=named(_wants_device),
            without_method=ask("who has a second factor", self._without),
            passes=None if methods is None else ask("access passes", lambda: _passes(methods)),
            unseen=unseen,
        )

    def pass_rules(self) -> SignInRules:
        unseen = Unseen()
        return SignInRules(passes=unseen.ask("access passes", lambda: _passes(self._methods())), unseen=unseen)

    def pass_of(self, user: str) -> str | None:
        held = self._graph.pages(self._path(user), wanted=f"the access pass of {user}")
        return next((text(row, "id") for row in held), None)

    def give_pass(self, user: str, start: datetime, minutes: int, *, once: bool) -> tuple[str, SecretStr]:
        body = {
            "startDateTime": start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifetimeInMinutes": minutes,
            "isUsableOnce": once,
        }
        wanted = f"an access pass for {user}"
        try:
            made = self._graph.call("POST", self._path(user), wanted=wanted, json=body).body
        except Rejected as error:
            todo = "See in Entra, Authentication methods, whether Temporary Access Pass is allowed for this user."
            raise Blocked("Microsoft Graph", wanted=wanted, seen=error.seen, todo=todo, code=error.code) from None
        return text(made, "id"), SecretStr(text(made, "temporaryAccessPass"))

    def take_pass(self, user: str, pass_id: str) -> None:
        if self.pass_of(user) == pass_id:
            path = f"{self._path(user)}/{quote(pass_id, safe='')}"
            try:
                self._graph.call("DELETE", path, wanted=f"the access pass of {user} taken away")
            except Rejected as error:
                if error.status != 404:  # a try whose answer was lost has taken it away
                    raise

    def _path(self, user: str) -> str:
        return f"users/{quote(self._users.id_of(user), safe='')}/authentication/temporaryAccessPassMethods"

    def _read(self, path: str) -> Json:
        return self._graph.get(path, wanted=_WANTED)

    def _methods(self) -> Json:
        return self._read("policies/authenticationMethodsPolicy")

    def _defaults(self) -> bool:
        return flag(self._read("policies/identitySecurityDefaultsEnforcementPolicy"), "isEnabled")

    def _policies(self) -> list[Json]:
        rows = self._graph.pages("identity/conditionalAccess/policies", wanted=_WANTED)
        return [row for row in rows if text(row, "state") == _ON]

    def _without(self) -> frozenset[str]:
        details = self._graph.pages(
            "reports/authenticationMethods/userRegistrationDetails", wanted="who has a second factor"
        )
        return frozenset(text(row, "userPrincipalName").lower() for row in details if not flag(row, "isMfaRegistered"))


def _campaign(methods: Json) -> bool:
    """`default` is Microsoft's own choice, which is on for most tenants (resources/registrationenforcement)."""
    enforcement = part_or(methods, "registrationEnforcement")
    state = text_or(part_or(enforcement, "authenticationMethodsRegistrationCampaign"), "state", "disabled")
    return state in (_ON, "default")


def _passes(methods: Json) -> PassPolicy | None:
    """None: the tenant's policy does not name passes."""
    for row in rows(methods, "authenticationMethodConfigurations"):
        if text(row, "id") == _PASS:
            return PassPolicy(
                allowed=text(row, "state") == _ON,
                longest=number(row, "maximumLifetimeInMinutes"),
                once=flag_or(row, "isUsableOnce"),
            )
    return None


def _asks(policy: Json) -> bool:
    """Does it ask a second factor of people who open their mail?"""
    grant = part_or(policy, "grantControls")
    strength = part_or(grant, "authenticationStrength")
    return _meets_people(policy) and ("mfa" in texts_or(grant, "builtInControls") or bool(strength))


def _wants_device(policy: Json) -> bool:
    """Does it let in known devices only? Where a second factor does as well (OR), it is that which is asked."""
    grant = part_or(policy, "grantControls")
    controls = set(texts_or(grant, "builtInControls"))
    other = controls - _DEVICES if text_or(grant, "operator").upper() == "OR" else set()
    return _meets_people(policy) and bool(controls & _DEVICES) and not other


def _guards(policy: Json) -> bool:
    """Is it about registering security information? Such a policy often takes a trusted place, or a pass."""
    return "urn:user:registersecurityinfo" in texts_or(_applications(policy), "includeUserActions")


def _meets_people(policy: Json) -> bool:
    """Is it for people and for mail? Where it does not say, it may be. One for roles alone is for administrators, one
    for other applications is not met in the mailbox."""
    users = part_or(part_or(policy, "conditions"), "users")
    named = {*texts_or(users, "includeUsers"), *texts_or(users, "includeGroups")} - _NOBODY
    only_roles = bool(texts_or(users, "includeRoles")) and not named
    applications = texts_or(_applications(policy), "includeApplications")
    return not _guards(policy) and not only_roles and (not applications or bool(_MAIL & set(applications)))


def _applications(policy: Json) -> Json:
    return part_or(part_or(policy, "conditions"), "applications")


_DEVICES = {"compliantDevice", "domainJoinedDevice"}
_NOBODY = {"None", "GuestsOrExternalUsers"}
_MAIL = {"All", "Office365", "00000002-0000-0ff1-ce00-000000000000"}
"""Applications of a policy that opening mail belongs to; the last is Exchange Online."""
