"""One formatted body is written: the item's own, not the one that the server made of it."""

from __future__ import annotations

from typing import Any

import pytest

from mailmove.items.stream.best_body import NATIVE_BODY
from mailmove.items.stream.ews_item import EwsItem
from mailmove.items.stream.from_ews import item_of
from mailmove.items.stream.properties import Property, Tag
from mailmove.items.stream.property_types import PropertyType as T

PLAIN, RTF, HTML = Property(Tag(0x1000), T.STRING), Property(Tag(0x1009), T.BINARY), Property(Tag(0x1013), T.BINARY)
IN_SYNC = Property(Tag(0x0E1F), T.BOOLEAN)
ALL = {PLAIN: "text", RTF: "e1xy", HTML: "PGI+"}


@pytest.mark.parametrize(
    ("given", "kept", "in_sync"),
    [
        ({**ALL, NATIVE_BODY: "3", IN_SYNC: "true"}, {PLAIN, HTML}, False),
        ({**ALL, NATIVE_BODY: "2", IN_SYNC: "false"}, {PLAIN, RTF}, True),
        ({**ALL, NATIVE_BODY: "1"}, {PLAIN}, False),
        ({**ALL, NATIVE_BODY: "4"}, {PLAIN, HTML}, False),
        (ALL, {PLAIN, HTML}, False),
        ({**ALL, IN_SYNC: "true"}, {PLAIN, RTF}, True),
        ({**ALL, IN_SYNC: "false"}, {PLAIN, HTML}, False),
        ({PLAIN: "text", RTF: "e1xy", NATIVE_BODY: "3"}, {PLAIN, RTF}, True),
        ({HTML: "PGI+"}, {HTML}, False),
        ({RTF: "e1xy"}, {RTF}, True),
        ({RTF: "e1xy", HTML: ""}, {RTF}, True),
        ({PLAIN: "text"}, {PLAIN}, None),
        ({}, set(), None),
    ],
)
def test_the_body_that_is_kept(given: dict[Property, Any], kept: set[Property], in_sync: bool | None) -> None:
    properties = item_of(EwsItem("IPM.Note", given)).properties
    assert properties.keys() & {PLAIN, RTF, HTML} == kept
    assert properties.get(IN_SYNC) == in_sync and NATIVE_BODY not in properties
