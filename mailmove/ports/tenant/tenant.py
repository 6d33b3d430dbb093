"""The customer's tenant, which hands out its parts."""

from __future__ import annotations

from abc import abstractmethod

from mailmove.ports.clock import HasClock
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
from mailmove.ports.tenant.users import TenantUsers


class Tenant(HasClock):
    """The customer's Microsoft 365: directory, Exchange Online and its migration service.

    The parts share one sign-in, which is made by the first question to any of them. Asking for a part may raise
    Blocked: the block's settings are not complete.
    """

    @property
    @abstractmethod
    def domains(self) -> TenantDomains:
        """Its domains."""

    @property
    @abstractmethod
    def dkim(self) -> TenantDkim:
        """Signing of the mail of its domains."""

    @property
    @abstractmethod
    def migration(self) -> TenantMigration:
        """Microsoft's migration service: endpoint, batch and users."""

    @property
    @abstractmethod
    def recipients(self) -> TenantRecipients:
        """Everybody and everything that holds an address."""

    @property
    @abstractmethod
    def creation(self) -> TenantCreation:
        """Recipients that are made, changed and removed one by one."""

    @property
    @abstractmethod
    def mailboxes(self) -> TenantMailboxes:
        """Kinds and X500 addresses of its mailboxes."""

    @property
    @abstractmethod
    def permissions(self) -> TenantPermissions:
        """Who may open a mailbox, send as it or on its behalf."""

    @property
    @abstractmethod
    def users(self) -> TenantUsers:
        """Licences and passwords of its users."""

    @property
    @abstractmethod
    def messages(self) -> TenantMessages:
        """Single messages, and the trace of what arrived."""

    @property
    @abstractmethod
    def items(self) -> TenantItems:
        """All items of its mailboxes: what changed, and where a copy goes."""

    @property
    @abstractmethod
    def mail_rules(self) -> TenantMailRules:
        """How mail that comes to it is judged."""

    @property
    @abstractmethod
    def sign_ins(self) -> TenantSignIns:
        """What people meet when they sign in, and their access passes."""
