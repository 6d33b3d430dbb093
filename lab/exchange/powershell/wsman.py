"""WS-Management envelopes as WinRM reads and writes them (MS-WSMV): one request in, one answer out."""

from __future__ import annotations

import base64
import re
import uuid
from dataclasses import dataclass
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "pwsh": "http://schemas.microsoft.com/powershell",
}
SHELL = NAMESPACES["rsp"]
RESOURCE = NAMESPACES["pwsh"]
KIND = "application/soap+xml;charset=UTF-8"

ACCESS_DENIED = 5
TIMED_OUT = 2150858793  # the client asks again
NO_SUCH_SHELL = 2150858843
NO_SUCH_RESOURCE = 2150858752
_SUBCODES = {ACCESS_DENIED: "w:AccessDenied", TIMED_OUT: "w:TimedOut", NO_SUCH_RESOURCE: "a:DestinationUnreachable"}


class BadEnvelope(Exception):
    """Not a WS-Management request."""


@dataclass(frozen=True)
class Request:
    action: str  # the last word of the action: Create, Command, Receive, Send, Signal, Delete, Get
    full_action: str
    message_id: str
    resource: str
    shell_id: str
    timeout: float  # seconds
    body: ET.Element

    def data(self, path: str) -> bytes:
        """What stands base64 in an element of the body; empty: there is none."""
        element = self.body.find(path, NAMESPACES)
        return base64.b64decode(element.text or "") if element is not None else b""

    def attribute(self, path: str, name: str) -> str:
        element = self.body.find(path, NAMESPACES)
        return element.get(name, "") if element is not None else ""

    def text(self, path: str) -> str:
        return self.body.findtext(path, "", NAMESPACES)


def read(text: bytes) -> Request:
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise BadEnvelope(str(error)) from error
    header, body = root.find("s:Header", NAMESPACES), root.find("s:Body", NAMESPACES)
    if header is None or body is None:
        raise BadEnvelope("no header or no body")
    action = header.findtext("a:Action", "", NAMESPACES)
    seconds = re.fullmatch(r"PT([\d.]+)S", header.findtext("w:OperationTimeout", "PT60S", NAMESPACES))
    selectors = header.findall("w:SelectorSet/w:Selector", NAMESPACES)
    return Request(
        action=action.rpartition("/")[2],
        full_action=action,
        message_id=header.findtext("a:MessageID", "", NAMESPACES),
        resource=header.findtext("w:ResourceURI", "", NAMESPACES),
        shell_id=next((s.text or "" for s in selectors if s.get("Name") == "ShellId"), "").upper(),
        timeout=float(seconds[1]) if seconds else 60.0,
        body=body,
    )


def answer(request: Request, body: str) -> bytes:
    return _envelope(f"{request.full_action}Response", request.message_id, body)


def fault(request: Request | None, code: int, reason: str) -> bytes:
    """A SOAP fault with a WSManFault in it; goes out with HTTP 500."""
    body = (
        f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>"
        f"{_SUBCODES.get(code, 'w:InternalError')}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{escape(reason)}</s:Text></s:Reason>'
        f'<s:Detail><f:WSManFault Code="{code}" Machine="exchange"><f:Message>{escape(reason)}</f:Message>'
        "</f:WSManFault></s:Detail></s:Fault>"
    )
    action = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
    return _envelope(action, request.message_id if request else "", body)


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    return (
        f"<s:Envelope {spaces}><s:Header><a:Action>{escape(action)}</a:Action>"
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
        f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def created(shell_id: str, resource: str, owner: str) -> str:
    """ResourceCreated must carry the ShellId selector: the client addresses the shell by it from then on."""
    reference = (
        f"<a:ReferenceParameters><w:ResourceURI>{escape(resource)}</w:ResourceURI>"
        f'<w:SelectorSet><w:Selector Name="ShellId">{shell_id}</w:Selector></w:SelectorSet></a:ReferenceParameters>'
    )
    shell = (
        f"<rsp:Shell><rsp:ShellId>{shell_id}</rsp:ShellId><rsp:ResourceUri>{escape(resource)}</rsp:ResourceUri>"
        f"<rsp:Owner>{escape(owner)}</rsp:Owner><rsp:State>Connected</rsp:State></rsp:Shell>"
    )
    return f"<x:ResourceCreated><a:Address>anonymous</a:Address>{reference}</x:ResourceCreated>{shell}"


def received(command_id: str, chunks: list[bytes], done: bool) -> str:
    named = f' CommandId="{command_id}"' if command_id else ""
    streams = "".join(
        f'<rsp:Stream Name="stdout"{named}>{base64.b64encode(chunk).decode()}</rsp:Stream>' for chunk in chunks
    )
    state = f'<rsp:CommandState{named} State="{SHELL}/CommandState/Done"/>' if done else ""
    return f"<rsp:ReceiveResponse>{streams}{state}</rsp:ReceiveResponse>"
