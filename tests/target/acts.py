"""Every call that the product can make to Microsoft, and a lab tenant in which each of them has something to do.

The calls are read off the ports: a new method of Tenant, Partner or Destination is here by itself. Where its
arguments cannot be told by their names, say them in `OWN`; where it needs something that `furnish` does not put there,
in `FIRST`.
"""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from blocks.partner.partner_center import PartnerCenter
from blocks.target.microsoft365 import Microsoft365
from blocks.target.sign_in import GRAPH_SCOPE, PARTNER_CENTER_SCOPE, SignIn
from blocks.target.trust import tls_context
from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.cloud.tenant import Batch, CloudDomain, Gdap, MigrationEndpoint, MovedUser
from lab.cloud.tenant import Tenant as LabTenant
from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime
from lab.mail_store import Mailbox
from mailmove.cloud_state import Endpoint
from mailmove.errors import MailmoveError
from mailmove.item_keys import contact_key, event_key, other_key
from mailmove.mail_items import Item
from mailmove.moving.checkpoint import Checkpoint, MemoryJournal
from mailmove.moving.mailbox import MailboxCopy, Manners
from mailmove.moving.parts import Content, Destination, Origin, SourceFolder
from mailmove.ports import Checkable, Partner, Tenant

DOMAIN, NEW, UNPROVED, PROVED = "northwind.example", "new.example", "unproved.example", "proved.example"
ANNA, INFO, LOST = f"anna@{DOMAIN}", f"info@{DOMAIN}", f"lost@{DOMAIN}"
TXT = "MS=ms12345678"
SKU = "O365_BUSINESS_ESSENTIALS"
TITLE = "Mailmove northwind"
THEN = datetime(2026, 1, 2, 9, tzinfo=UTC)
CALENDAR = SourceFolder("k", "Kalender", "event", "calendar")


def furnish(tenant: LabTenant) -> None:
    """A tenant in the middle of the night."""
    tenant.domains |= {
        DOMAIN: CloudDomain(DOMAIN, verified=True, services=["Email"]),
        UNPROVED: CloudDomain(UNPROVED, txt=TXT),
        PROVED: CloudDomain(PROVED, verified=True),
    }
    tenant.dkim[DOMAIN] = False
    for address in (ANNA, INFO, LOST):
        tenant.add_user(address, address, "night").has_mailbox = True
        tenant.store.add_mailbox(Mailbox(address, address))
    for number, folder in enumerate(("Inbox", "Inbox", "Inbox/Projects")):
        head = f"Message-ID: <{number}@x.example>\r\nSubject: Message {number}\r\n\r\n"
        tenant.store.put(ANNA, head.encode(), folder=folder, received=THEN)
    meeting = EventParts("uid-1", "Meeting", THEN, THEN + timedelta(hours=1), False)
    tenant.store.put(ANNA, event_mime(meeting), folder="Calendar", kind="event", received=THEN)
    person = contact_mime(ContactParts("Berg", "berg@x.example"))
    tenant.store.put(ANNA, person, folder="Contacts", kind="contact", received=THEN)
    for name in ("oa", "spare"):
        tenant.endpoints[name] = MigrationEndpoint(name, "s.local", "mail.northwind.example", "Basic", "u", "p")
    tenant.store.put(ANNA, b"Message-ID: <0@x.example>\r\nSubject: Message 0\r\n\r\n", received=THEN)  # a twin
    users = {ANNA: MovedUser(ANNA, "Synced"), LOST: MovedUser(LOST, "Failed"), INFO: MovedUser(INFO, "Failed", "no")}
    tenant.batches["night"] = Batch("night", "oa", "Synced", users, last_synced=datetime.now(UTC))
    for title, status in (("old", "active"), ("half", "created")):
        made = Gdap(title, "P90D", ["29232cdf-9323-42fd-ade2-1d097af3e4de"], "PT0S", status=status, id=f"gdap-{title}")
        made.customer = {"tenantId": tenant.id, "displayName": "Northwind"}
        tenant.relationships[made.id] = made
    trace = {"id": "trace", "messageId": "<0@x.example>", "recipientAddress": ANNA, "fromIP": "192.0.2.1"}
    at = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    tenant.traces.append(trace | {"receivedDateTime": at, "status": "delivered"})


@dataclass
class World:
    cloud: Cloud
    tenant: Microsoft365
    partner: PartnerCenter
    delegated: Microsoft365

    def destination(self) -> Destination:
        return self.tenant.destination()


def world_of(cloud: Cloud, authority: Authority) -> World:
    place = {"login_url": cloud.base_url, "graph_url": cloud.base_url, "extra_ca": authority.pem}
    own = cloud.partner
    customer = {"tenant_id": cloud.tenant_id, "exchange_url": cloud.base_url, **place}
    tenant = Microsoft365(
        client_id=cloud.app.client_id,
        client_secret=SecretStr(cloud.app.secret),
        exchange_public_key=cloud.exchange_public_key_pem,
        **customer,
    )
    delegated = Microsoft365(
        client_id=own.client_id,
        client_secret=SecretStr(own.secret),
        partner_refresh_token=SecretStr(own.refresh_token),
        **customer,
    )
    partner = PartnerCenter(
        tenant_id=own.tenant_id,
        client_id=own.client_id,
        client_secret=SecretStr(own.secret),
        refresh_token=SecretStr(own.refresh_token),
        partner_center_url=f"{cloud.base_url}/partnercenter",
        **place,
    )
    return World(cloud, tenant, partner, delegated)


class _Source:
    """The old server, where only its migration account is asked for."""

    def migration_account(self) -> tuple[str, SecretStr]:
        return "NORTHWIND\\mover", SecretStr("pa55-of-the-mover")


OWN: dict[str, dict[str, Any]] = {
    "add_domain": {"name": NEW},
    "verify_domain": {"name": UNPROVED},
    "enable_mail": {"name": PROVED},
    "remove_domain": {"name": PROVED},
    "domain": {"name": DOMAIN},
    "endpoint": {"name": "oa"},
    "create_endpoint": {
        "endpoint": Endpoint(name="new", exchange_server="s.local", rpc_proxy_server=f"mail.{DOMAIN}"),
        "source": _Source(),
    },
    "remove_endpoint": {"name": "spare"},
    "prepare_dkim": {"domain": "mailed.example"},
    "set_mailbox_kind": {"mailbox": INFO, "kind": "Shared"},
    "set_licence": {"usage_location": "GB", "skus": frozenset({SKU})},
    "withdraw": {"relationship_id": "gdap-old"},
}
"""Method -> arguments, where the names of the parameters do not tell them."""

BY_NAME: dict[str, Any] = {
    "name": "night", "batch": "night", "endpoint": "oa", "domain": DOMAIN, "mailbox": ANNA, "user": ANNA, "on": True,
    "display_name": TITLE, "since": datetime.now(UTC) - timedelta(days=1),
    "folder": SourceFolder("i", "Inbox", "message", "inbox"), "folder_id": "inbox", "names": ["<0@x.example>"],
    "item": Item(id="1", folder="Inbox", kind="message", key="k", subject="s"),
}  # fmt: skip
"""Parameter -> argument."""


def _mailed(tenant: LabTenant) -> None:
    tenant.domains["mailed.example"] = CloudDomain("mailed.example", verified=True, services=["Email"])


FIRST: dict[str, Callable[[LabTenant], None]] = {
    "prepare_dkim": _mailed,
    "create_batch": lambda tenant: tenant.batches.clear(),
    "start_batch": lambda tenant: setattr(tenant.batches["night"], "status", "Created"),
    "remove_endpoint": lambda tenant: tenant.batches.clear(),
}
"""Method -> what the tenant must be like besides, before it is called."""


@dataclass(frozen=True)
class Act:
    name: str
    call: Callable[[World], Any]
    first: Callable[[LabTenant], None] = lambda tenant: None
    answers_with_findings: bool = False


def _of_port(port: type, whose: Callable[[World], Any], label: str) -> Iterator[Act]:
    for name in sorted(port.__abstractmethods__):  # type: ignore[attr-defined]
        if (port, name) in _INSTEAD:
            continue
        given: dict[str, Any] = {}
        for parameter in list(inspect.signature(getattr(port, name)).parameters.values())[1:]:
            known = {**BY_NAME, **OWN.get(name, {})}
            if parameter.name in known:
                given[parameter.name] = known[parameter.name]
            elif parameter.default is parameter.empty:
                raise AssertionError(f"{port.__name__}.{name}: say in tests/target/acts.py what `{parameter.name}` is")

        def call(world: World, name: str = name, given: dict[str, Any] = given) -> Any:
            found = getattr(whose(world), name)(**given)
            return list(found) if isinstance(found, Iterator) else found

        yield Act(f"{label}.{name}", call, FIRST.get(name, lambda tenant: None), name == "findings")


_INSTEAD = {(Destination, "put"), (Destination, "name"), (Destination, "takes_streams")}
"""Items are put by a copy (below), which is what keeps them from being put twice; the others ask nobody."""


class Shelf(Origin):
    """An old server in memory: three items of each kind in a folder of their own."""

    def __init__(self, streams: bool) -> None:
        self._streams = streams
        inbox = SourceFolder("i", "Inbox", "message", "inbox")
        self._folders = [
            SourceFolder("m", "Inbox/Fresh", "message", None, 3, inbox),
            SourceFolder("e", "Kalender", "event", None, 3),
            SourceFolder("c", "Leute", "contact", None, 3),
        ]

    def folders(self, mailbox: str) -> list[SourceFolder]:
        return self._folders

    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        for n in range(3):
            name, message_id = (
                f"{folder.kind} {n}",
                f"<fresh-{n}@x.example>" if folder.kind == "message" and n else None,
            )
            keys = {"event": event_key(name, THEN), "contact": contact_key(name, f"c{n}@x.example")}
            key = keys.get(folder.kind) or other_key("message", name, THEN)
            yield Item(
                id=f"{folder.id}{n}", folder=folder.path, kind=folder.kind, key=key, message_id=message_id, subject=name
            )

    def gives_streams(self, mailbox: str) -> bool:
        return self._streams

    def contents(self, mailbox: str, items: Sequence[Item], *, streams: bool) -> list[Content]:
        return [self._content(item, streams) for item in items]

    def _content(self, item: Item, streams: bool) -> Content:
        email = f"c{item.subject[-1]}@x.example"
        head = f"Message-ID: {item.message_id}\r\n" if item.message_id else ""
        mime = f"{head}Subject: {item.subject}\r\n\r\nx\r\n".encode()
        if item.kind == "event":
            mime = event_mime(EventParts(item.subject, item.subject, THEN, THEN + timedelta(hours=1), False))
        if item.kind == "contact":
            mime = contact_mime(ContactParts(item.subject, email))
        if streams:
            kept = {"mime": mime.decode("latin-1"), "kind": item.kind, "received": THEN.isoformat()}
            return Content(item, stream=base64.b64encode(json.dumps(kept).encode()).decode())
        if item.kind == "contact":
            fields = {"displayName": item.subject, "emailAddresses": [{"address": email, "name": item.subject}]}
            return Content(item, fields=fields)
        return Content(item, mime=base64.b64encode(mime).decode())


def _copy(streams: bool) -> Act:
    """A whole copy. Its journal is what outlives the first call."""
    journals: list[MemoryJournal] = []

    def first(tenant: LabTenant) -> None:
        journals[:] = [MemoryJournal()]

    def call(world: World) -> Any:
        copy = MailboxCopy(ANNA, Shelf(streams), world.destination(), Checkpoint(journals[0]),
                           Manners(lanes=1, settle=0.0), sleep=lambda seconds: None)  # fmt: skip
        moved = copy.run()
        return moved.copied + moved.found, moved.left

    return Act(f"copy as {'streams' if streams else 'MIME'}", call, first)


def _sign_in(kind: str) -> Act:
    def call(world: World) -> Any:
        app, own = world.cloud.app, world.cloud.partner
        by: dict[str, dict[str, Any]] = {
            "secret": {"secret": SecretStr(app.secret)},
            "certificate": {"secret": None, "certificate": SecretStr(app.private_key_pem + app.certificate_pem)},
            "refresh token": {"secret": SecretStr(own.secret), "refresh_token": SecretStr(own.refresh_token)},
        }
        partner = kind == "refresh token"
        signing = SignIn(
            tenant=own.tenant_id if partner else world.cloud.tenant_id,
            client_id=own.client_id if partner else app.client_id,
            login_url=world.cloud.base_url,
            tls=tls_context(world.tenant.extra_ca),
            **by[kind],
        )
        return bool(signing.token(PARTNER_CENTER_SCOPE if partner else GRAPH_SCOPE))

    return Act(f"sign in by {kind}", call)


def every_act() -> list[Act]:
    return [
        *_of_port(Tenant, lambda world: world.tenant, "tenant"),
        *_of_port(Checkable, lambda world: world.tenant, "tenant"),
        *_of_port(Partner, lambda world: world.partner, "partner"),
        *_of_port(Checkable, lambda world: world.partner, "partner"),
        *_of_port(Destination, lambda world: world.destination(), "destination"),
        Act("tenant.mailbox_kinds as the partner", lambda world: world.delegated.mailbox_kinds()),
        Act("tenant.licence_of nobody", lambda world: world.tenant.licence_of(f"nobody@{DOMAIN}")),
        Act("destination.folder of the default calendar", lambda world: world.destination().folder(ANNA, CALENDAR)),
        Act("partner.withdraw an unlocked one", lambda world: world.partner.withdraw("gdap-half")),
        *(_copy(streams) for streams in (False, True)),
        *(_sign_in(kind) for kind in ("secret", "certificate", "refresh token")),
    ]


def outcome(act: Act, world: World) -> Any:
    """What it returns, or the error of ours that it raises. Any other exception is a fault of the product."""
    try:
        return act.call(world)
    except MailmoveError as error:
        return error


_CHANGING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|item-\d+|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.]+Z?|ms\d{8}|W/\"\w+\"", re.IGNORECASE
)


def canon(value: Any) -> Any:
    """The same for what is the same but for ids and times."""
    if isinstance(value, MailmoveError):
        return type(value).__name__
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *((one.name, canon(getattr(value, one.name))) for one in fields(value))]
    if isinstance(value, dict):
        return sorted(([canon(key), canon(one)] for key, one in value.items()), key=repr)
    if isinstance(value, (set, frozenset)):
        return sorted((canon(one) for one in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [canon(one) for one in value]
    if isinstance(value, datetime):
        return "a time"
    return _CHANGING.sub("id", str(value))
