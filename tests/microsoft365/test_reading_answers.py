"""Answers of Microsoft's that are not what they should be: typed values, or an error of Mailmove's; nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from test_json_client import client

from blocks.microsoft365 import fields
from blocks.microsoft365.answers import Answer
from blocks.microsoft365.dkim import Dkim
from blocks.microsoft365.domains import Domains
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.items.mailbox_changes import GraphChanges
from blocks.microsoft365.mailbox_permissions import MailboxPermissions
from blocks.microsoft365.mailboxes import Mailboxes
from blocks.microsoft365.messages import Messages
from blocks.microsoft365.migration import Migration
from blocks.microsoft365.recipients import Recipients
from blocks.microsoft365.users import Users
from blocks.partner.access import Assignments
from blocks.partner.purchases import Customers, Orders, read_prices
from blocks.partner.relationships import Relationships
from mailmove.errors import AnswerUnreadable, MailmoveError
from mailmove.items.reconcile.changes import Folder
from mailmove.plan.purchase import Product
from mailmove.tenant_state import DomainHolder

ODD: tuple[Any, ...] = (None, "", "x", -1, 1.5, True, [], {}, [None], [[]], {"Value": None}, "9" * 400, "\ud800")
AT = "2026-11-27T02:00:00Z"
MAILBOX, KIND = "anna@c.example", {"RecipientTypeDetails": "UserMailbox"}


def exchange(graph: JsonClient) -> ExchangeAdmin:
    return ExchangeAdmin(graph, "tenant", lambda: "APP:x")


def holder_of(_: str) -> DomainHolder:
    return DomainHolder()


READERS: dict[str, tuple[Callable[[JsonClient], object], dict[str, Any]]] = {
    "licences": (
        lambda graph: Users(graph).licences(),
        {"value": [{"skuPartNumber": "P", "skuId": "s", "prepaidUnits": {"enabled": 3}, "consumedUnits": 1}]},
    ),
    "user": (
        lambda graph: Users(graph).password_dates(MAILBOX),
        {"id": "u", "createdDateTime": AT, "lastPasswordChangeDateTime": AT},
    ),
    "domain": (
        lambda graph: Domains(graph, exchange(graph), holder_of)._records("c.example", "verificationDnsRecords"),
        {
            "value": [
                {
                    "@odata.type": "#microsoft.graph.domainDnsMxRecord",
                    "label": "@",
                    "ttl": 60,
                    "preference": 0,
                    "mailExchange": "mx.example",
                    "supportedService": "Email",
                },
                {
                    "@odata.type": "#microsoft.graph.domainDnsTxtRecord",
                    "label": "@",
                    "ttl": 60,
                    "text": "v=spf1",
                    "supportedService": "Email",
                },
            ]
        },
    ),
    "messages": (
        lambda graph: list(
            GraphChanges(graph).changes(MAILBOX, Folder("users/a/mailFolders/f/messages", ("I",), "i"), None)
        ),
        {
            "value": [{"id": "1", "internetMessageId": "<a@b>", "subject": "s", "receivedDateTime": AT}],
            "@odata.deltaLink": "https://graph.test/v1.0/d?$deltatoken=x",
        },
    ),
    "contacts": (
        lambda graph: list(GraphChanges(graph).changes(MAILBOX, Folder("users/a/contacts", ("C",), "c"), None)),
        {"value": [{"id": "1", "displayName": "B", "emailAddresses": [{"address": "b@c.example"}]}]},
    ),
    "events": (
        lambda graph: list(
            GraphChanges(graph).changes(MAILBOX, Folder("users/a/calendars/k/events", ("K",), "k"), None)
        ),
        {"value": [{"id": "1", "subject": "s", "iCalUId": "u", "start": {"dateTime": "2026-11-27T02:00:00.0000000"}}]},
    ),
    "found": (
        lambda graph: Messages(graph, "global").find(MAILBOX, ["<a@b>"]),
        {"value": [{"id": "1", "internetMessageId": "<a@b>", "receivedDateTime": AT}], "displayName": "Inbox"},
    ),
    "traces": (
        lambda graph: Messages(graph, "global").traces(datetime(2026, 11, 27, tzinfo=UTC)),
        {"value": [{"id": "1", "messageId": "<a@b>", "recipientAddress": MAILBOX, "receivedDateTime": AT}]},
    ),
    "batch": (
        lambda graph: Migration(exchange(graph), None).batch("night"),
        {"value": [{"Identity": "night", "Status": "Synced", "TotalCount": 2, "SyncedCount": 2, "FailedCount": 0}]},
    ),
    "migration users": (
        lambda graph: Migration(exchange(graph), None).users("night"),
        {
            "value": [
                {
                    "Identity": MAILBOX,
                    "Status": "Synced",
                    "SyncedItemCount": 3,
                    "SkippedItemCount": 0,
                    "LastSuccessfulSyncTime": AT,
                    "ErrorSummary": "",
                }
            ],
            "@adminapi.warnings": ["w"],
        },
    ),
    "mailboxes": (
        lambda graph: Mailboxes(exchange(graph)).kinds(),
        {"value": [{"PrimarySmtpAddress": MAILBOX, "EmailAddresses": [f"SMTP:{MAILBOX}"], **KIND}]},
    ),
    "recipients": (
        lambda graph: Recipients(exchange(graph), graph).all(),
        {
            "value": [
                {
                    "id": "1",
                    "userPrincipalName": MAILBOX,
                    "PrimarySmtpAddress": MAILBOX,
                    "mail": MAILBOX,
                    "Identity": "anna",
                    **KIND,
                }
            ]
        },
    ),
    "grants": (
        lambda graph: MailboxPermissions(exchange(graph)).of([MAILBOX]),
        {
            "value": [
                {
                    "Identity": "b",
                    "User": "b@c.example",
                    "Trustee": "b@c.example",
                    "AccessRights": ["FullAccess"],
                    "GrantSendOnBehalfTo": [],
                    "Deny": False,
                }
            ]
        },
    ),
    "relationship": (
        lambda graph: Relationships(graph, ["r"], "P90D").live("Mailmove c"),
        {
            "value": [
                {
                    "id": "g",
                    "displayName": "Mailmove c",
                    "status": "active",
                    "customer": {"tenantId": "t"},
                    "createdDateTime": AT,
                }
            ]
        },
    ),
    "assignment": (
        lambda graph: Assignments(graph, ["r"]).status("g", "group"),
        {"value": [{"id": "a", "status": "active", "accessContainer": {"accessContainerId": "group"}}]},
    ),
    "customers": (
        lambda graph: Customers(graph).find("c.example"),
        {"items": [{"id": "t", "companyProfile": {"domain": "c.example"}}], "links": {}},
    ),
    "orders": (
        lambda graph: Orders(graph).lines("t"),
        {"items": [{"id": "o", "status": "completed", "lineItems": [{"offerId": "P:S:A", "quantity": 3}]}]},
    ),
}


def mutations(answer: Any) -> Iterator[Any]:
    """The answer with one member left out, or given each odd value, at every depth."""
    if isinstance(answer, dict):
        for name in answer:
            yield {key: value for key, value in answer.items() if key != name}
            for odd in ODD:
                yield {**answer, name: odd}
            for inner in mutations(answer[name]):
                yield {**answer, name: inner}
    elif isinstance(answer, list):
        for place, entry in enumerate(answer):
            yield [*answer[:place], *answer[place + 1 :], entry, 7]
            for inner in mutations(entry):
                yield [*answer[:place], inner, *answer[place + 1 :]]


def answering(content: bytes) -> JsonClient:
    graph, _ = client(lambda request: httpx.Response(200, content=content))
    return graph


@pytest.mark.parametrize("name", READERS)
def test_nothing_but_an_error_of_ours_comes_of_a_changed_answer(name: str) -> None:
    read, good = READERS[name]
    assert read(answering(json.dumps(good).encode())) is not None
    for changed in mutations(good):
        try:
            read(answering(json.dumps(changed).encode()))
        except MailmoveError:
            continue


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "content", [b"", b"<html>busy</html>", b"[1]", b"null", b'{"value": [{"id"', b"\xff\xfe\x00", b"[" * 99_999]
)
def test_what_is_no_answer_is_no_empty_answer(name: str, content: bytes) -> None:
    with pytest.raises(MailmoveError):
        READERS[name][0](answering(content))


@pytest.mark.parametrize("name", READERS)
def test_a_list_that_is_missing_is_not_an_empty_list(name: str) -> None:
    read, good = READERS[name]
    lists = [member for member in ("value", "items") if member in good]
    for member in lists:
        for odd in (None, "", {}, 0, [None], ["x"]):
            changed = {**copy.deepcopy(good), member: odd}
            with pytest.raises(MailmoveError):
                read(answering(json.dumps(changed).encode()))


SELECTORS = {"Domain": "c.example", "Selector1CNAME": "one.example", "Selector2CNAME": "two.example"}


@pytest.mark.parametrize(("lacking", "count"), [((), 2), (("Selector1CNAME", "Selector2CNAME"), 0)])
def test_both_selectors_of_dkim_or_none_yet(lacking: tuple[str, ...], count: int) -> None:
    row = {name: value for name, value in SELECTORS.items() if name not in lacking}
    graph = answering(json.dumps({"value": [row]}).encode())
    assert len(Dkim(exchange(graph)).records("c.example")) == count


@pytest.mark.parametrize("lacking", SELECTORS)
def test_half_a_configuration_of_dkim_is_no_configuration(lacking: str) -> None:
    graph = answering(json.dumps({"value": [{**SELECTORS, lacking: ""}]}).encode())
    with pytest.raises(AnswerUnreadable):
        Dkim(exchange(graph)).records("c.example")


@pytest.mark.parametrize("content", [b"\0\0\0\0", b'{"error": []}', b"<html><body>x</body></html>", b"busy", b" "])
def test_what_is_no_message_is_no_content_of_one(content: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        Messages(answering(content), "global").content(MAILBOX, "1")


def test_a_message_is_given_out_as_it_is() -> None:
    content = b"Received: from a.b by c.d\r\n\r\nx"
    assert Messages(answering(content), "global").content(MAILBOX, "1") == content


PRODUCT = Product(catalog_item="P:S:A", quantity=1, term="P1M", billing="monthly")
HEAD = "ProductId,SkuId,SkuTitle,TermDuration,BillingPlan,Currency,UnitPrice"


@pytest.mark.parametrize(
    "sheet",
    [
        "<html>busy</html>",
        "",
        f"{HEAD}\nP,S,Basic,P1M,Monthly,GBP",
        f"{HEAD}\nP,S,Basic, with Teams,P1M,Monthly,GBP,5.00",
        f"{HEAD}\nP,S,Basic,P1M,Monthly,GBP,",
        f"{HEAD}\nP,S,Basic,P1M,Monthly,GBP,NaN",
        f"{HEAD}\nP,S,Basic,P1M,Monthly,GBP,-5",
        f'{HEAD}\nP,S,Basic,P1M,Monthly,GBP,"5,00"',
        f"{HEAD}\nP,S,Basic,P1M,Monthly,,5.00",
        f"{HEAD},UnitPrice\nP,S,Basic,P1M,Monthly,GBP,5.00,6.00",
        f"{HEAD.replace('UnitPrice', 'Price')}\nP,S,Basic,P1M,Monthly,GBP,5.00",
        f'{HEAD}\n"P"x,S,Basic,P1M,Monthly,GBP,5.00',
    ],
)
def test_a_sheet_that_cannot_be_read_has_no_price(sheet: str) -> None:
    with pytest.raises(AnswerUnreadable):
        read_prices(sheet.splitlines(keepends=True), [PRODUCT], datetime.now(UTC))


def test_a_title_may_have_any_letters() -> None:
    sheet = [f"{HEAD}\n", 'P,S,"Basic\u2028 two\n', 'lines",P1M,Monthly,GBP,5.00\n']
    [price] = read_prices(sheet, [PRODUCT], datetime.now(UTC)).values()
    assert str(price.unit_price) == "5.00"


def test_typed_members() -> None:
    row = Answer({"n": "7", "z": 0, "t": AT, "never": "0001-01-01T00:00:00", "w": {"Value": "Synced"}}, "Graph", "it")
    assert (fields.number(row, "n"), fields.number(row, "z"), fields.word(row, "w")) == (7, 0, "Synced")
    assert fields.time(row, "t") == datetime(2026, 11, 27, 2, tzinfo=UTC)
    assert fields.time_or(row, "never") is None
    assert (fields.flag_or({"Deny": {"IsPresent": False}}, "Deny"), fields.flag_or({"Deny": "False"}, "Deny")) == (
        False,
        False,
    )
    with pytest.raises(AnswerUnreadable, match="Graph: wanted it; saw nothing as `id`"):
        fields.text(row, "id")
    with pytest.raises(AnswerUnreadable):
        fields.time_or({"t": "0001-01-01T00:00:00+14:00"}, "t")
