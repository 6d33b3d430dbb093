"""Every call that the product can make to Microsoft, and a lab tenant in which each of them has something to do.

The calls are read off the ports: a new part or method of Tenant, Partner or Destination is here by itself. Where its
arguments cannot be told by their names, say them in `OWN`; where it needs something that `furnish` does not put there,
in `FIRST`.
"""

from __future__ import annotations

import base64
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_type_hints

from night_tenant import ANNA, CALENDAR, DOMAIN, INFO, LOST, MESSAGE, NEW, PROVED, SKU, THEN, TITLE, UNPROVED, World
from pydantic import SecretStr

from blocks.microsoft365.clouds import CLOUDS
from blocks.microsoft365.signing_in.expiring import secret_end
from blocks.microsoft365.signing_in.sign_in import SignIn
from blocks.tls_roots import tls_context
from lab.cloud.item_stream.from_item import properties_of
from lab.cloud.item_stream.writer import write_stream
from lab.cloud.partner_orders import BUSINESS_BASIC
from lab.cloud.tenant import CloudDomain
from lab.cloud.tenant import Tenant as LabTenant
from lab.item_parts import ContactParts, EventParts, contact_mime, event_mime
from lab.mail_store import StoredItem
from mailmove.errors import MailmoveError, NotYet
from mailmove.inventory.full import Grant
from mailmove.items.copy.checkpoint import Checkpoint, MemoryJournal
from mailmove.items.copy.interfaces import Content, Destination, Moved, Origin, SourceFolder, Way
from mailmove.items.copy.mailbox import MailboxCopy, Manners
from mailmove.items.item import Item
from mailmove.items.keys import contact_key, event_key, other_key
from mailmove.items.reconcile.changes import MailboxChanges
from mailmove.items.stream.ews_item import EwsItem
from mailmove.items.stream.from_ews import item_of
from mailmove.items.stream.known.by_class import properties_of as properties_of_class
from mailmove.items.stream.properties import Tag
from mailmove.items.stream.writer import stream_of
from mailmove.plan.purchase import NewCustomer, Product, Purchase
from mailmove.ports import Checkable, HasClock, Partner, Tenant
from mailmove.ports.tenant import TenantCreation, TenantDomains, TenantItems, TenantSignIns
from mailmove.tenant_state import Endpoint, Relationship


class _Source:
    """The old server, where only its migration account is asked for."""

    def migration_account(self) -> tuple[str, SecretStr]:
        return "NORTHWIND\\mover", SecretStr("pa55-of-the-mover")


OWN: dict[str, dict[str, Any]] = {
    "domains.add": {"name": NEW},
    "domains.verify": {"name": UNPROVED},
    "domains.enable_mail": {"name": PROVED},
    "domains.remove": {"name": PROVED},
    "domains.get": {"name": DOMAIN},
    "migration.endpoint": {"name": "oa"},
    "migration.create_endpoint": {
        "endpoint": Endpoint(
            name="new", exchange_server="s.local", rpc_proxy_server=f"mail.{DOMAIN}", email_address=ANNA
        ),
        "source": _Source(),
    },
    "migration.remove_endpoint": {"name": "spare"},
    "dkim.prepare": {"domain": "mailed.example"},
    "mailboxes.set_kind": {"mailbox": INFO, "kind": "Shared"},
    "recipients.members": {"groups": [f"all@{DOMAIN}", f"gone@{DOMAIN}"]},
    "users.set_licence": {"usage_location": "GB", "skus": frozenset({SKU})},
    "partner.withdraw": {"relationship_id": "gdap-old"},
    "migration.test_endpoint": {"name": "oa"},
    "mailboxes.change_x500": {"add": frozenset({"/o=Old/cn=anna"}), "remove": frozenset({"/o=Old/cn=gone"})},
    "permissions.add": {"grant": Grant(mailbox=INFO, right="full_access", trustee=ANNA)},
    "permissions.remove": {"grant": Grant(mailbox=ANNA, right="full_access", trustee=INFO)},
    "partner.customer": {"domain": "other.onmicrosoft.com"},
    "partner.make_customer": {"wanted": NewCustomer(
        domain="made.onmicrosoft.com", company="Made", first_name="Eva", last_name="Berg", email="eva@made.example",
        address="1 High Street", city="London", postal_code="EC1A 1AA", country="GB")},
    "messages.since": {"moment": THEN},
    "sign_ins.take_pass": {"pass_id": "pass-1"},
    "creation.change_addresses": {"kind": "person", "address": ANNA, "add": [f"a.berg@{DOMAIN}"], "remove": []},
    "creation.change_member": {"group": f"all@{DOMAIN}", "member": LOST, "belongs": True},
    "creation.change_owner": {"group": f"all@{DOMAIN}", "owner": ANNA, "owns": True},
    "creation.owners": {"groups": [f"all@{DOMAIN}"]},
    "creation.remove": {"kind": "shared", "identity": LOST},
    "items.exported": {"items": [Item(id=f"item-{n:08d}", folder=("Inbox",), kind="message") for n in (1, 2, 4, 5)]},
}  # fmt: skip
"""Part and method -> arguments, where the names of the parameters do not tell them."""

MONTHLY = Product(catalog_item=BUSINESS_BASIC, quantity=2, term="P1M", billing="monthly")
BY_NAME: dict[str, Any] = {
    "name": "night", "batch": "night", "endpoint": "oa", "domain": DOMAIN, "mailbox": ANNA, "user": ANNA, "on": True,
    "display_name": TITLE, "since": datetime.now(UTC) - timedelta(days=1),
    "folder": SourceFolder("i", ("Inbox",), "message", "inbox"), "folder_id": "inbox", "streams": False,
    "items": [Item(id="0", folder=("Inbox",), kind="message", message_id="<0@x.example>", subject="s")],
    "item": Item(id="1", folder=("Inbox",), kind="message", key="k", subject="s"), "item_id": MESSAGE,
    "mailboxes": [ANNA, INFO], "message_ids": ["<0@x.example>"], "cart": "cart-1", "note": "Mailmove northwind",
    "password": SecretStr("pa55-of-anna"), "must_change": True, "products": [MONTHLY],
    "wanted": Purchase(market="GB", products=[MONTHLY]), "customer": lambda world: world.cloud.tenant_id,
    "relationship": lambda world: Relationship(id="gdap-old", display_name="old", status="active", approval_link="",
                                        customer_tenant_id=world.cloud.tenant_id),
}  # fmt: skip
"""Parameter -> argument, or what gives it in a world."""


def _mailed(tenant: LabTenant) -> None:
    tenant.domains["mailed.example"] = CloudDomain("mailed.example", verified=True, services=["Email"])


def _passed(tenant: LabTenant) -> None:
    tenant.users[ANNA].access_pass = {"id": "pass-1"}


FIRST: dict[str, Callable[[LabTenant], None]] = {
    "dkim.prepare": _mailed,
    "sign_ins.take_pass": _passed,
    "migration.create_batch": lambda tenant: tenant.batches.clear(),
    "migration.start_batch": lambda tenant: setattr(tenant.batches["night"], "status", "Created"),
    "migration.remove_endpoint": lambda tenant: tenant.batches.clear(),
}
"""Part and method -> what the tenant must be like besides, before it is called."""


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
        method = f"{label.rpartition('.')[2]}.{name}"
        given: dict[str, Any] = {}
        for parameter in list(inspect.signature(getattr(port, name)).parameters.values())[1:]:
            known = {**BY_NAME, **OWN.get(method, {})}
            if parameter.name in known:
                given[parameter.name] = known[parameter.name]
            elif parameter.default is parameter.empty:
                raise AssertionError(
                    f"{port.__name__}.{name}: say in tests/microsoft365/acts.py what `{parameter.name}` is"
                )

        def call(world: World, name: str = name, given: dict[str, Any] = given) -> Any:
            known = {key: one(world) if inspect.isfunction(one) else one for key, one in given.items()}
            found = getattr(whose(world), name)(**known)
            return list(found) if isinstance(found, Iterator) else found

        yield Act(f"{label}.{name}", call, FIRST.get(method, lambda tenant: None), name == "findings")


_INSTEAD = {
    (Destination, "put"), (Destination, "name"), (Destination, "takes_streams"), (Destination, "strangers"),
    (MailboxChanges, "changes"), (TenantItems, "changes"), (TenantItems, "destination"), (TenantItems, "copy_findings"),
    (Partner, "give_access"), (Partner, "waits_for"), (Partner, "is_consent"),
    (Partner, "agreement_link"),
    (TenantSignIns, "give_pass"), (TenantCreation, "make"),
    (TenantDomains, "holder"),
}  # fmt: skip
"""What takes more than one call, so it is an act of its own (below), or asks nobody."""


ON_SHELF = 3
"""Items in each folder of a shelf."""


class Shelf(Origin):
    """An old server in memory: three items of each kind in a folder of their own."""

    def __init__(self, streams: bool) -> None:
        self._streams = streams
        inbox = SourceFolder("i", ("Inbox",), "message", "inbox")
        tasks = SourceFolder("t", ("Aufgaben",), "other", "tasks", 3, None, "IPF.Task")
        self._folders = [
            SourceFolder("m", ("Inbox", "Fresh"), "message", None, 3, inbox),
            SourceFolder("e", ("Kalender",), "event", None, 3),
            SourceFolder("c", ("Leute",), "contact", None, 3),
            *([tasks, SourceFolder("u", (*tasks.path, "Neu"), "other", None, 3, tasks, "IPF.Task")] if streams else []),
        ]

    def folders(self, mailbox: str) -> list[SourceFolder]:
        return self._folders

    def items(self, mailbox: str, folder: SourceFolder) -> Iterator[Item]:
        for n in range(ON_SHELF):
            name, message_id = (
                f"{folder.kind} {n}",
                f"<fresh-{n}@x.example>" if folder.kind == "message" and n else None,
            )
            if folder.kind == "other":
                key = other_key("task", name, THEN)
                yield Item(
                    id=f"{folder.id}{n}", folder=folder.path, kind="task", key=key, subject=name, item_class="IPM.Task"
                )
                continue
            keys = {"event": event_key(name, THEN), "contact": contact_key(name, f"c{n}@x.example")}
            key = keys.get(folder.kind) or other_key("message", name, THEN)
            yield Item(
                id=f"{folder.id}{n}", folder=folder.path, kind=folder.kind, key=key, message_id=message_id, subject=name
            )

    def best_way(self, mailbox: str) -> Way:
        return "exported" if self._streams else "converted"

    def contents(self, mailbox: str, items: Sequence[Item], *, way: Way) -> list[Content]:
        return [self._content(item, way == "exported") for item in items]

    def _content(self, item: Item, streams: bool) -> Content:
        if item.kind == "task":
            told = {Tag(0x1A): "IPM.Task", Tag(0x37): item.subject}  # PidTagMessageClass, PidTagSubject
            values = {one: told[one.key] for one in properties_of_class("IPM.Task") if one.key in told}
            task = EwsItem("IPM.Task", values)
            return Content(item, stream=base64.b64encode(stream_of(item_of(task))).decode())
        email = f"c{item.subject[-1]}@x.example"
        head = f"Message-ID: {item.message_id}\r\n" if item.message_id else ""
        mime = f"{head}Subject: {item.subject}\r\n\r\nx\r\n".encode()
        if item.kind == "event":
            mime = event_mime(EventParts(item.subject, item.subject, THEN, THEN + timedelta(hours=1), False))
        if item.kind == "contact":
            mime = contact_mime(ContactParts(item.subject, email))
        if streams:
            stored = StoredItem("1", "x", item.kind, mime, THEN, item.message_id or "", item.subject)
            return Content(item, stream=base64.b64encode(write_stream(properties_of(stored))).decode())
        if item.kind == "contact":
            fields = {"displayName": item.subject, "emailAddresses": [{"address": email, "name": item.subject}]}
            return Content(item, fields=fields)
        return Content(item, mime=base64.b64encode(mime).decode())


def _no_longer_than_an_hour(seconds: float) -> None:
    """A wait that takes no time; one without end is none."""
    assert 0.0 <= seconds <= 3600, f"it would wait {seconds} s, as some answer wishes"


def _copy(streams: bool) -> Act:
    """A whole copy. Its journal is what outlives the first call."""
    journals: list[MemoryJournal] = []

    def first(tenant: LabTenant) -> None:
        journals[:] = [MemoryJournal()]

    def call(world: World) -> Any:
        copy = MailboxCopy(Moved(ANNA), Shelf(streams), world.destination(), Checkpoint(journals[0]),
                           Manners(lanes=1, settle=0.0), sleep=_no_longer_than_an_hour)  # fmt: skip
        moved = copy.run()
        return moved.copied + moved.already_present, moved.left, moved.not_copied

    return Act(f"copy as {'streams' if streams else 'MIME'}", call, first)


def changes_of_a_mailbox(world: World) -> Any:
    """All folders from their beginning, and once more from where that ended: items, and what cannot be read."""
    of, found = world.tenant.items.changes(), []
    for folder in of.folders(ANNA):
        pages = list(of.changes(ANNA, folder, None))
        if pages and pages[-1].state:
            pages += of.changes(ANNA, folder, pages[-1].state)
        found.append((folder.path, [one for page in pages for one in (*page.items, *page.unreadable)]))
    return found


def _until_given(world: World) -> Any:
    """Access to a customer who has only approved so far."""
    for _ in range(2):
        try:
            return world.partner.give_access(BY_NAME["relationship"](world))
        except NotYet:
            continue
    return world.partner.give_access(BY_NAME["relationship"](world))


def _approved_only(tenant: LabTenant) -> None:
    tenant.relationships["gdap-old"].assignments.clear()
    tenant.consents.clear()


def _secret_end(world: World) -> Any:
    return secret_end(world.tenant._parts().graph, world.cloud.app.client_id, SecretStr(world.cloud.app.secret))


def _with_a_code(world: World) -> Any:
    block = world.tenant.model_copy()
    return block.sign_in(
        lambda words: world.cloud.person_signs_in(words.split("code ")[1].split()[0], "admin@x.example")
    )


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
        return bool(signing.token(PARTNER_SCOPE if partner else CLOUDS["global"].graph_scope))

    return Act(f"sign in by {kind}", call)


PARTNER_SCOPE = f"{CLOUDS['global'].partner_center}/user_impersonation"


def _grants(right: str) -> Iterator[Act]:
    given, taken = ({"mailbox": box, "right": right, "trustee": whom} for box, whom in ((INFO, ANNA), (ANNA, INFO)))
    add, remove = Grant.model_validate(given), Grant.model_validate(taken)
    yield Act(f"tenant.permissions.add {right}", lambda world: world.tenant.permissions.add(add))
    yield Act(f"tenant.permissions.remove {right}", lambda world: world.tenant.permissions.remove(remove))


PARTS = {name: get_type_hints(part.fget)["return"] for name, part in vars(Tenant).items() if isinstance(part, property)}
"""Part of the tenant -> its port: read off the port `Tenant`, so a new part is here by itself."""


def _of_part(name: str, port: type) -> Iterator[Act]:
    return _of_port(port, lambda world: getattr(world.tenant, name), f"tenant.{name}")


def every_act() -> list[Act]:
    return [
        *_of_port(HasClock, lambda world: world.tenant, "tenant"),
        *(act for name, port in PARTS.items() for act in _of_part(name, port)),
        *_of_port(Checkable, lambda world: world.tenant, "tenant"),
        *_of_port(Partner, lambda world: world.partner, "partner"),
        *_of_port(Checkable, lambda world: world.partner, "partner"),
        *_of_port(Destination, lambda world: world.destination(), "destination"),
        *_of_port(MailboxChanges, lambda world: world.tenant.items.changes(), "changes"),
        Act("when the client secret ends", _secret_end),
        Act("changes of a whole mailbox", changes_of_a_mailbox),
        Act("partner.give_access", _until_given, _approved_only),
        Act("reseller.waits_for", lambda world: world.reseller.waits_for(BY_NAME["relationship"](world))),
        *_grants("send_as"),
        *_grants("send_on_behalf"),
        Act("sign in with a code", _with_a_code),
        Act("tenant.mailboxes.kinds as the partner", lambda world: world.delegated.mailboxes.kinds()),
        Act("tenant.users.licence_of nobody", lambda world: world.tenant.users.licence_of(f"nobody@{DOMAIN}")),
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
    r"\b[0-9a-f]{12}\b|[0-9a-f]{8}-[0-9a-f-]{27}|item-\d+|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.]+Z?|ms\d{8}|W/\"\w+\"",
    re.IGNORECASE,
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
