"""The customer's Microsoft 365, as a handful of small ports: what belongs together is one part of the tenant."""

from __future__ import annotations

from mailmove.ports.tenant.creation import TenantCreation
from mailmove.ports.tenant.dkim import TenantDkim
from mailmove.ports.tenant.domains import TenantDomains
from mailmove.ports.tenant.items import TenantItems
from mailmove.ports.tenant.mail_rules import TenantMailRules
from mailmove.ports.tenant.mailboxes import TenantMailboxes
from mailmove.ports.tenant.messages import TenantMessages
from mailmove.ports.tenant.migration import TenantMigration
from mailmove.ports.tenant.permissions import TenantPermissions
from mailmove.ports.tenant.recipients import TenantRecipients
from mailmove.ports.tenant.sign_ins import TenantSignIns
from mailmove.ports.tenant.tenant import Tenant
from mailmove.ports.tenant.users import TenantUsers

__all__ = [
    "Tenant",
    "TenantCreation",
    "TenantDkim",
    "TenantDomains",
    "TenantItems",
    "TenantMailRules",
    "TenantMailboxes",
    "TenantMessages",
    "TenantMigration",
    "TenantPermissions",
    "TenantRecipients",
    "TenantSignIns",
    "TenantUsers",
]
