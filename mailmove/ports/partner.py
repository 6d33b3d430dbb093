"""The port of the partner's access."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from mailmove.plan.purchase import NewCustomer, Order, Price, Product, Purchase
from mailmove.tenant_state import (
    Relationship,
)


class Partner(ABC):
    """The partner's side of the customer relationship (GDAP by Graph; the rest by Partner Center)."""

    @abstractmethod
    def relationship(self, display_name: str) -> Relationship | None:
        """The newest relationship of that name that is not over, in whatever state."""

    @abstractmethod
    def ended_relationship(self, display_name: str) -> Relationship | None:
        """The newest of that name that is over, where there is none that is not; None: there never was one."""

    @abstractmethod
    def invite(self, display_name: str) -> Relationship:
        """Create the relationship with the least roles and lock it for approval; idempotent."""

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
        """Take our application's consent back, while the relationship still lets us; only where it was given."""

    @abstractmethod
    def is_consent(self, relationship: Relationship, access: str) -> bool:
        """Is this, by its name in `missing_access`, the consent, which `end_access` takes back? The roles of our group
        go with the relationship.
        """

    @abstractmethod
    def customer(self, domain: str) -> str | None:
        """Tenant id of a customer of ours by its first name; None: not ours. Blocked: somebody else has the name."""

    @abstractmethod
    def make_customer(self, wanted: NewCustomer) -> str:
        """Create the tenant, unless we have created it; returns its id. Its administrator's password is put into a
        block."""

    @abstractmethod
    def resells(self, customer: str) -> bool:
        """Has this customer (tenant id) accepted us as reseller? An order needs it, besides the relationship."""

    @abstractmethod
    def agreement_accepted(self, customer: str) -> bool:
        """Has this customer (tenant id) accepted the Microsoft Customer Agreement? Without it nothing is sold to them.
        Asked of customers that we resell to."""

    @abstractmethod
    def agreement_link(self) -> str:
        """Where the customer's administrator accepts it."""

    @abstractmethod
    def prices(self, wanted: Purchase) -> dict[str, Price]:
        """Price of each product, by catalog item. Blocked: a product has no price, so nothing is bought."""

    @abstractmethod
    def orders(self, customer: str) -> list[Order]:
        """The customer's orders through us; a new one may show a quarter of an hour late."""

    @abstractmethod
    def fill_cart(self, customer: str, products: Sequence[Product], note: str) -> str:
        """Put the products into a new cart, which is no order; returns its id. Blocked: a product cannot be ordered, or
        we do not resell to the customer."""

    @abstractmethod
    def cart_ordered(self, customer: str, cart: str) -> bool | None:
        """Has this cart been ordered? None: there is no such cart any more."""

    @abstractmethod
    def check_out(self, customer: str, cart: str) -> None:
        """Order a cart. Spends money. Idempotent: the same cart twice is one order."""
