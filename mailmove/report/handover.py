"""The people, their phones, and the sending machines that the cutover concerns, from the inventory."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from mailmove.inventory.devices import named
from mailmove.inventory.full import FullInventory, Phone
from mailmove.report.words import size_words


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class Person(_Row):
    """A mailbox that moves. Shared and resource mailboxes too; those belong to nobody."""

    address: str
    name: str
    kind: str = Field(description="user, shared, room or equipment")
    items: int | None = None
    size: int | None = Field(default=None, description="Bytes; None: the server did not say")
    phones: tuple[str, ...] = ()


class Machine(_Row):
    """A machine that sends through the old server."""

    address: str
    host: str
    senders: tuple[str, ...]
    messages: int


class Handover(_Row):
    """The part of an inventory that the report needs; small enough to be kept with every cutover."""

    server: str = Field(description="'Exchange 8.3.83.6 on SBS2008'")
    people: tuple[Person, ...]
    machines: tuple[Machine, ...]

    @property
    def bytes(self) -> int:
        """Of the mailboxes whose size is known."""
        return sum(person.size for person in self.people if person.size is not None)

    @property
    def unsized(self) -> int:
        """Mailboxes of which the server does not say how large they are."""
        return sum(person.size is None for person in self.people)

    @property
    def volume(self) -> str:
        """For people: `3.2 GB`, `at least 3.2 GB (2 mailboxes of unknown size)`."""
        if not self.unsized:
            return size_words(self.bytes)
        return f"at least {size_words(self.bytes)} ({self.unsized} of unknown size)" if self.bytes else "size unknown"


def handover_of(inventory: FullInventory) -> Handover:
    """The moving mailboxes in the inventory's order; machines with the most mail first."""
    phones: dict[str, list[str]] = {}
    for phone in inventory.phones:
        phones.setdefault(phone.mailbox, []).append(_shown(phone))
    return Handover(
        server=f"Exchange {inventory.version} on {inventory.server}",
        people=tuple(
            Person(
                address=box.address,
                name=box.display_name,
                kind=box.kind,
                items=box.item_count,
                size=box.size,
                phones=tuple(phones.get(box.address, ())),
            )
            for box in inventory.moving
        ),
        machines=tuple(
            Machine(address=relay.client_ip, host=relay.host, senders=relay.senders, messages=relay.messages)
            for relay in sorted(inventory.relays, key=lambda relay: -relay.messages)
        ),
    )


def _shown(phone: Phone) -> str:
    return named(phone) + (f", last seen {phone.last_sync:%Y-%m-%d}" if phone.last_sync else "")
