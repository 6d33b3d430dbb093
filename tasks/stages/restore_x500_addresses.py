"""After the first sync: the names by which old mail knows people, so that a reply to it arrives.

Outlook answers internal mail by legacyExchangeDN. Kept as an X500 proxy address, such a reply finds its way; lost, it
bounces as IMCEAEX 5.1.1 (KB 2807779).
"""

from __future__ import annotations

from mailmove.evidence import Change, Evidence, Preview, Receipt
from mailmove.plan.cutover import Cutover
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import source_server, tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back

NAME = "restore_x500_addresses"
_OF = "X500 addresses of "


def _preview(cutover: Cutover) -> Preview:
    standing, changes = tenant(cutover).mailboxes.x500(), []
    for box in source_server(cutover).inventory().moving:
        held = standing.get(box.address)
        if held is None:
            continue  # not copied yet
        spelt = {one.lower() for one in held}
        lacking = {one for one in (box.legacy_exchange_dn, *box.x500) if one and one.lower() not in spelt}
        if lacking:
            changes.append(Change(what=_OF + box.address, before=sorted(held), after=sorted(held | lacking)))
    return Preview(stage=NAME, changes=changes)


@look
def check(cutover: Cutover) -> Preview:
    """Which mailboxes lack a name that they had on the old server."""
    return _preview(cutover)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Only added to: what Microsoft or somebody else has put there stays."""

    def add(preview: Preview) -> None:
        for one in preview.changes:
            added = frozenset(one.after) - frozenset(one.before)
            tenant(cutover).mailboxes.change_x500(one.what.removeprefix(_OF), add=added, remove=frozenset())

    return act(cutover, lambda: _preview(cutover), add, approved=approved)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Read back from every mailbox."""
    held = tenant(cutover).mailboxes.x500()
    boxes = [box.address for box in source_server(cutover).inventory().moving]
    return witness(cutover, NAME, [f"{address}: {len(held.get(address, ()))} X500 addresses" for address in boxes])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Take away what we added; mailboxes that are gone are left."""

    def ours() -> dict[str, frozenset[str]]:
        held = tenant(cutover).mailboxes.x500()
        added = {one.what: frozenset(one.after) - frozenset(one.before) for one in receipt.changes}
        left = {what: names & held.get(what.removeprefix(_OF), frozenset()) for what, names in added.items()}
        return {what: names for what, names in left.items() if names}

    def remove() -> None:
        for what, names in ours().items():
            tenant(cutover).mailboxes.change_x500(what.removeprefix(_OF), add=frozenset(), remove=names)

    return undo(receipt, lambda: [one for one in receipt.changes if one.what in ours()], remove)
