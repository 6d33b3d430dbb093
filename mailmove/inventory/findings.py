"""Findings from an inventory: what each fact means for the move, and what to do. Pure functions.

Facts: Microsoft's pages on cutover migration ("What you need to know about a cutover email migration", "Migrate public
folders"), KB 2584294 and KB 2807779. What no page says is worded as a likelihood.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mailmove.evidence import Finding
from mailmove.inventory.connector_findings import of_connectors, of_shared_domains, of_transport_rules
from mailmove.inventory.devices import of_phones, of_relays
from mailmove.inventory.domains import of_accepted_domains, of_addresses_left, of_disconnected
from mailmove.inventory.full import LARGEST_ITEM, Forwarding, FullInventory, Group
from mailmove.inventory.server import SourceMailbox
from mailmove.inventory.sign_in_names import findings_of_sign_in_names

SUPPORTED, RECOMMENDED = 2000, 150
"""Mailboxes in one cutover batch, by Microsoft's cutover page."""
_WITHOUT_LICENCE = 50 * 1024**3
"""Bytes; largest shared or resource mailbox without a licence."""
_KINDS = {"shared": "a shared mailbox", "room": "a room mailbox", "equipment": "an equipment mailbox"}
_EXCHANGES_OWN = {
    "ArbitrationMailbox", "AuditLogMailbox", "DiscoveryMailbox", "MicrosoftExchange", "MonitoringMailbox",
    "SystemAttendantMailbox", "SystemMailbox",
}  # fmt: skip


def findings_of(inventory: FullInventory, planned: Sequence[str] | None = None) -> list[Finding]:
    """Findings: by name what the batch does not move unchanged, by count what it does.

    planned: the plan's domains; None: there is no plan, and nothing is said about domains.
    """
    return [
        *_of_size(inventory),
        *_of_what_was_not_read(inventory),
        *(of_accepted_domains(inventory, planned) if planned is not None else ()),
        *(of_addresses_left(inventory, planned) if planned is not None else ()),
        *(of_shared_domains(inventory, planned) if planned is not None else ()),
        *_of_mailboxes(inventory),
        *of_disconnected(inventory),
        *findings_of_sign_in_names(inventory.moving),
        *_of_large_items(inventory),
        *_of_archives(inventory),
        *_of_public_folders(inventory),
        *_of_forwardings(inventory),
        *_of_grants(inventory),
        *_of_groups(inventory),
        *_of_other_recipients(inventory),
        *_of_addresses(inventory),
        *of_phones(inventory),
        *of_relays(inventory),
        *of_connectors(inventory),
        *of_transport_rules(inventory),
    ]


def _of_size(inventory: FullInventory) -> Iterator[Finding]:
    count = len(inventory.moving)
    if count > RECOMMENDED:
        yield Finding(
            subject="size",
            seen=f"{count:,} mailboxes",
            means=f"Microsoft supports {SUPPORTED:,} in a cutover and recommends no more than {RECOMMENDED}.",
            todo="Expect several days." if count <= SUPPORTED else "Use another way: staged or hybrid migration.",
            blocks=count > SUPPORTED,
        )


def _of_what_was_not_read(inventory: FullInventory) -> Iterator[Finding]:
    for part in inventory.not_read:
        yield Finding(
            subject=part.what,
            seen=f"could not be read: {part.why}",
            means="There may be some that nobody has been told of.",
            todo="Look by hand, or give the account the right that is missing, and run preflight again.",
        )


def _of_mailboxes(inventory: FullInventory) -> Iterator[Finding]:
    for box in inventory.mailboxes:
        if box.hidden:
            yield Finding(
                subject=box.address,
                seen="hidden from the address list",
                means="Microsoft's batch leaves it out without a word.",
                todo="Show it in the address list before the cutover, if it is to move.",
            )
        if box.kind in _KINDS:
            yield Finding(
                subject=box.address,
                seen=_KINDS[box.kind],
                means="It arrives as an ordinary user mailbox.",
                todo=_after_first_sync(box),
            )


def _after_first_sync(box: SourceMailbox) -> str:
    again = f"it is made {_KINDS[box.kind]} again after the first sync"
    if box.size is None:
        return f"Look up its size: {again}, and needs no licence up to 50 GB; how much it holds could not be read."
    if box.size > _WITHOUT_LICENCE:
        return f"Buy a licence: {again}, but holds {_shown(box.size)}; above 50 GB it needs a licence of its own."
    return f"Nothing: {again}, and needs no licence."


def _of_large_items(inventory: FullInventory) -> Iterator[Finding]:
    for item in inventory.large_items:
        yield Finding(
            subject=item.mailbox,
            seen=f"'{item.subject}' in {item.folder} is {_shown(item.size)}",
            means=f"An item above {LARGEST_ITEM // 1024**2} MB does not move, and may fail the whole mailbox.",
            todo="Save it elsewhere and delete it from the mailbox before the cutover.",
        )


def _of_archives(inventory: FullInventory) -> Iterator[Finding]:
    for archive in inventory.archives:
        size = f", {_shown(archive.size)}" if archive.size is not None else ", of a size that could not be read"
        content = f", {archive.items:,} items{size}" if archive.items is not None else ""
        yield Finding(
            subject=archive.mailbox,
            seen=f"an archive mailbox '{archive.name}'{content}",
            means="A cutover batch moves the mailbox and not its archive.",
            todo="Bring its items back into the mailbox, or export it to a PST file and import that afterwards.",
        )


def _of_public_folders(inventory: FullInventory) -> Iterator[Finding]:
    major = int(inventory.version.split(".")[0])
    if major < 14:
        route = (
            "From Exchange 2007 there is no direct route: replicate the folders to an Exchange 2010 SP3 RU8 or later "
            "and migrate them from there, or copy their content into a shared mailbox with Outlook."
        )
    elif major == 14:
        route = "Microsoft's batch migration of public folders needs Exchange 2010 SP3 RU8, after the mailboxes."
    else:
        route = "Use Microsoft's batch migration of public folders, after the mailboxes."
    for box in inventory.mailboxes:
        if box.kind == "public_folder":
            yield Finding(
                subject=box.address,
                seen="a mail-enabled public folder",
                means="A cutover batch does not move it; after the switch, mail to its address bounces.",
                todo=f"Make a shared mailbox or a group with its address before the switch. {route}",
            )


def _of_forwardings(inventory: FullInventory) -> Iterator[Finding]:
    domains = {box.address.partition("@")[2] for box in inventory.mailboxes}
    domains |= {domain.name for domain in inventory.accepted_domains}
    contacts = {contact.address: contact.target for contact in inventory.contacts if contact.target}
    for forwarding in inventory.forwardings:
        target = contacts.get(forwarding.to, forwarding.to)
        outside = target.rpartition("@")[2] not in domains
        how = f"by the inbox rule '{forwarding.rule}'" if forwarding.rule else "by a setting of the mailbox"
        copy = "" if forwarding.rule else ", a copy stays" if forwarding.keeps_copy else ", no copy stays"
        off = "" if forwarding.enabled else " (switched off)"
        yield Finding(
            subject=forwarding.mailbox,
            code="ForwardsOutside" if outside else "Forwards",
            seen=f"forwards to {forwarding.to}{f' ({target})' if target != forwarding.to else ''} {how}{copy}{off}",
            means=_meaning(forwarding, outside),
            todo="Ask whether it is still wanted; set it again at Microsoft 365 after the first sync."
            + (" Allow it in the outbound spam policy: forwarding outside is off there by default." if outside else ""),
        )


def _meaning(forwarding: Forwarding, outside: bool) -> str:
    if forwarding.rule:
        return "Whether the rule comes along is not sure; while both run, mail may be forwarded twice."
    target = "an address outside" if outside else "a colleague"
    return f"The setting does not come along; mail for {target} would end in this mailbox unseen."


def _of_grants(inventory: FullInventory) -> Iterator[Finding]:
    granted: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for grant in inventory.grants:
        granted[grant.mailbox][grant.right].append(grant.trustee)
    words = {"full_access": "full access", "send_as": "send as", "send_on_behalf": "send on behalf"}
    for mailbox, rights in sorted(granted.items()):
        yield Finding(
            subject=mailbox,
            seen="; ".join(f"{words[right]}: {', '.join(who)}" for right, who in sorted(rights.items())),
            means="A cutover does not carry permissions; Mailmove gives them again after the first sync.",
            todo=_by_hand([who for trustees in rights.values() for who in trustees]),
        )


def _by_hand(trustees: list[str]) -> str:
    strangers = sorted({trustee for trustee in trustees if "@" not in trustee})
    if not strangers:
        return "Nothing to do."
    return f"No address is known of {', '.join(strangers)}: if they still matter, give them to somebody who has one."


def _of_groups(inventory: FullInventory) -> Iterator[Finding]:
    plain = [group for group in inventory.groups if group.kind == "distribution"]
    if plain:
        yield Finding(
            subject="distribution groups",
            seen=f"{len(plain)}: {', '.join(group.address for group in plain)}",
            means="They come along with their members.",
            todo="Nothing to do.",
            needs_action=False,
        )
    for group in inventory.groups:
        if group.kind == "security":
            yield Finding(
                subject=group.address,
                seen=f"a mail-enabled security group of {len(group.members)}",
                means="It arrives as a distribution group and grants no rights any more.",
                todo="Make an empty mail-enabled security group with this address at Microsoft 365 before the batch.",
            )
        elif group.kind == "dynamic":
            yield Finding(
                subject=group.address,
                seen="a dynamic distribution group",
                means="A cutover does not carry it; mail to it bounces after the switch.",
                todo="Make it again at Microsoft 365 with a filter that fits there.",
            )
        if group.hidden:
            yield _hidden(group)


def _hidden(group: Group) -> Finding:
    return Finding(
        subject=group.address,
        seen="a group hidden from the address list",
        means="Microsoft's batch goes by the address list; it is likely to leave it out without a word.",
        todo="Show it in the address list before the cutover, and hide it again afterwards.",
    )


def _of_other_recipients(inventory: FullInventory) -> Iterator[Finding]:
    if inventory.contacts:
        yield Finding(
            subject="contacts",
            seen=f"{len(inventory.contacts)}: {', '.join(contact.address for contact in inventory.contacts)}",
            means="Mail contacts and mail users come along.",
            todo="Look afterwards that each still leads where it should.",
        )
    own = [recipient for recipient in inventory.others if recipient.kind in _EXCHANGES_OWN]
    if own:
        yield Finding(
            subject="Exchange's own mailboxes",
            seen=", ".join(recipient.display_name for recipient in own),
            means="They belong to the old server and are not carried.",
            todo="Nothing to do.",
            needs_action=False,
        )
    for recipient in inventory.others:
        if recipient.kind not in _EXCHANGES_OWN:
            yield Finding(
                subject=recipient.address or recipient.display_name,
                seen=f"a recipient of the kind {recipient.kind}",
                means="There is no rule for this kind; whether it comes along is not known.",
                todo="Look at it by hand, and decide what shall take its mail after the switch.",
            )


def _of_addresses(inventory: FullInventory) -> Iterator[Finding]:
    named = [box for box in inventory.moving if box.legacy_exchange_dn]
    if named:
        more = sum(len(addresses) for addresses in inventory.x500.values())
        besides = f", and {more} more X500 addresses" if more else ""
        yield Finding(
            subject="X500 addresses",
            seen=f"{len(named)} mailboxes have a legacyExchangeDN" + besides,
            means="Replies to old mail and Outlook's suggestions go by it; lost, they bounce as IMCEAEX (KB 2807779).",
            todo="Nothing to do: after the first sync each becomes an X500 address at Microsoft 365.",
            needs_action=False,
        )


def _shown(size: int) -> str:
    """`150.0 MB`, `51.20 GB`"""
    return f"{size / 1024**2:,.1f} MB" if size < 1024**3 else f"{size / 1024**3:,.2f} GB"
