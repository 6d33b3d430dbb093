"""Exchange Web Services of the old server (MS-OXWS*): enough of it for exchangelib as it comes, 2007 SP1 to 2016."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from lab.exchange.ews.directory import convert_id, get_server_time_zones, resolve_names
from lab.exchange.ews.folders import find_folder, get_folder
from lab.exchange.ews.items import (
    Synchronisation,
    create_item,
    delete_item,
    export_items,
    find_item,
    get_attachment,
    get_item,
    upload_items,
)
from lab.exchange.ews.session import Session, newest_api, open_session
from lab.exchange.ews.sickness import spoil_answer
from lab.exchange.ews.xml import SOAP, Element, EwsError, envelope, fault, local
from lab.exchange.state import ExchangeState
from lab.exchange.web import WebHandler
from lab.exchange.web_auth import authenticated
from lab.faults import Faults, declare

declare(
    exchange_ews_busy="EWS answers ErrorServerBusy and asks for 300 ms of patience",
    exchange_ews_down="EWS answers 503",
    exchange_password_changed="every sign-in to EWS is refused",
)
BACK_OFF_MS = 300
Operation = Callable[[Session, Element], str]


class Ews:
    """`serve` is the route for `/ews/`."""

    def __init__(self, state: ExchangeState, faults: Faults) -> None:
        self._state, self._faults = state, faults
        self._operations: dict[str, Operation] = {
            "GetFolder": get_folder,
            "FindFolder": find_folder,
            "FindItem": find_item,
            "GetItem": get_item,
            "GetAttachment": get_attachment,
            "CreateItem": create_item,
            "DeleteItem": delete_item,
            "SyncFolderItems": Synchronisation(faults),
            "ResolveNames": resolve_names,
            "ConvertId": convert_id,
        }
        if state.major > 8:
            self._operations["GetServerTimeZones"] = get_server_time_zones
        if state.major > 8 and not state.version.startswith("14.0"):
            self._operations |= {"ExportItems": export_items, "UploadItems": upload_items}

    def serve(self, handler: WebHandler) -> None:
        if self._faults.take("exchange.ews_down"):
            handler.reply(503, b"Service Unavailable")
            return
        accounts = {} if self._faults.take("exchange.password_changed") else self._state.accounts
        account = authenticated(handler, accounts, server=self._state.server)
        if account is None:
            return
        if handler.command != "POST":
            handler.reply(200, b"<html><body>Service</body></html>")
            return
        try:
            answer, status = self._answer(account, handler.body()), 200
        except EwsError as error:
            answer, status = fault(error), 500
        content, kind = envelope(self._header(), answer), "text/xml; charset=utf-8"
        if status == 200:
            content, kind = spoil_answer(self._faults, content)
        handler.reply(status, content, kind=kind)

    def _answer(self, account: str, body: bytes) -> str:
        try:
            root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, huge_tree=True))
        except etree.XMLSyntaxError as error:
            raise EwsError("ErrorSchemaValidation", f"The request is not XML: {error}", fault=True) from None
        content = root.find(f"{{{SOAP}}}Body")
        if content is None or len(content) != 1:
            raise EwsError("ErrorSchemaValidation", "The SOAP body must hold one element.", fault=True)
        session = open_session(self._state, self._faults, account, root.find(f"{{{SOAP}}}Header"))
        if self._faults.take("exchange.ews_busy"):
            raise EwsError(
                "ErrorServerBusy", "The server cannot service this request right now.", fault=True, back_off=BACK_OFF_MS
            )
        name = local(content[0])
        operation = self._operations.get(name)
        if operation is None:
            raise EwsError("ErrorInvalidRequest", f"This server does not know the operation {name}.", fault=True)
        messages = operation(session, content[0])
        return f"<m:{name}Response><m:ResponseMessages>{messages}</m:ResponseMessages></m:{name}Response>"

    def _header(self) -> str:
        major, minor, build, revision = self._state.version.split(".")
        api = "" if self._state.major == 8 else f' Version="{newest_api(self._state.version)}"'
        return (
            f'<t:ServerVersionInfo MajorVersion="{major}" MinorVersion="{minor}" MajorBuildNumber="{build}" '
            f'MinorBuildNumber="{revision}"{api}/>'
        )
