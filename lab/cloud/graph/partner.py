"""Graph: delegated admin relationships (GDAP). They live in the partner's tenant and need a delegated token."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from lab.cloud.errors import ApiError
from lab.cloud.tenant import Assignment, Gdap, Tenant, utc
from lab.cloud.wire import Call, Reply, Routes, entity, page

_RIGHT = "DelegatedAdminRelationship.ReadWrite.All"
_GLOBAL_ADMIN = "62e90394-69f5-4237-9190-012177145e10"


def add_routes(routes: Routes, tenant: Tenant, groups: set[str]) -> None:
    """groups: ids of the security groups in the partner's tenant."""
    gdap = Relationships(tenant, groups)
    base = "/tenantRelationships/delegatedAdminRelationships"
    routes.add("GET", base, gdap.every, _RIGHT)
    routes.add("POST", base, gdap.create, _RIGHT)
    routes.add("GET", base + "/{key}", gdap.get, _RIGHT)
    routes.add("DELETE", base + "/{key}", gdap.delete, _RIGHT)
    routes.add("GET", base + "/{key}/requests", gdap.requests, _RIGHT)
    routes.add("POST", base + "/{key}/requests", gdap.request, _RIGHT)
    routes.add("GET", base + "/{key}/accessAssignments", gdap.assignments, _RIGHT)
    routes.add("POST", base + "/{key}/accessAssignments", gdap.assign, _RIGHT)


class Relationships:
    def __init__(self, tenant: Tenant, groups: set[str]) -> None:
        self.tenant, self.groups = tenant, groups

    def _find(self, key: str) -> Gdap:
        gdap = self.tenant.relationships.get(key)
        if gdap is None:
            raise ApiError(404, "NotFound", f"The delegated admin relationship {key} was not found.")
        return gdap

    def every(self, call: Call) -> Reply:
        with self.tenant.lock:
            rows = [_show(gdap) for gdap in self.tenant.relationships.values()]
        return page(call, rows, size=100, most=300)

    def get(self, call: Call, key: str) -> Reply:
        return entity(call, _show(self._find(key)))

    def create(self, call: Call) -> Reply:
        body = call.body
        name, duration = body.get("displayName", ""), body.get("duration", "")
        extend = body.get("autoExtendDuration", "PT0S")
        roles = [role.get("roleDefinitionId") for role in (body.get("accessDetails") or {}).get("unifiedRoles", [])]
        if not 0 < len(name) <= 50:
            raise _bad("displayName must have 1 to 50 characters.")
        if not re.fullmatch(r"P(\d+D|[12]Y|\d+M)", duration):
            raise _bad("duration must lie between P1D and P2Y.")
        if not roles or None in roles:
            raise _bad("accessDetails.unifiedRoles must name at least one role.")
        if extend not in ("P0D", "PT0S", "P180D") or (extend == "P180D" and _GLOBAL_ADMIN in roles):
            raise _bad("autoExtendDuration is not valid for this relationship.")
        with self.tenant.lock:
            if any(gdap.display_name == name for gdap in self.tenant.relationships.values()):
                raise ApiError(409, "Conflict", "A delegated admin relationship of that displayName exists.")
            made = Gdap(name, duration, roles, extend, customer=body.get("customer"))
            self.tenant.relationships[made.id] = made
        return entity(call, _show(made), 201)

    def delete(self, call: Call, key: str) -> Reply:
        """Only in status `created`, and only with the right etag."""
        with self.tenant.lock:
            gdap = self._find(key)
            etag = call.headers.get("if-match")
            if etag is None:
                raise ApiError(428, "PreconditionRequired", "If-Match is required.")
            if etag not in (gdap.etag, "*"):
                raise ApiError(412, "PreconditionFailed", "The resource has changed since it was read.")
            if gdap.status != "created":
                raise _bad(f"A relationship in status {gdap.status} cannot be deleted.")
            del self.tenant.relationships[key]
        return Reply(204)

    def requests(self, call: Call, key: str) -> Reply:
        return page(call, list(self._find(key).requests), size=100, most=300)

    def request(self, call: Call, key: str) -> Reply:
        with self.tenant.lock:
            gdap = self._find(key)
            if call.headers.get("if-match") not in (None, gdap.etag, "*"):
                raise ApiError(412, "PreconditionFailed", "The resource has changed since it was read.")
            action = call.body.get("action")
            turns = {("lockForApproval", "created"): "approvalPending", ("terminate", "active"): "terminated"}
            if action in ("approve", "reject"):
                raise ApiError(403, "Forbidden", "Only the customer can answer the request.")
            if (action, gdap.status) not in turns:
                raise _bad(f"A relationship in status {gdap.status} does not take the action {action}.")
            if not gdap.refuses:
                gdap.turn(turns[action, gdap.status])
            outcome = "failed" if gdap.refuses else "succeeded"
            row = {"id": str(uuid4()), "action": action, "status": outcome, "createdDateTime": utc()}
            gdap.requests.append(row)
        return entity(call, row, 201)

    def assignments(self, call: Call, key: str) -> Reply:
        with self.tenant.lock:
            rows = [_show_assignment(made) for made in self._find(key).assignments]
            for made in self._find(key).assignments:
                made.status = "active"
        return page(call, rows, size=100, most=300)

    def assign(self, call: Call, key: str) -> Reply:
        """Only on an active relationship, to a group of the partner's, with roles that the customer approved."""
        container = call.body.get("accessContainer") or {}
        roles = [
            role.get("roleDefinitionId") for role in (call.body.get("accessDetails") or {}).get("unifiedRoles", [])
        ]
        with self.tenant.lock:
            gdap = self._find(key)
            if gdap.status != "active":
                raise _bad(f"A relationship in status {gdap.status} takes no access assignment.")
            if container.get("accessContainerType") != "securityGroup" or not roles or set(roles) - set(gdap.roles):
                raise _bad("accessContainer must be a security group, and the roles those of the relationship.")
            group = str(container.get("accessContainerId")).lower()
            if group not in self.groups:
                raise ApiError(404, "NotFound", f"The security group {group} was not found.")
            if any(made.group == group for made in gdap.assignments):
                raise ApiError(409, "Conflict", "An access assignment for this access container exists.")
            gdap.assignments.append(Assignment(group, roles))
            return entity(call, _show_assignment(gdap.assignments[-1]), 201)


def _show_assignment(made: Assignment) -> dict[str, Any]:
    return {
        "id": made.id,
        "status": made.status,
        "createdDateTime": utc(made.created),
        "lastModifiedDateTime": utc(made.created),
        "accessContainer": {"accessContainerId": made.group, "accessContainerType": "securityGroup"},
        "accessDetails": {"unifiedRoles": [{"roleDefinitionId": role} for role in made.roles]},
    }


def approve(tenant: Tenant, key: str) -> None:
    """Approve a relationship, as the customer's administrator. KeyError, ValueError: it does not wait for approval."""
    with tenant.lock:
        gdap = tenant.relationships[key]
        if gdap.status != "approvalPending":
            raise ValueError(f"status is {gdap.status}")
        gdap.customer = {"tenantId": tenant.id, "displayName": tenant.display_name}
        gdap.activated = datetime.now(UTC)
        gdap.turn("active")


def _bad(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def _show(gdap: Gdap) -> dict[str, Any]:
    return {
        "@odata.etag": gdap.etag,
        "id": gdap.id,
        "displayName": gdap.display_name,
        "duration": gdap.duration,
        "customer": gdap.customer,
        "accessDetails": {"unifiedRoles": [{"roleDefinitionId": role} for role in gdap.roles]},
        "autoExtendDuration": gdap.auto_extend,
        "status": gdap.status,
        "createdDateTime": utc(gdap.created),
        "lastModifiedDateTime": utc(gdap.created),
        "activatedDateTime": utc(gdap.activated) if gdap.activated else None,
        "endDateTime": None,
    }
