"""The partner's side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from mailmove.plan.purchase import NewCustomer, Order, Price, Product, Purchase
from mailmove.tenant_state import (
    Relationship,
)


class Partner(ABC):
    """The partner's side of the customer relationship (GDAP through Graph; the rest from Partner Center)."""

    @abstractmethod
    def relationship(self, display_name: str) -> Relationship | None:
        """The newest live relationship of that name."""

    @abstractmethod
    def invite(self, display_name: str) -> Relationship:
        """Create the relationship with the least roles and lock it for approval; once only."""

    @abstractmethod
    def withdraw(self, relationship_id: str) -> None:
        """Terminate or delete it, as its state allows."""

    @abstractmethod
    def reseller_link(self) -> str:
        """The link with which the customer accepts us as reseller."""

    @abstractmethod
    def missing_access(self, relationship: Relationship) -> dict[str, str | None]:
        """What an active relationship still lacks before we can work in the tenant, by name -> as it stands."""

    @abstractmethod
    def give_access(self, relationship: Relationship) -> None:
        """Our group gets the roles, our application its consent. NotYet: Microsoft, or a person, is still at it."""

    @abstractmethod
    def waits_for(self, relationship: Relationship) -> str | None:
        """What an active relationship lacks that only the customer can give, with the link; None: nothing."""

    @abstractmethod
    def end_access(self, relationship: Relationship) -> None:
        """Take our application's consent back, while the relationship still lets us."""

    @abstractmethod
    def customer(self, domain: str) -> str | None:
        """Tenant id of a customer of ours by its first name; None: not ours. Blocked: somebody else has the name."""

    @abstractmethod
    def make_customer(self, wanted: NewCustomer) -> str:
        """Make the tenant, unless we have made it; its id. Its administrator's password goes into a block."""

    @abstractmethod
    def resells(self, customer: str) -> bool:
        """Has this customer (tenant id) accepted us as reseller? An order takes that, beside the relationship."""

    @abstractmethod
    def prices(self, wanted: Purchase) -> dict[str, Price]:
        """What each product costs, by catalog item. Blocked: one has no price; without a price nothing is bought."""

    @abstractmethod
    def orders(self, customer: str) -> list[Order]:
        """The customer's orders through us; a new one may show a quarter of an hour late."""

    @abstractmethod
    def fill_cart(self, customer: str, products: Sequence[Product], note: str) -> str:
        """Put them into a new cart, which is no order; its id. Blocked: one cannot be ordered, or we do not resell."""

    @abstractmethod
    def cart_ordered(self, customer: str, cart: str) -> bool | None:
        """Has this cart been ordered? None: there is no such cart any more."""

    @abstractmethod
    def check_out(self, customer: str, cart: str) -> None:
        """Order a cart. Spends money. The same cart twice is one order."""
