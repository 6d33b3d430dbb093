"""A SOAP fault is an error whatever its status is, in the server's words."""

from __future__ import annotations

import pytest
from recorded_ews import BOX, always, items

from blocks.exchange.ews.copy_source import EwsOrigin
from mailmove.errors import Blocked, MailmoveError, Refused, Throttled, Transient

FAULT = "<s:Fault><faultcode>{}</faultcode><faultstring>{}</faultstring>{}</s:Fault>"
DETAIL = (
    '<detail><e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">{}</e:ResponseCode>'
    "</detail>"
)


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    ("code", "detail", "kind"),
    [
        ("s:Client", "", Blocked),
        ("a:ErrorAccessDenied", "", Refused),
        ("s:Client", DETAIL.format("ErrorAccessDenied"), Refused),
        ("s:Server", DETAIL.format("ErrorInternalServerError"), Transient),
        ("a:ErrorServerBusy", "", Throttled),
        ("", "", Blocked),
    ],
)
def test_it_is_raised(status: int, code: str, detail: str, kind: type[MailmoveError]) -> None:
    ews = always(FAULT.format(code, "a recurrence cannot be read", detail), status)
    for read in (
        lambda: EwsOrigin(ews).folders(BOX),
        lambda: EwsOrigin(ews).contents(BOX, items("a", "b"), way="converted"),
    ):
        with pytest.raises(kind, match="a recurrence cannot be read"):
            read()
