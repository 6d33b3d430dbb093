"""One odd event of the tracking log, and one accepted domain of another spelling, stop nobody."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from blocks.exchange.exchange_server import _arrival
from blocks.exchange.inventory.domains import domain_name
from blocks.exchange.powershell.from_clixml import Row
from mailmove.smtp.late_senders import late_senders

AT = datetime(2026, 11, 30, 3, tzinfo=UTC)


@pytest.mark.parametrize("recipients", [None, [], [""], 7, {"a": 1}])
def test_an_arrival_of_which_nobody_knows_for_whom_is_an_arrival(recipients: Any) -> None:
    row = Row({"Timestamp": AT, "ClientIp": "192.0.2.7", "Sender": "a@x.example", "Recipients": recipients})
    arrival = _arrival(row)
    assert (arrival.at, arrival.recipients) == (AT, ())
    assert [sender.client_ip for sender in late_senders([arrival])] == ["192.0.2.7"]


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("Müller.example", "xn--mller-kva.example"),
        ("*.MÜLLER.example", "*.xn--mller-kva.example"),
        ("mu\u0308ller.example", "xn--mller-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("Contoso.COM", "contoso.com"),
        ("*", "*"),
        ("☃\u200d.example", "☃\u200d.example"),
    ],
)
def test_an_accepted_domain_is_called_as_dns_calls_it(shown: str, name: str) -> None:
    assert domain_name(Row({"DomainName": shown})) == name
