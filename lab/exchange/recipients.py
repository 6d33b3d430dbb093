"""Recipients as the shell of the old Exchange shows and finds them; shared by its cmdlets.

A row is (type name, properties). Property names and values are those of the Exchange Management Shell, complex ones as
`NetObject`; how they travel says `powershell/objects.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lab.exchange.powershell.cmdlet_contract import CmdletError
from lab.exchange.powershell.objects import NetObject, account, directory_id, enumeration
from lab.exchange.state import ExchangeState
from lab.mail_store import Mailbox

Row = tuple[str, dict[str, Any]]
MANAGEMENT = "Microsoft.Exchange.Data.Directory.Management"
KINDS = {
    "user": "UserMailbox",
    "shared": "SharedMailbox",
    "room": "RoomMailbox",
    "equipment": "EquipmentMailbox",
    "public_folder": "PublicFolder",
}
_DETAILS = {
    "UserMailbox": 1, "LinkedMailbox": 2, "SharedMailbox": 4, "RoomMailbox": 16, "EquipmentMailbox": 32,
    "MailContact": 64, "MailUser": 128, "MailUniversalDistributionGroup": 256, "MailNonUniversalGroup": 512,
    "MailUniversalSecurityGroup": 1024, "DynamicDistributionGroup": 2048, "PublicFolder": 4096,
    "SystemMailbox": 16384, "MailForestContact": 32768, "ArbitrationMailbox": 8388608, "DiscoveryMailbox": 536870912,
}  # fmt: skip
"""RecipientTypeDetails (Microsoft.Exchange.Data.Directory.Recipient)."""
_CREATED = datetime(2009, 3, 2, 9, tzinfo=UTC)


def canonical(state: ExchangeState, display_name: str) -> str:
    """What Identity shows: the place in the directory, `northwind.example/Company/Anna Berg`."""
    return f"{state.domains[0]}/Company/{display_name.replace('/', chr(92) + '/')}"


def identity_of(state: ExchangeState, address: str) -> str:
    """Identity of the mailbox, group or contact that has the address."""
    box = state.store.find(address)
    names = {group.address: group.display_name for group in state.directory.groups}
    names |= {recipient.address: recipient.display_name for recipient in state.directory.others}
    return canonical(state, box.display_name if box else names.get(address, address))


def logon_name(state: ExchangeState, address: str) -> str:
    """`NORTHWIND\\anna`"""
    return f"{state.domains[0].partition('.')[0].upper()}\\{address.partition('@')[0]}"


def trustee(state: ExchangeState, address: str) -> NetObject:
    """Somebody who was given a right, as the shell shows accounts."""
    return account(logon_name(state, address), f"S-1-5-21-1004336348-1177238915-682003330-{1100 + hash_of(address)}")


def hash_of(address: str) -> int:
    """The same number for the same address."""
    return sum(place * ord(letter) for place, letter in enumerate(address, 1))


def windows_account(state: ExchangeState, sid: str) -> NetObject:
    """One of Windows' own accounts (SELF, SYSTEM), named in the server's language."""
    return account(state.speech.accounts[sid], sid)


def recipient_type(details: str) -> NetObject:
    kind = "Microsoft.Exchange.Data.Directory.Recipient.RecipientTypeDetails"
    return enumeration(kind, details, _DETAILS.get(details, 0))


def entry(
    state: ExchangeState, address: str, name: str, *, aliases: Sequence[str] = (), dn: str = "", hidden: bool = False
) -> dict[str, Any]:
    """The properties that every recipient has."""
    others = [f"X500:{dn}" for dn in state.directory.x500.get(address, ())]
    return {
        "Name": name,
        "Identity": directory_id(canonical(state, name)),
        "Alias": address.partition("@")[0],
        "DisplayName": name,
        "PrimarySmtpAddress": address,
        "EmailAddresses": [f"SMTP:{address}", *(f"smtp:{alias}" for alias in aliases), *others],
        "LegacyExchangeDN": dn,
        "HiddenFromAddressListsEnabled": hidden,
        "WhenCreated": _CREATED,
    }


def mailbox_entry(state: ExchangeState, box: Mailbox) -> dict[str, Any]:
    return entry(
        state, box.address, box.display_name, aliases=box.aliases, dn=box.legacy_exchange_dn, hidden=box.hidden
    )


def mailboxes_asked(state: ExchangeState, asked: dict[str, Any]) -> list[Mailbox]:
    """Mailboxes that Identity (or Mailbox), Server or Database name; all of them where none is given."""
    this_server(state, asked.get("Server"))
    identity = asked.get("Identity", asked.get("Mailbox"))
    if identity is None:
        with state.store.lock:
            return [box for box in state.store.mailboxes.values() if box.kind != "public_folder"]
    named = str(identity).lower()
    boxes = [box] if (box := state.store.find(named)) is not None else _index(state).get(named, [])
    boxes = [box for box in boxes if box.kind != "public_folder"]
    if not boxes:
        raise object_missing(identity, state)
    return boxes


def _index(state: ExchangeState) -> dict[str, list[Mailbox]]:
    """Mailboxes by their other names; made anew when there are more or fewer."""
    with state.store.lock:
        boxes = list(state.store.mailboxes.values())
        if state.names[0] != len(boxes):
            by_name: dict[str, list[Mailbox]] = {}
            for box in boxes:
                for name in _names(state, box):
                    by_name.setdefault(name, []).append(box)
            state.names = (len(boxes), by_name)
        return state.names[1]


def _names(state: ExchangeState, box: Mailbox) -> tuple[str, ...]:
    return (
        box.address.partition("@")[0],
        box.display_name.lower(),
        box.legacy_exchange_dn.lower(),
        canonical(state, box.display_name).lower(),
        logon_name(state, box.address).lower(),
    )


def this_server(state: ExchangeState, named: Any) -> None:
    if named is not None and str(named).lower().partition(".")[0] != state.server.lower():
        raise object_missing(named, state)


def object_missing(identity: Any, state: ExchangeState) -> CmdletError:
    return CmdletError(
        state.speech.missing.format(identity, state.server.lower()),
        "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
        "A5F3D7B1,Microsoft.Exchange.Management.RecipientTasks",
        "InvalidData",
        terminating=False,
    )


def result_size(asked: dict[str, Any]) -> int | None:
    """ResultSize; 1000 unless told, as in life."""
    size = str(asked.get("ResultSize", 1000)).lower()
    return None if size == "unlimited" else int(size)


def bytes_shown(state: ExchangeState, size: int) -> NetObject:
    """A ByteQuantifiedSize. 2007 says `4366B`; later versions `4.264 KB (4,366 bytes)`."""
    return NetObject("Microsoft.Exchange.Data.ByteQuantifiedSize", _size_text(state, size))


def unlimited_bytes(state: ExchangeState, size: int) -> NetObject:
    """An Unlimited<ByteQuantifiedSize>, as quotas and totals are."""
    inner = bytes_shown(state, size)
    kind = f"Microsoft.Exchange.Data.Unlimited`1[[{inner.type}]]"
    return NetObject(kind, inner.text, {"IsUnlimited": False, "Value": inner})


def _size_text(state: ExchangeState, size: int) -> str:
    if state.major < 14:
        return f"{size}B"
    step = max((step for step in range(5) if size >= 1024**step), default=0)
    shown = state.speech.number(float(f"{size / 1024**step:.4g}"), ",.4g")
    return f"{shown} {('B', 'KB', 'MB', 'GB', 'TB')[step]} ({state.speech.number(size, ',')} bytes)"
