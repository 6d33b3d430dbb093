"""Recipients of a tenant that are made, changed and removed one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from pydantic import SecretStr

from mailmove.evidence import Finding
from mailmove.inventory.wanted_recipients import RecipientKind, WantedRecipient
from mailmove.tenant_state import DeletedUser

ADDRESS_TAKEN = "AddressTaken"
"""Code of the error: another object of the tenant has the address, the sign-in name, the name or the alias."""


class TenantCreation(ABC):
    """People, mailboxes without a person, contacts and groups. None of it is idempotent but where it says so."""

    @abstractmethod
    def findings(self) -> list[Finding]:
        """Rights that it needs, and that we were not given."""

    @abstractmethod
    def deleted(self) -> list[DeletedUser]:
        """Users who were deleted and can be restored."""

    @abstractmethod
    def make(self, recipient: WantedRecipient, alias: str, password: SecretStr | None) -> str:
        """Make it, without further addresses, members, owners and licence; its id, "": not shown.

        A person gets a user who must change the password at the first sign-in; a licence gives the mailbox, minutes
        later. password: of a person. Blocked with the code `AddressTaken`: another object stands in the way.
        """

    @abstractmethod
    def change_addresses(self, kind: RecipientKind, address: str, *, add: Sequence[str], remove: Sequence[str]) -> None:
        """Give and take further SMTP addresses; idempotent. Blocked with the code `AddressTaken`: one is another's."""

    @abstractmethod
    def change_member(self, group: str, member: str, *, belongs: bool) -> None:
        """Put somebody into a group, or take them out; idempotent."""

    @abstractmethod
    def change_owner(self, group: str, owner: str, *, owns: bool) -> None:
        """Have somebody manage a group, or no more; idempotent."""

    @abstractmethod
    def owners(self, groups: Sequence[str]) -> list[frozenset[str]]:
        """Of each group, what Exchange calls those who manage it, in lower case: ids, names or addresses."""

    @abstractmethod
    def item_count(self, mailbox: str) -> int | None:
        """Items in a mailbox, those that only Exchange sees left out; 0: there is no mailbox; None: not shown."""

    @abstractmethod
    def remove(self, kind: RecipientKind, identity: str) -> None:
        """Remove it, by id or address; one that is gone is no error. Microsoft keeps users for 30 days."""
