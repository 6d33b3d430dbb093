"""Purchases by a direct partner for a customer: the plan's part, and prices and orders of Partner Center."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewCustomer(_Part):
    """A tenant that a direct partner creates, where the customer has none (Partner Center, billing profile)."""

    domain: str = Field(
        pattern=r"^[a-z0-9]{1,27}\.(onmicrosoft\.com|partner\.onmschina\.cn|onmicrosoft\.us)$",
        description="Its first name, for ever; put it into `tenant_id` of the tenant's block too",
        examples=["contoso.onmicrosoft.com"],
    )
    company: str = Field(min_length=1, description="Name of the company", examples=["Contoso Ltd"])
    first_name: str = Field(min_length=1, description="Of the person to be billed", examples=["Anna"])
    last_name: str = Field(min_length=1, examples=["Smith"], description="Of the same")
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", description="Of the same", examples=["anna@contoso.com"])
    phone: str = Field(default="", description="Of the same", examples=["+44 20 7946 0000"])
    address: str = Field(min_length=1, description="Street and number", examples=["1 High Street"])
    city: str = Field(min_length=1, description="City", examples=["London"])
    state: str = Field(default="", description="State or county, where the country has them", examples=["Kent"])
    postal_code: str = Field(min_length=1, description="Postal code", examples=["EC1A 1AA"])
    country: str = Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2", examples=["GB"])
    culture: str = Field(default="en-US", pattern=r"^[a-z]{2}-[A-Z]{2}$", description="Of bills", examples=["en-GB"])


class Product(_Part):
    """A product to order for the customer. Its price is read from the price sheet, and shown before it is ordered."""

    catalog_item: str = Field(
        pattern=r"^[A-Z0-9]+:[A-Z0-9]+:[A-Z0-9]+$",
        description="Product:SKU:availability of the partner's catalogue",
        examples=["CFQ7TTC0LH18:0001:CFQ7TTC0K971"],
    )
    quantity: int = Field(ge=1, le=10_000, description="Licences", examples=[14])
    term: Literal["P1M", "P1Y", "P3Y"] = Field(description="How long it binds, ISO 8601", examples=["P1M"])
    billing: Literal["monthly", "annual", "none"] = Field(
        description="How often it is billed; none: a trial", examples=["monthly"]
    )


class Purchase(_Part):
    """The order of a direct partner for the customer. Without this nothing is bought."""

    market: str = Field(
        pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2 country of the price sheet", examples=["GB"]
    )
    products: list[Product] = Field(min_length=1, max_length=20, description="One order line each")

    @field_validator("products")
    @classmethod
    def _once_each(cls, value: list[Product]) -> list[Product]:
        items = [product.catalog_item for product in value]
        twice = sorted({item for item in items if items.count(item) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}; write the whole quantity once")
        return value


class Price(BaseModel):
    """The partner's price of one licence, for the whole term or for one month, from the price sheet."""

    model_config = ConfigDict(frozen=True)

    title: str = Field(description="Name of product and SKU")
    unit_price: Decimal = Field(description="Before tax, per licence and billing period")
    currency: str = Field(description="ISO 4217")


class Order(BaseModel):
    """One line of an existing order."""

    model_config = ConfigDict(frozen=True)

    order_id: str
    catalog_item: str
    quantity: int
    status: str = Field(description="Of the order: pending, completed, ...")
    note: str = Field(description="friendlyName of the line: by this we know our own")
