"""Findings about accepted domains of the old server that the plan does not name, and about disconnected mailboxes.

Facts: a batch refuses a mailbox whose primary address is in a domain that Microsoft 365 has not accepted
(NotAcceptedDomainException), and leaves other addresses of such domains out. RFC 6762 appendix G, RFC 8375 and ICANN's
resolution 2024.07.29.06 name the domains that nobody can reach from outside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mailmove.domain_names import shown, to_ascii
from mailmove.evidence import Finding
from mailmove.inventory.full import AcceptedDomain, DisconnectedMailbox, FullInventory
from mailmove.lists_in_words import some_of

_INSIDE = {
    "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa", "localdomain", "localhost",
}  # fmt: skip
"""Last parts of names that do not exist outside: no mail comes for them, and nobody can prove that they are theirs."""
_MICROSOFTS = ("onmicrosoft.com", "onmicrosoft.us", "partner.onmschina.cn", "onmicrosoft.de")
_PASSING_ON = {"internalrelay", "externalrelay"}
_NAMED = 20


def of_accepted_domains(inventory: FullInventory, planned: Sequence[str]) -> Iterator[Finding]:
    """A finding for each accepted domain beside the plan's, by name, with the addresses that are in it."""
    known = {_ascii(domain) for domain in planned}
    for domain in inventory.accepted_domains:
        if _ascii(domain.name) in known or _of_microsoft(_ascii(domain.name)):
            continue
        primary, others = _addresses(inventory, domain.name, known)
        if domain.name.startswith("*") and not (primary or others):
            continue  # it covers names below those of the plan, and nobody has an address there
        yield _inside(domain, primary, others) if is_inside(domain.name) else _outside(domain, primary, others)


def _outside(domain: AcceptedDomain, primary: list[str], others: list[str]) -> Finding:
    kind = domain.kind or "of an unknown type"
    passes_on = domain.kind.lower() in _PASSING_ON
    means = (
        "The old server passes its mail on to another one; whoever sends to it finds nobody after the switch."
        if passes_on and not primary
        else "Its mail still goes to the old server after the switch; the batch refuses primary addresses in it."
    )
    return Finding(
        code="AcceptedDomain",
        subject=shown(domain.name),
        seen=f"an accepted domain ({kind}) that is not in the plan; {_held(primary, others)}",
        means=means,
        todo="Name it in the plan's `domains`, or remove its addresses and the accepted domain from the old server."
        if not passes_on or primary
        else "Name it in the plan's `domains`, or let its MX lead elsewhere and remove the accepted domain.",
        blocks=True,
    )


def of_addresses_left(inventory: FullInventory, planned: Sequence[str]) -> Iterator[Finding]:
    """A finding for each domain that is neither accepted nor in the plan, and in which recipients have addresses."""
    known = {_ascii(domain) for domain in planned}
    accepted = [_ascii(domain.name) for domain in inventory.accepted_domains]
    primary, others = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for address, aliases in _people(inventory, contacts=False):
        for group, names in ((primary, (address,)), (others, aliases)):
            for name in names:
                host = _ascii(name.rpartition("@")[2])
                if host and host not in known and not any(_covers(domain, host) for domain in accepted):
                    group[host].add(name)
    for host in sorted({*primary, *others}):
        if _of_microsoft(host):
            continue
        boxes, inside = sorted(primary[host]), is_inside(host)
        yield Finding(
            code="AddressLeft",
            subject=shown(host),
            seen=f"neither an accepted domain nor in the plan; {_held(boxes, sorted(others[host] - primary[host]))}",
            means="The batch refuses mailboxes whose primary address is in it."
            if boxes
            else "No mail comes for it from outside; these addresses do not come along."
            if inside
            else "These addresses do not come along: mail that still comes for them, by a filter or another domain's "
            "forwarding, finds nobody after the switch.",
            todo=f"Give {some_of(boxes, _NAMED)} a primary address in a domain of the plan."
            if boxes
            else "Nothing to do."
            if inside
            else "Name the domain in the plan's `domains`, or remove these addresses on the old server.",
            needs_action=bool(boxes) or not inside,
            blocks=bool(boxes) or not inside,
        )


def _inside(domain: AcceptedDomain, primary: list[str], others: list[str]) -> Finding:
    """Only who has no other primary address is in the way."""
    return Finding(
        code="InnerDomain",
        subject=shown(domain.name),
        seen=f"an accepted domain ({domain.kind or 'of an unknown type'}) of the inner network, not in the plan; "
        f"{_held(primary, others)}",
        means="No mail comes for it from outside and Microsoft 365 cannot take it: addresses in it do not come along"
        + (", and the batch refuses mailboxes whose primary address it is." if primary else "."),
        todo=f"Give {some_of(primary, _NAMED)} a primary address in a domain of the plan."
        if primary
        else "Nothing to do.",
        needs_action=bool(primary),
        blocks=bool(primary),
    )


def of_disconnected(inventory: FullInventory) -> Iterator[Finding]:
    """A finding for each mailbox that the database still keeps without an owner."""
    for box in inventory.disconnected:
        since = f" since {box.since:%Y-%m-%d}" if box.since else ""
        items = f"{box.items:,} items" if box.items is not None else "an unknown number of items"
        why = f"{box.reason or 'without a reason'}{since}"
        yield Finding(
            subject=box.mailbox or box.display_name,
            seen=f"a disconnected mailbox '{box.display_name}' ({why}) with {items}",
            means=_meaning(box),
            todo="Nothing to do."
            if box.mailbox
            else "Ask whether its mail is still wanted; if so, connect it to a user before the cutover.",
            needs_action=not box.mailbox,
        )


def _meaning(box: DisconnectedMailbox) -> str:
    if box.mailbox:
        return f"It bears the name of {box.mailbox}, which is in use and whose own items are counted; it does not move."
    return "It belongs to nobody and does not move; Exchange deletes it when its retention has ended."


def _addresses(inventory: FullInventory, domain: str, planned: set[str]) -> tuple[list[str], list[str]]:
    """(primary, other) addresses in the domain."""
    people = _people(inventory)

    def inside(address: str) -> bool:
        host = _ascii(address.rpartition("@")[2])
        return host not in planned and _covers(_ascii(domain), host)

    primary = sorted({address for address, _ in people if inside(address)})
    others = sorted({alias for _, aliases in people for alias in aliases if inside(alias)} - set(primary))
    return primary, others


def _people(inventory: FullInventory, *, contacts: bool = True) -> list[tuple[str, tuple[str, ...]]]:
    """(primary address, other addresses) of every recipient; a contact's own address is often somebody else's."""
    people = [(box.address, box.aliases) for box in inventory.mailboxes]
    people += [(group.address, group.aliases) for group in inventory.groups]
    people += [(contact.address, contact.aliases) for contact in inventory.contacts if contacts]
    own = [recipient for recipient in inventory.others if contacts or "contact" not in recipient.kind.lower()]
    return people + [(recipient.address, recipient.aliases) for recipient in own]


def _covers(domain: str, host: str) -> bool:
    """`*.contoso.com` covers names below it, `*` every name."""
    if domain == "*":
        return bool(host)
    return host.endswith(domain[1:]) if domain.startswith("*.") else host == domain


def _held(primary: list[str], others: list[str]) -> str:
    if not primary and not others:
        return "nobody has an address in it"
    parts = (("primary addresses", primary), ("other addresses", others))
    return "; ".join(f"{words}: {some_of(addresses, _NAMED)}" for words, addresses in parts if addresses)


def is_inside(domain: str) -> bool:
    """Whether it exists in the inner network only: `kunde.local`, `kunde`."""
    name = _ascii(domain).removeprefix("*.")
    return "." not in name or any(name == last or name.endswith(f".{last}") for last in _INSIDE)


def _of_microsoft(domain: str) -> bool:
    """A name that Microsoft gave to the tenant: for mail between the two sides of a hybrid."""
    return any(domain == name or domain.endswith(f".{name}") for name in _MICROSOFTS)


def _ascii(domain: str) -> str:
    """Without the last dot, as DNS has it."""
    name = domain.strip().rstrip(".").lower()
    try:
        return to_ascii(name)
    except ValueError:
        return name
