"""Reads the old server's mailboxes by EWS, raw SOAP over a real socket, with the migration endpoint's account."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from types import TracebackType
from typing import Any, Self
from xml.sax.saxutils import escape, quoteattr

import httpx
from lxml import etree

from lab.cloud.rpc_probe import CANNOT_CONNECT, Reach, Unreachable
from lab.cloud.tenant import MigrationEndpoint
from lab.item_parts import ContactParts, contact_mime, event_parts
from lab.mail_store import kept_name

_M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
_T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
    ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">'
    '<s:Header><t:RequestServerVersion Version="Exchange2007_SP1"/></s:Header><s:Body>{}</s:Body></s:Envelope>'
)
_PAGE = 500
_KINDS = {"CalendarItem": "event", "Contact": "contact"}
_CONTACT = (
    '<t:FieldURI FieldURI="contacts:DisplayName"/>'
    '<t:IndexedFieldURI FieldURI="contacts:EmailAddress" FieldIndex="EmailAddress1"/>'
)
_FORBIDDEN = re.compile(rb"&#(?:x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));")
"""References to characters that XML 1.0 does not have; Exchange writes them all the same (ews-java-api 233)."""
_PATIENCE = 20  # times that a busy server is asked again


@dataclass(frozen=True)
class Read:
    """One item as read; `mime` is None when the server refused it, then `why` says so."""

    id: str
    mime: bytes | None
    received: datetime | None
    why: str = ""


class EwsSource:
    """`with EwsSource(reach, endpoint) as source:`; Unreachable when the server does not answer as it must."""

    def __init__(self, reach: Reach, endpoint: MigrationEndpoint) -> None:
        host = endpoint.rpc_proxy_server
        self._url = f"https://{reach.address_of(host)}:{reach.https_port}/EWS/Exchange.asmx"
        self._headers = {"Host": f"{host}:{reach.https_port}", "Content-Type": "text/xml; charset=utf-8"}
        self._name = {"sni_hostname": host}
        self._client = httpx.Client(
            auth=(endpoint.user, endpoint.password), verify=reach.trusted, trust_env=False, timeout=30
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def folders(self, mailbox: str) -> dict[str, str]:
        """Folder id -> path from the mailbox's root, for every folder."""
        owner = f"<t:Mailbox><t:EmailAddress>{escape(mailbox)}</t:EmailAddress></t:Mailbox>"
        answer = self._ask(
            '<m:FindFolder Traversal="Deep"><m:FolderShape><t:BaseShape>Default</t:BaseShape><t:AdditionalProperties>'
            '<t:FieldURI FieldURI="folder:ParentFolderId"/></t:AdditionalProperties></m:FolderShape>'
            f'<m:ParentFolderIds><t:DistinguishedFolderId Id="msgfolderroot">{owner}</t:DistinguishedFolderId>'
            "</m:ParentFolderIds></m:FindFolder>"
        )
        folders: dict[str, tuple[str, str]] = {}
        for folder in answer.iter(*(f"{_T}{name}" for name in ("Folder", "CalendarFolder", "ContactsFolder"))):
            parent = folder.find(f"{_T}ParentFolderId")
            name = folder.findtext(f"{_T}DisplayName") or ""
            folders[folder.find(f"{_T}FolderId").get("Id")] = ("" if parent is None else parent.get("Id"), name)
        return {identity: _path(folders, identity) for identity in folders}

    def item_ids(self, folder: str) -> list[tuple[str, str]]:
        """(id, kind) of the items of a folder, each once: what arrives meanwhile moves others to the next page."""
        ids: list[tuple[str, str]] = []
        while True:
            answer = self._ask(
                '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>'
                f'<m:IndexedPageItemView MaxEntriesReturned="{_PAGE}" Offset="{len(ids)}" BasePoint="Beginning"/>'
                f"<m:ParentFolderIds><t:FolderId Id={quoteattr(folder)}/></m:ParentFolderIds></m:FindItem>"
            )
            page = [(element.get("Id"), _kind(element.getparent())) for element in answer.iter(f"{_T}ItemId")]
            ids += page
            root = next(answer.iter(f"{_M}RootFolder"))
            if root.get("IncludesLastItemInRange") == "true" or not page:
                return list(dict(ids).items())

    def items(self, ids: list[str], kind: str) -> Iterator[Read]:
        """The content of items of one kind; one that the server refuses is yielded without it."""
        # Exchange 2007 has no MIME for contacts: they are read by their properties.
        contact = kind == "contact"
        wanted = "".join(f"<t:ItemId Id={quoteattr(identity)}/>" for identity in ids)
        answer = self._ask(
            "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
            f"<t:IncludeMimeContent>{'false' if contact else 'true'}</t:IncludeMimeContent><t:AdditionalProperties>"
            f'<t:FieldURI FieldURI="item:DateTimeReceived"/>{_CONTACT if contact else ""}'
            f"</t:AdditionalProperties></m:ItemShape><m:ItemIds>{wanted}</m:ItemIds></m:GetItem>"
        )
        messages = list(answer.iter(f"{_M}GetItemResponseMessage"))
        if len(messages) != len(ids):
            raise Unreachable(f"The remote server answered {len(messages)} of {len(ids)} items.")
        for identity, message in zip(ids, messages, strict=True):
            items = message.find(f"{_M}Items")
            if message.get("ResponseClass") != "Success" or items is None or not len(items):
                yield Read(identity, None, None, message.findtext(f"{_M}ResponseCode") or "no content")
                continue
            received = items[0].findtext(f"{_T}DateTimeReceived")
            mime = _mime(items[0], kind)
            why = "" if mime else "no content"
            yield Read(identity, mime, datetime.fromisoformat(received) if received else None, why)

    def _ask(self, body: str) -> Any:
        """The answer's tree. A busy server is asked again after the time it names, as a patient service does."""
        for _ in range(_PATIENCE):
            try:
                answer = self._client.post(
                    self._url, content=_ENVELOPE.format(body).encode(), headers=self._headers, extensions=self._name
                )
                tree: Any = _tree(answer.content)
            except (httpx.HTTPError, etree.XMLSyntaxError) as error:
                raise Unreachable(f"{CANNOT_CONNECT} ({error})") from None
            codes = list(tree.iter("{*}ResponseCode")) if tree is not None else []
            if not any(code.text == "ErrorServerBusy" for code in codes):
                break
            waits = [value.text for value in tree.iter("{*}Value") if value.get("Name") == "BackOffMilliseconds"]
            time.sleep(min(int(waits[0]) / 1000 if waits else 0.5, 2))
        if answer.status_code != 200 or not codes:
            raise Unreachable(f"{CANNOT_CONNECT} (HTTP {answer.status_code})")
        for code in codes:
            if code.text != "NoError" and "GetItem" not in str(code.getparent().tag):
                raise Unreachable(f"The remote server answered {code.text}.")
        return tree


def _kind(item: Any) -> str:
    return _KINDS.get(etree.QName(item).localname, "message")


def _tree(answer: bytes) -> Any:
    return etree.fromstring(_FORBIDDEN.sub("\ufffd".encode(), answer)) if answer[:1] == b"<" else None


def _mime(item: Any, kind: str) -> bytes | None:
    """The item as the lab files it: RFC 5322 outside, whatever kind it is. None: there is no content to be read."""
    if kind == "contact":
        emails = [entry.text or "" for entry in item.iter(f"{_T}Entry")]
        return contact_mime(ContactParts(item.findtext(f"{_T}DisplayName") or "", emails[0] if emails else ""))
    try:
        content = base64.b64decode(item.findtext(f"{_T}MimeContent") or "")
    except binascii.Error:
        return None
    if kind != "event" or not content:
        return content or None
    # EWS gives the bare iCalendar stream.
    subject = Header(event_parts(content).subject, "utf-8", maxlinelen=200).encode()
    return f"Subject: {subject}\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n".encode() + content


def _path(folders: dict[str, tuple[str, str]], identity: str) -> str:
    parts: list[str] = []
    while identity in folders:
        identity, name = folders[identity]
        parts.insert(0, kept_name(name))
    return "/".join(parts)
