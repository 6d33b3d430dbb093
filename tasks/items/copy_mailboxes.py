"""Our own copy of whole mailboxes, where the plan says `mover: direct`."""

from __future__ import annotations

from prefect.settings import PREFECT_HOME

from mailmove.disk_full import room_in
from mailmove.errors import Blocked
from mailmove.items.copy.interfaces import Moved
from mailmove.items.copy.mover import DirectMover, in_folder
from mailmove.plan.cutover import Cutover
from mailmove.ports import SourceServer, TenantItems
from tasks.execution.open_blocks import source_server, tenant
from tasks.items.copy_progress import CopyProgress
from tasks.ledger.ledger import this_cutover


def is_direct(cutover: Cutover) -> bool:
    return cutover.target.mover == "direct"


def copy_mailboxes(cutover: Cutover) -> list[Moved]:
    """Everything that is not there yet. Called again, it goes on where it stopped.

    Its journals lie on this worker's disk; where they are lost, both sides are compared first. Blocked: a mailbox is
    missing in the tenant.
    """
    missing = missing_mailboxes(cutover)
    if missing:
        raise Blocked(
            "Exchange Online",
            wanted="a mailbox for everybody who moves",
            seen=f"none for {', '.join(missing)}",
            todo="Make them in the admin centre: people with a licence, shared, room and equipment mailboxes as such.",
        )
    origin, destination = sides(cutover)
    folder = PREFECT_HOME.value() / "mailmove" / cutover.customer / str(this_cutover())
    folder.mkdir(parents=True, exist_ok=True)
    mover = DirectMover(origin.origin(), destination.destination(), in_folder(folder))
    boxes = [box.address for box in source_server(cutover).inventory().moving]
    with room_in(folder):
        return mover.move(boxes, CopyProgress(cutover).show)


def missing_mailboxes(cutover: Cutover) -> list[str]:
    here = tenant(cutover).mailboxes.kinds()
    return [box.address for box in source_server(cutover).inventory().moving if box.address not in here]


def sides(cutover: Cutover) -> tuple[SourceServer, TenantItems]:
    """From where a copy of our own reads, and where it stores."""
    source, cloud = source_server(cutover), tenant(cutover)
    return source, cloud.items


def lines_of(moved: list[Moved]) -> list[str]:
    """What a copy came to; what was left is named."""
    counted = [f"{one.mailbox}: {one.copied} items copied, {one.found} there already" for one in moved]
    left = [
        f"{one.mailbox}: left {item.kind} '{item.subject}' in {item.folder}: {why}"
        for one in moved
        for item, why in one.left
    ]
    return [*counted, *left]
