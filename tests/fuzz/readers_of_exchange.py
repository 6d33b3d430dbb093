"""Readers of the old server: EWS, Autodiscover. Answers: the lab's, and the cases'."""

from __future__ import annotations

import base64
import contextlib
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import requests
import spnego
from answers import Answer, Shape
from hurry import Hurry
from memory_wire import TapeAdapter
from mutate_text import bytes_mutation
from mutate_xml import xml_mutation
from pydantic import SecretStr
from reader import NAMED, Case, Reader
from readers_of_texts import RECORDED
from tape import Tape, TapeServer
from taped_case import taped_case

from blocks.exchange.ews.client import EwsClient
from blocks.exchange.ews.copy_source import EwsOrigin
from blocks.exchange.ews.soap import EwsConnections
from blocks.exchange.ews.sync_changes import EwsChanges
from blocks.tls_roots import tls_context
from lab.authority import Authority
from lab.company import Company, make_company
from lab.exchange.ntlm import Acceptor
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.mail_store import StoredItem
from lab.places import Places
from mailmove.items.copy.interfaces import Content, Way
from mailmove.items.copy.rate_limits import UNLIMITED, Pace
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import StateLost
from mailmove.outlook_anywhere.autodiscover import Names, autodiscover_steps
from mailmove.outlook_anywhere.password_rule import PasswordRule
from mailmove.outlook_anywhere.rpc_http import Account
from mailmove.outlook_anywhere.steps import Deadline

DOMAIN = "northwind.example"
ANNA = f"anna@{DOMAIN}"
_ITEMS = frozenset(
    {"Message", "CalendarItem", "Contact", "Task", "Item", "MeetingRequest", "DistributionList", "Create", "Update",
     "Delete", "ReadFlagChange", "PostItem"}
)  # fmt: skip
_FOLDERS = frozenset({"Folder", "CalendarFolder", "ContactsFolder", "TasksFolder", "SearchFolder"})
_SHAPE = Shape(
    records=_ITEMS | _FOLDERS | {"GetFolderResponseMessage"},
    lists=frozenset({"Items", "Folders", "Changes"}),
    free=frozenset({"@Id"}),
)
_UNNAMED = frozenset(
    {"Subject", "DisplayName", "DateTimeReceived", "Size", "InternetMessageId", "UID", "Start", "End", "TotalCount",
     "@ChangeKey", "EmailAddresses", "Entry", "@Key", "IncludesLastItemInRange", "@IncludesLastItemInRange",
     "@TotalItemsInView", "ServerVersionInfo", "Header", "@MajorVersion", "@MinorVersion", "ParentFolderId",
     "ChildFolderCount", "FolderClass", "ItemClass"}
)  # fmt: skip
"""What an item may lack, and is an item all the same; or what ends a list early, as its last page would."""


@dataclass
class Taped:
    """A server of tapes in front of the lab's old server."""

    server: TapeServer
    old: OldExchange
    company: Company
    authority: Authority
    places: Places
    connections: TapedConnections

    def case(self, name: str, read: Callable[[], Any]) -> Case:
        """What `read` asks for is recorded now; later it is given the same, spoiled."""
        return taped_case(self.server, name, read)

    def played(self, name: str, tape: Tape, read: Callable[[], Any]) -> Case:
        return taped_case(self.server, name, read, tape)


def small_company() -> Company:
    """One mailbox, with a few items of each kind in few folders: exchangelib asks about every folder."""
    company = make_company(users=1, shared=0, public_folders=0, messages=30, domain=DOMAIN)
    box = company.mailbox(ANNA)
    chosen: list[StoredItem] = []
    for kind, most in (("message", 3), ("event", 2), ("contact", 2)):
        of_kind = [item for item in box.items.values() if item.kind == kind]
        chosen += [item for item in of_kind if item.folder == of_kind[0].folder][:most]
    return replace(company, mailboxes=(replace(box, items={item.id: item for item in chosen}),))


class TapedConnections(EwsConnections):
    """Over a tape, in memory; waiting costs no time."""

    tape_server: TapeServer

    def __init__(self, server: TapeServer, company: Company, tls: ssl.SSLContext, at_once: int = 8,
                 kind: Literal["basic", "ntlm"] = "basic") -> None:  # fmt: skip
        hurry = Hurry()
        super().__init__(f"{server.base}/EWS/Exchange.asmx", company.admin, SecretStr(company.accounts[company.admin]),
                         kind, tls, at_once=at_once, patience=0.0, sleep=hurry.sleep)  # fmt: skip
        self.tape_server = server
        self._pace = Pace(replace(UNLIMITED, at_once=at_once), clock=hurry.monotonic, sleep=hurry.sleep)

    def _new_session(self) -> requests.Session:
        session = super()._new_session()
        session.mount("https://", TapeAdapter(self.tape_server))
        return session


@contextlib.contextmanager
def taped_server(version: str) -> Iterator[Taped]:
    places, authority, faults = Places(), Authority(), Faults()
    company = small_company()
    domains = [DOMAIN, f"autodiscover.{DOMAIN}", places.host(60)]
    with OldExchange(places, authority, company, faults, version=version) as old:
        upstream = old.ews_url.rpartition("/EWS")[0]
        with TapeServer(places.host(60), authority.server_context(places.host(60), *domains), upstream) as server:
            connections = TapedConnections(server, company, tls_context(authority.pem))
            yield Taped(server, old, company, authority, places, connections)
            connections.close()


def _of_contents(contents: list[Content]) -> Counter[str]:
    """Bytes of each item's content; one that is named as missing is whole."""
    counted: Counter[str] = Counter()
    for content in contents:
        fields = content.fields or {}
        amount = len(content.mime or "") + len(content.stream or "") + sum(len(str(value)) for value in fields.values())
        counted[content.item.id] = 10**9 if content.missing else amount
    return counted


def _of_items(items: list[Item]) -> Counter[str]:
    return Counter({item.id: 1 for item in items if item.id})


def _of_folders(folders: list[Any]) -> Counter[str]:
    return Counter({folder.id: 1 for folder in folders if folder.id})


def ews_readers(taped: Taped) -> list[Reader]:
    origin, changes = EwsOrigin(taped.connections), EwsChanges(taped.connections)

    def items() -> list[Item]:
        return [item for folder in folders for item in EwsOrigin(taped.connections).items(ANNA, folder)]

    def changed() -> list[Item]:
        pages = [page for folder in places for page in EwsChanges(taped.connections).changes(ANNA, folder, None)]
        return [item for page in pages for item in page.items]

    listing = taped.case("folders", lambda: EwsOrigin(taped.connections).folders(ANNA))
    folders = [folder for folder in origin.folders(ANNA) if folder.count][:5]
    places = [folder for folder in changes.folders(ANNA) if folder.id in {known.id for known in folders}]
    reading = taped.case("items", items)
    every = items()
    by_kind = {kind: [item for item in every if item.kind == kind][:4] for kind in ("message", "event", "contact")}

    def contents(some: list[Item], way: Way) -> Callable[[], list[Content]]:
        return lambda: EwsOrigin(taped.connections).contents(ANNA, some, way=way)

    fetching = [taped.case(f"{kind} contents", contents(some, "converted")) for kind, some in by_kind.items() if some]
    if taped.connections.server_version >= (14, 1):
        fetching.append(taped.case("streams", contents(by_kind["message"], "exported")))
    fetching += [_of_case(taped, name, contents) for name in _CONTENT_FILES]
    syncing = taped.case("changes", changed)
    return [
        Reader("EWS folders", [listing], [xml_mutation], _SHAPE, _of_folders, _UNNAMED),
        Reader("EWS items", [reading], [xml_mutation], _SHAPE, _of_items, _UNNAMED),
        Reader("EWS contents", fetching, [xml_mutation], Shape(), _of_contents, _CONTACT_MAY_LACK),
        Reader("EWS changes", [syncing], [xml_mutation], _SHAPE, _of_items, _UNNAMED, (StateLost,)),
    ]


_CONTENT_FILES = (
    "02_one_item_corrupt",
    "03_one_item_without_conversion",
    "05_success_without_mimecontent",
    "12_contact",
)
_CONTACT_MAY_LACK = frozenset(
    {"DisplayName", "GivenName", "MiddleName", "Surname", "CompanyName", "Department", "JobTitle", "FileAs",
     "EmailAddresses", "PhoneNumbers", "Entry", "@Key", "PhysicalAddresses", "Body", "Birthday", "Street", "City",
     "State", "CountryOrRegion", "PostalCode", "MessageText", "ServerVersionInfo", "Header", "Notes", "Categories",
     "ImAddresses", "BusinessHomePage", "Companies", "String", "SpouseName", "Manager", "Nickname", "Initials",
     "CompleteName", "Generation", "OfficeLocation", "Profession", "AssistantName", "WeddingAnniversary", "Sensitivity",
     "Title", "Suffix", "FirstName", "LastName", "FullName", "YomiFirstName", "YomiLastName"}
)  # fmt: skip
"""A contact without a telephone number is a contact."""


def _of_case(taped: Taped, name: str, contents: Callable[[list[Item], Way], Callable[[], Any]]) -> Case:
    body = (RECORDED / f"{name}.xml").read_bytes()
    kind = "contact" if "contact" in name else "message"
    ids = ("c",) if kind == "contact" else ("a", "b")
    items = [Item(id=item, folder=("Inbox",), kind=kind, key=f"k{item}") for item in ids]
    answer = Answer(body, 200, (("Content-Type", "text/xml; charset=utf-8"),))
    read = contents(items, "converted")
    return taped.played(name, Tape.of(answer), read)


def client_readers(taped: Taped) -> list[Reader]:
    def client() -> EwsClient:
        made = EwsClient(f"{taped.server.base}/EWS/Exchange.asmx", "anna", SecretStr("pw"), "basic", patience=0.0)
        made._ews = TapedConnections(taped.server, taped.company, tls_context(taped.authority.pem), at_once=1)
        return made

    def searching() -> list[Item]:
        with client() as ews:
            return list(ews.larger_than(ANNA, 1))

    large = taped.case("larger_than", searching)
    every = searching()
    messages = [item for item in every if item.message_id][:2]

    def found() -> list[Item]:
        with client() as ews:
            return list(ews.find(ANNA, [str(item.message_id) for item in messages]))

    def content() -> bytes:
        with client() as ews:
            return ews.content(ANNA, messages[0].id)

    return [
        Reader("EWS search", [large, taped.case("find", found)], [xml_mutation], _SHAPE, _of_items, _UNNAMED),
        Reader("EWS content", [taped.case("content", content)], [xml_mutation], Shape(),
               lambda mime: Counter({"bytes": len(mime)})),
    ]  # fmt: skip


def ntlm_readers(taped: Taped) -> list[Reader]:
    """The challenge of a sign-in by NTLM (MS-NLMP 2.2.1.2): a header, here as the body that is spoiled."""
    hello = spnego.client("anna", "pw", protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm).step() or b""
    challenge = Acceptor({"anna": "pw"}, "MAIL").challenge(hello)
    listing = taped.case("folders", lambda: EwsOrigin(taped.connections).folders(ANNA))

    def read(answers: Sequence[Answer]) -> Any:
        offered = Answer(b"", 401, (("WWW-Authenticate", "NTLM"),))
        asked = offered.with_header("WWW-Authenticate", f"NTLM {base64.b64encode(answers[0].body).decode()}")
        taped.server.tape = tape = Tape.of(offered, asked, *listing.answers)
        tape.play([exchange.answer for exchange in tape.exchanges])
        connections = TapedConnections(taped.server, taped.company, tls_context(taped.authority.pem), kind="ntlm")
        return EwsOrigin(connections).folders(ANNA)

    case = Case("challenge", [Answer(challenge)], read)
    return [Reader("EWS by NTLM", [case], [bytes_mutation], Shape(), _of_folders)]


def autodiscover_readers(taped: Taped) -> list[Reader]:
    port = int(taped.server.base.rpartition(":")[2])
    names = Names(lambda host: [taped.places.host(60)], lambda name: None, port, port, taped.authority.pem)
    account = Account(taped.connections._username, taped.connections._password)

    def read() -> Any:
        return autodiscover_steps(names, ANNA, account, lambda: Deadline(10, 2), PasswordRule(ANNA, DOMAIN))

    def measure(result: Any) -> Counter[str]:
        step, settings = result
        named = int(step.status != "ok")
        return Counter({NAMED: named, "proxy": int(bool(settings.proxy)), "server": int(bool(settings.server))})

    taped.old.state.set_outlook_anywhere(
        {"ExternalHostname": f"mail.{DOMAIN}", "ClientAuthenticationMethod": "Basic",
         "IISAuthenticationMethods": ["Basic", "Ntlm"], "SSLOffloading": False}
    )  # fmt: skip
    return [Reader("Autodiscover", [taped.case("settings", read)], [xml_mutation], Shape(), measure)]
