"""Values as pypsrp can send them to PowerShell; `clixml` reads what comes back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET


def sent(value: Any) -> Any:
    """A value as pypsrp can send it; it has no datetime, and its ints are 32 bits."""
    if isinstance(value, datetime):
        element = ET.Element("DT")
        element.text = value.isoformat()
        return element
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**31:
        element = ET.Element("I64")
        element.text = str(value)
        return element
    if isinstance(value, (list, tuple)):
        return [sent(item) for item in value]
    return value
