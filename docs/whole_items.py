"""Writes the page about which way items go in a copy of our own, and what they lose."""

from __future__ import annotations

from mailmove.items.copy.batches import LARGEST_IMPORT
from mailmove.items.copy.losses import CONVERTED, NOT_CONVERTED, WRITTEN, families
from mailmove.items.copy.ways import WORDS
from mailmove.items.item_class import people_call


def whole_items_page() -> str:
    """The whole text of `docs/whole-items.md`, but for the note at its top."""
    lines = [
        "# Which way an item goes, and what it loses", "",
        "For `mover: direct`, and for single items that Microsoft's batch left behind. The way is chosen for a mailbox",
        "in `mailmove/items/copy/ways.py`; the report says how many items went which way, class by class.", "",
        "| way | when | how |", "|---|---|---|",
        f"| exported | the old server is 2010 SP1 or later, and the target imports | {WORDS['exported']} |",
        f"| written | the old server is older, and the target imports | {WORDS['written']} |",
        f"| converted | the target imports nothing: no right, or a cloud without it | {WORDS['converted']} |", "",
        "A folder keeps its class: tasks, notes and journal entries have folders of their own at the target. An item",
        "among others of another kind (a contact in Deleted Items, a distribution list among contacts) stays in its",
        f"place. An item of more than {LARGEST_IMPORT * 3 // 4 // 1_000_000} MB is left, and named with its size.", "",
        "## Written: what a stream of ours cannot carry", "",
        "Every property that Microsoft publishes for the class of the item goes along, and fields that its own form",
        "defines. These do not:", "",
        "| what | why | what the target has instead | properties |", "|---|---|---|---|",
        *(
            f"| {loss.part} | {loss.why} | {loss.instead} | {', '.join(loss.titles)} |"
            for loss in WRITTEN
        ),
        "",
        "An attachment or changed occurrence that the old server refuses for good is left out, and named in the report",
        "with its item. An item that cannot be written whole in any other way is left, and named.", "",
        "## Converted: what Graph does not make", "",
        "| items | lose |", "|---|---|",
        *(f"| {people_call(family)} | {CONVERTED.get(family, NOT_CONVERTED)} |" for family in families()),
    ]  # fmt: skip
    return "\n".join(lines)
