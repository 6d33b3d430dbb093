"""An Exchange 2007 on paper: answers GetItem and GetAttachment as MS-OXWSCORE, MS-OXWSATT and MS-OXWSXPROP say.

Of an item it shows the fields and extended properties that are asked for and that the item has, and no others; of an
attachment its content; of an attached item all fields, and the extended properties that are asked for. Written from
those pages, not from what the reader under test looks at.
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from lxml import etree
from pydantic import SecretStr

from blocks.exchange.ews.answers import Speaker
from blocks.exchange.ews.soap import EwsConnections
from mailmove.items.item import Item

SETS = {
    "Meeting": "6ed8da90-450b-101b-98da-00aa003f1305", "Appointment": "00062002-0000-0000-c000-000000000046",
    "Common": "00062008-0000-0000-c000-000000000046", "PublicStrings": "00020329-0000-0000-c000-000000000046",
    "Address": "00062004-0000-0000-c000-000000000046", "InternetHeaders": "00020386-0000-0000-c000-000000000046",
    "CalendarAssistant": "11000e07-b51b-40d6-af21-caa85edab1d0",
    "UnifiedMessaging": "4442858e-a9e3-4e80-b900-317a210cc15b",
}  # fmt: skip
NAMES = {
    "s": "http://schemas.xmlsoap.org/soap/envelope/",
    "m": "http://schemas.microsoft.com/exchange/services/2006/messages",
    "t": "http://schemas.microsoft.com/exchange/services/2006/types",
}
_OPEN = " ".join(f'xmlns:{short}="{name}"' for short, name in NAMES.items())
BOX = "anna@northwind.example"
Key = tuple[str, str]
"""('0x37', 'String'), or ('<guid> 0x8205' or '<guid> Keywords', type)."""


@dataclass
class Paper:
    """element: 'Message'. fields: their XML, by FieldURI. properties: text or texts. attachments: ids of them.

    occurrences: original start, start, end, id. error: instead of an answer.
    """

    item_class: str
    element: str = "Message"
    fields: dict[str, str] = field(default_factory=dict)
    properties: Mapping[Key, str | list[str]] = field(default_factory=dict)
    attachments: list[str] = field(default_factory=list)
    occurrences: list[tuple[str, str, str, str]] = field(default_factory=list)
    mime: str = ""
    error: str = ""


@dataclass
class File:
    """content: base64, as it goes over the wire. None: there is no such element."""

    name: str
    content: str | None = ""
    more: str = ""
    error: str = ""
    times: int = 1_000_000
    """Answers that are the error, before it passes."""


@dataclass
class Attached:
    name: str
    paper: Paper


class PaperEws(EwsConnections):
    """asked: how often each operation. ids: of each request."""

    def __init__(self, items: dict[str, Paper], attachments: Mapping[str, File | Attached] | None = None) -> None:
        super().__init__(
            "https://ews.example/", "a", SecretStr("b"), "basic", ssl.create_default_context(), sleep=lambda _: None
        )
        self.items, self.attachments = items, dict(attachments or {})
        self.asked: Counter[str] = Counter()
        self.ids: list[tuple[str, ...]] = []
        self.mute = False
        """Extended properties are not answered at all."""
        self.spoil: Callable[[bytes], bytes] = lambda answer: answer

    def listed(self, kind: str = "message", size: int | None = None) -> list[Item]:
        return [
            Item(id=name, folder=("Inbox",), kind=kind, item_class=paper.item_class, subject=name, size=size)
            for name, paper in self.items.items()
        ]

    def _post(self, speaker: Speaker, content: bytes) -> tuple[int, bytes]:
        request = etree.fromstring(content)[-1][0]
        operation = etree.QName(request).localname
        self.asked[operation] += 1
        answer = {"GetItem": self._items, "GetAttachment": self._attached, "GetFolder": self._folders}[operation]
        inner = "".join(answer(request))
        body = f"<m:{operation}Response><m:ResponseMessages>{inner}</m:ResponseMessages></m:{operation}Response>"
        head = '<s:Header><t:ServerVersionInfo MajorVersion="8" MinorVersion="3"/></s:Header>'
        whole = f"<s:Envelope {_OPEN}>{head}<s:Body>{body}</s:Body></s:Envelope>".encode()
        return 200, self.spoil(whole)

    def _folders(self, request: etree._Element) -> list[str]:
        folder = '<m:Folders><t:Folder><t:FolderId Id="{}"/></t:Folder></m:Folders>'
        return [
            _message("GetFolder", folder.format(one.get("Id")))
            for one in request.iterfind(".//{*}DistinguishedFolderId")
        ]

    def _items(self, request: etree._Element) -> list[str]:
        ids = tuple(one.get("Id") or "" for one in request.iterfind(".//{*}ItemId"))
        self.ids.append(ids)
        asked = {one.get("FieldURI") or "" for one in request.iterfind(".//{*}FieldURI")}
        mime = request.findtext(".//{*}IncludeMimeContent") == "true"
        papers = [self.items.get(one, Paper("", error="ErrorItemNotFound")) for one in ids]
        return [
            _message("GetItem", error=paper.error)
            if paper.error
            else _message("GetItem", f"<m:Items>{self._shown(one, paper, asked, request, mime)}</m:Items>")
            for one, paper in zip(ids, papers, strict=True)
        ]

    def _shown(self, identity: str, paper: Paper, asked: set[str] | None, request: etree._Element, mime: bool) -> str:
        """asked: None: all fields."""
        fields = dict(paper.fields) | {"item:ItemClass": f"<t:ItemClass>{paper.item_class}</t:ItemClass>"}
        if paper.attachments:
            fields["item:Attachments"] = (
                f"<t:Attachments>{''.join(map(self._metadata, paper.attachments))}</t:Attachments>"
            )
        if paper.occurrences:
            fields["calendar:ModifiedOccurrences"] = "<t:ModifiedOccurrences>" + "".join(
                f'<t:Occurrence><t:ItemId Id="{name}"/><t:Start>{start}</t:Start><t:End>{end}</t:End>'
                f"<t:OriginalStart>{original}</t:OriginalStart></t:Occurrence>"
                for original, start, end, name in paper.occurrences
            ) + "</t:ModifiedOccurrences>"  # fmt: skip
        extended = ""
        for uri in request.iterfind(".//{*}ExtendedFieldURI"):
            known: dict[Key, str | list[str]] = {("0x1a", "String"): paper.item_class}  # every item has a class
            known.update(paper.properties)
            value = None if self.mute else known.get(key_of(uri))
            if value is not None:
                texts = [_text(one) for one in ([value] if isinstance(value, str) else value)]
                inner = "".join(f"<t:Value>{one}</t:Value>" for one in texts)
                inner = inner if isinstance(value, str) else f"<t:Values>{inner}</t:Values>"
                spelled = " ".join(f'{name!s}="{text!s}"' for name, text in uri.attrib.items())
                extended += f"<t:ExtendedProperty><t:ExtendedFieldURI {spelled}/>{inner}</t:ExtendedProperty>"
        shown = "".join(xml for name, xml in fields.items() if asked is None or name in asked)
        content = f"<t:MimeContent CharacterSet='UTF-8'>{paper.mime}</t:MimeContent>" if mime and paper.mime else ""
        named = f'<t:ItemId Id="{identity}" ChangeKey="c"/>' if identity else ""
        return f"<t:{paper.element}>{content}{named}{shown}{extended}</t:{paper.element}>"

    def _metadata(self, identity: str) -> str:
        given = self.attachments[identity]
        kind = "File" if isinstance(given, File) else "Item"
        more = given.more if isinstance(given, File) else ""
        name = f"<t:Name>{_text(given.name)}</t:Name>"
        return f'<t:{kind}Attachment><t:AttachmentId Id="{identity}"/>{name}{more}</t:{kind}Attachment>'

    def _attached(self, request: etree._Element) -> list[str]:
        mime = request.findtext(".//{*}IncludeMimeContent") == "true"
        ids = tuple(one.get("Id") or "" for one in request.iterfind(".//{*}AttachmentId"))
        self.ids.append(ids)
        return [self._one_attached(one, request, mime) for one in ids]

    def _one_attached(self, identity: str, request: etree._Element, mime: bool) -> str:
        if identity not in self.attachments:
            return _message("GetAttachment", error="ErrorItemNotFound")
        given = self.attachments[identity]
        head = f'<t:AttachmentId Id="{identity}"/><t:Name>{_text(given.name)}</t:Name>'
        if isinstance(given, Attached):
            inner = self._shown("", given.paper, None, request, mime)
            return _message(
                "GetAttachment", f"<m:Attachments><t:ItemAttachment>{head}{inner}</t:ItemAttachment></m:Attachments>"
            )
        if given.error and given.times > 0:
            given.times -= 1
            return _message("GetAttachment", error=given.error)
        content = "" if given.content is None else f"<t:Content>{given.content}</t:Content>"
        return _message(
            "GetAttachment",
            f"<m:Attachments><t:FileAttachment>{head}{given.more}{content}</t:FileAttachment></m:Attachments>",
        )


def _message(operation: str, inner: str = "", error: str = "") -> str:
    kind, code = ("Error", error) if error else ("Success", "NoError")
    words = "<m:MessageText>in words</m:MessageText>" if error else ""
    return (
        f'<m:{operation}ResponseMessage ResponseClass="{kind}">{words}<m:ResponseCode>{code}</m:ResponseCode>{inner}'
        f"</m:{operation}ResponseMessage>"
    )


def key_of(uri: etree._Element) -> Key:
    """However it is spelled."""
    kind = uri.get("PropertyType") or ""
    if tag := uri.get("PropertyTag"):
        return hex(int(tag, 0)), kind
    place = SETS.get(uri.get("DistinguishedPropertySetId") or "") or str(UUID(uri.get("PropertySetId")))
    name = uri.get("PropertyName") or hex(int(uri.get("PropertyId") or ""))
    return f"{place} {name}", kind


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def person(tag: str, *addresses: tuple[str, str, str]) -> str:
    """addresses: name, address, routing type ('': not said)."""
    inner = "".join(
        f"<t:Mailbox><t:Name>{name}</t:Name>"
        + (f"<t:EmailAddress>{address}</t:EmailAddress>" if address else "")
        + (f"<t:RoutingType>{routing}</t:RoutingType>" if routing else "")
        + "</t:Mailbox>"
        for name, address, routing in addresses
    )
    return f"<t:{tag}>{inner}</t:{tag}>"
