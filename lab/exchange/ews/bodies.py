"""Bodies of items: t:Body as it is asked for (Best, HTML, Text), from what is stored (MS-OXCMSG 2.2.1.56)."""

from __future__ import annotations

import re

from lab.cloud.item_stream.compressed_rtf import read_rtf
from lab.cloud.item_stream.property_types import codec_name
from lab.cloud.item_stream.stored import Properties
from lab.exchange.ews.xml import text_of

_TAGS = re.compile(r"<[^>]*>")
_CONTROL = re.compile(r"\\'[0-9a-f]{2}|\\[a-z]+-?\d* ?|[{}]", re.IGNORECASE)


def body_xml(properties: Properties, wanted: str) -> str:
    """wanted: Best, HTML, Text. A body that is not stored in that form is made of the other one."""
    html, text = _html(properties), properties.value(0x1000)
    if text is None and isinstance(rtf := properties.value(0x1009), bytes) and rtf:
        text = _CONTROL.sub("", read_rtf(rtf).decode("cp1252", "replace")).strip()
    if html is not None and wanted != "Text":
        return f'<t:Body BodyType="HTML">{text_of(html)}</t:Body>'
    if html is not None and text is None:
        text = _TAGS.sub("", html)
    if wanted == "HTML":
        page = f"<html><body>{text_of(str(text or ''))}</body></html>"
        return f'<t:Body BodyType="HTML">{text_of(page)}</t:Body>'
    return f'<t:Body BodyType="Text">{text_of(str(text or ""))}</t:Body>'


def _html(properties: Properties) -> str | None:
    """PidTagHtml, in the code page that PidTagInternetCodepage names."""
    html = properties.value(0x1013)
    if isinstance(html, str):
        return html
    if not isinstance(html, bytes) or not html:
        return None
    return html.decode(codec_name(properties.value(0x3FDE) or 65001) or "utf-8", "replace")
