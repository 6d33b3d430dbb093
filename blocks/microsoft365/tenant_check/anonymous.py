"""Answers without names and secrets: the same name always gets the same replacement, so that an answer stays readable.

What may stay is listed, everything else is replaced: numbers, yes and no, dates, names of members and of classes,
values of enumerations, and Microsoft's own module, which is the same for everybody.
"""

from __future__ import annotations

import json
import re
from typing import Any

from blocks.microsoft365.tenant_check.judges import date_form

_STAYS = frozenset(
    """status statussummary recipienttype recipienttypedetails migrationtype batchdirection authentication accessrights
    endpointtype mailboxpermission domaintype code typename classname type @odata.type filename filecontent
    exportedcmdlets supportedservice recordtype authenticationtype supportedservices inheritancetype accesscontroltype
    dataconsistencyscore""".split()  # noqa: SIM905  # names read better as text
)
"""Members, in lower case, whose texts are Microsoft's own words; of an object there, its `Value`."""
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:(?P<kind>smtp|x500|sip):)?(?P<local>[^\s@:/]+)@(?P<domain>[\w.-]+)", re.IGNORECASE)
_DOMAIN = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]+\.?", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,]{0,60}")


class Anonymous:
    """Replaces, and remembers what stands for what as long as it lives; that is written nowhere."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def clean(self, value: Any, name: str = "") -> Any:
        """A copy of an answer. name: of the member whose value this is."""
        if isinstance(value, dict):
            kept = {key: inner for key, inner in value.items() if not key.startswith("@odata.next")}
            # {"Status": {"Value": "Synced"}}: a word of the enumeration, as the plain text would be
            return {key: self.clean(inner, name if key == "Value" else key) for key, inner in kept.items()}
        if isinstance(value, list):
            return [self.clean(inner, name) for inner in value]
        return self._text(value, name.lower()) if isinstance(value, str) else value

    def _text(self, text: str, name: str) -> str:
        if not text or date_form(text) or text.lower() in ("true", "false"):
            return text
        if name in ("filecontent", "exportedcmdlets", "filename"):
            return text
        if name in _STAYS and (_WORD.fullmatch(text) or name in ("typename", "classname", "type", "@odata.type")):
            return text
        if name == "message":
            return self._message(text)
        if _GUID.fullmatch(text):
            return self._numbered("guid", text, "00000000-0000-4000-8000-{:012}")
        if match := _ADDRESS.fullmatch(text):
            kind = f"{match['kind']}:" if match["kind"] else ""
            return f"{kind}{self._numbered('person', match['local'], 'person{}')}@{self._domain(match['domain'])}"
        return self._domain(text) if _DOMAIN.fullmatch(text) else self._numbered("text", text, "text {}")

    def _domain(self, name: str) -> str:
        dot = "." if name.endswith(".") else ""
        return self._numbered("domain", name.rstrip("."), "domain{}.example") + dot

    def _message(self, text: str) -> str:
        """An error's text: of JSON the classes stay, of `id|class|words` the class."""
        try:
            whole = json.loads(text) if text.lstrip().startswith("{") else None
        except (ValueError, RecursionError):
            whole = None
        if isinstance(whole, dict):
            return json.dumps(self.clean(whole))
        head, bar, words = text.rpartition("|")
        return f"{head}|{self._numbered('text', words, 'text {}')}" if bar else self._numbered("text", text, "text {}")

    def _numbered(self, kind: str, text: str, form: str) -> str:
        number = sum(known == kind for known, _ in self._known) + 1
        return self._known.setdefault((kind, text.lower()), form.format(number))
