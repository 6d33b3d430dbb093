"""Mail straight to the cloud: who is refused, what is filed, and what the trace says."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

ANNA = "anna@northwind.example"
MAIL = b"From: x@contoso.example\r\nTo: anna@northwind.example\r\nSubject: Hello\r\n%s\r\nHi\r\n"


def _session(town: Any) -> smtplib.SMTP:
    # Each sender of a town has an address of its own; the trace must show it.
    return smtplib.SMTP(
        town.places.cloud, town.places.smtp_port, local_hostname="mail.contoso.example",
        source_address=(town.places.sender(3), 0), timeout=20,
    )  # fmt: skip


def test_mail_is_filed_and_traced_with_its_origin(town: Any) -> None:
    town.ready_domain()
    town.provision(ANNA)
    with _session(town) as smtp:
        smtp.sendmail("x@contoso.example", [ANNA.upper()], MAIL % b"Message-ID: <1@contoso.example>\r\n")
        smtp.sendmail("x@contoso.example", [ANNA], MAIL % b"")  # gets a Message-ID here
    ids = {item.message_id for item in town.cloud.store.snapshot(ANNA)}
    assert "<1@contoso.example>" in ids and len(ids) == 2 and "" not in ids
    start = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    end = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = f"/admin/exchange/tracing/messageTraces?$filter=receivedDateTime ge {start} and receivedDateTime le {end}"
    traces = town.graph("GET", path).json()["value"]
    assert {row["messageId"] for row in traces} == ids
    assert {row["fromIP"] for row in traces} == {town.places.sender(3)}
    assert {(row["recipientAddress"], row["status"]) for row in traces} == {(ANNA, "delivered")}


@pytest.mark.parametrize(
    ("recipient", "code", "says"),
    [
        ("nobody@northwind.example", 550, b"5.4.1 Recipient address rejected: Access denied"),
        ("x@elsewhere.example", 550, b"5.7.64"),
    ],
)
def test_strangers_are_refused(town: Any, recipient: str, code: int, says: bytes) -> None:
    town.ready_domain()
    town.provision(ANNA)
    with _session(town) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        smtp.sendmail("x@contoso.example", [recipient], MAIL % b"")
    refused = caught.value.recipients[recipient]
    assert refused[0] == code and says in refused[1]


def test_mail_is_refused_before_the_domain_takes_it(town: Any) -> None:
    town.graph("POST", "/domains", json={"id": "northwind.example"})
    town.provision(ANNA)
    with _session(town) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused):
        smtp.sendmail("x@contoso.example", [ANNA], MAIL % b"")


def test_a_passing_failure_then_delivery(town: Any) -> None:
    town.ready_domain()
    town.provision(ANNA)
    town.faults.set("cloud.smtp_tempfail", times=1)
    with _session(town) as smtp:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
            smtp.sendmail("x@contoso.example", [ANNA], MAIL % b"")
        assert caught.value.recipients[ANNA][0] == 451
        smtp.sendmail("x@contoso.example", [ANNA], MAIL % b"")
    assert len(town.cloud.store.snapshot(ANNA)) == 1
