"""Which body of an item is its own, and which the old server only made from it when asked (MS-OXBBODY 2.1).

A server gives plain text, RTF and HTML of every item. Written all together, the last one would become the item's own:
an HTML message with RTF made of it loses pictures and widths. So one formatted body is written, and the plain text.
"""

from __future__ import annotations

from mailmove.items.stream.known.any_item import BODIES
from mailmove.items.stream.properties import Property, Tag
from mailmove.items.stream.property_types import PropertyType
from mailmove.items.stream.values import Value

NATIVE_BODY = Property(Tag(0x1016), PropertyType.INTEGER32, "PidTagNativeBody")
"""Asked for besides an item's own properties. Unverified: that EWS of 2007 tells it; else the rule decides."""
PLAIN, RTF, HTML = 1, 2, 3
_BODY = {known.title: known for known in BODIES}
IN_SYNC = _BODY["PidTagRtfInSync"]
FORMATTED = {RTF: _BODY["PidTagRtfCompressed"], HTML: _BODY["PidTagHtml"]}


def without_made_bodies(properties: dict[Property, Value]) -> dict[Property, Value]:
    """The same without the bodies that were made from another one, and without NATIVE_BODY."""
    native = _native(properties)
    made = {owner for kind, owner in FORMATTED.items() if kind != native}
    kept = {owner: value for owner, value in properties.items() if owner not in made and owner != NATIVE_BODY}
    if FORMATTED.keys() & {native} or made & properties.keys():
        kept[IN_SYNC] = native == RTF
    return kept


def _native(properties: dict[Property, Value]) -> int:
    """As the server says it, if that body is among them; else by what there is, and whether RTF is in step."""
    present = [kind for kind, owner in FORMATTED.items() if properties.get(owner)]
    named = properties.get(NATIVE_BODY)
    if isinstance(named, int) and (named == PLAIN or named in present):
        return named
    if len(present) == len(FORMATTED):
        return RTF if properties.get(IN_SYNC) is True else HTML
    return present[0] if present else PLAIN
