"""POX Autodiscover (MS-OXDSCLI): where a mailbox is, for Outlook and for Microsoft's connectivity test."""

from __future__ import annotations

from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from lxml import etree

from lab.exchange.rpc_proxy import mailbox_identity
from lab.exchange.state import ExchangeState
from lab.exchange.web import WebHandler
from lab.exchange.web_auth import authenticated
from lab.faults import Faults, declare
from lab.mail_store import Mailbox

_ENVELOPE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

declare(exchange_autodiscover_down="Autodiscover answers 503")


class Autodiscover:
    """`serve` is the route for `/autodiscover/`."""

    def __init__(self, state: ExchangeState, faults: Faults, ews_url: str) -> None:
        self._state, self._faults, self._ews_url = state, faults, ews_url

    def serve(self, handler: WebHandler) -> None:
        if self._faults.take("exchange.autodiscover_down"):
            handler.reply(503, b"Service Unavailable")
            return
        if authenticated(handler, self._state.accounts, server=self._state.server) is None:
            return
        try:
            request = etree.fromstring(handler.body(), etree.XMLParser(resolve_entities=False))
            address = request.findtext(".//{*}EMailAddress") or ""
        except etree.XMLSyntaxError:
            address = ""
        if not address:
            body = self._error(600, "Invalid Request")
        elif (box := self._state.store.find(address)) is None or box.kind == "public_folder":
            body = self._error(500, "The e-mail address cannot be found.")
        else:
            body = self._settings(box)
        handler.reply(200, body, kind="text/xml; charset=utf-8")

    def _settings(self, box: Mailbox) -> bytes:
        server = self._state.server
        inside = mailbox_identity(box.address) if self._state.major >= 15 else f"{server}.local"
        protocols = [
            f"<Protocol><Type>EXCH</Type><Server>{inside}</Server><ServerDN>/o=First Organization/cn=Servers/cn="
            f"{server}</ServerDN><EwsUrl>{escape(self._ews_url)}</EwsUrl><ASUrl>{escape(self._ews_url)}</ASUrl></Protocol>"
        ]
        anywhere = self._state.working_outlook_anywhere()
        if anywhere is not None:
            method = anywhere.get("ClientAuthenticationMethod", "Basic")
            protocols.append(
                f"<Protocol><Type>EXPR</Type><Server>{escape(str(anywhere['ExternalHostname']))}</Server><SSL>On</SSL>"
                f"<AuthPackage>{escape(str(method))}</AuthPackage><EwsUrl>{escape(self._ews_url)}</EwsUrl></Protocol>"
            )
        owa = f"https://{urlsplit(self._ews_url).netloc}/owa"
        protocols.append(
            '<Protocol><Type>WEB</Type><Internal><OWAUrl AuthenticationMethod="Basic, Ntlm">'
            f"{escape(owa)}</OWAUrl></Internal></Protocol>"
        )
        return (
            f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{_ENVELOPE}"><Response xmlns="{_OUTLOOK}">'
            f"<User><DisplayName>{escape(box.display_name)}</DisplayName><LegacyDN>{escape(box.legacy_exchange_dn)}"
            f"</LegacyDN><AutoDiscoverSMTPAddress>{escape(box.address)}</AutoDiscoverSMTPAddress></User>"
            f"<Account><AccountType>email</AccountType><Action>settings</Action>{''.join(protocols)}</Account>"
            "</Response></Autodiscover>"
        ).encode()

    def _error(self, code: int, message: str) -> bytes:
        return (
            f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{_ENVELOPE}"><Response>'
            f'<Error Time="12:00:00.0000000" Id="1"><ErrorCode>{code}</ErrorCode><Message>{message}</Message>'
            "<DebugData/></Error></Response></Autodiscover>"
        ).encode()
