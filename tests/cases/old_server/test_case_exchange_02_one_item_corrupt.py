"""GetItem for two, one of them ErrorItemCorrupt; also in other orders, and with codes that nobody knows."""

from __future__ import annotations

import pytest
from recorded_ews import BOX, always, answers, items, mail

from blocks.exchange.ews.copy_source import EwsOrigin


@pytest.mark.parametrize("code", ["ErrorItemCorrupt", "ErrorVirusMessageDeleted", "ErrorCorruptData", "ErrorXyz"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_others_come_through_and_this_one_is_named(code: str, place: int) -> None:
    messages = [mail(identity) for identity in "abc"]
    messages[place] = code
    contents = EwsOrigin(always(answers("GetItem", *messages))).contents(BOX, items(*"abc"), way="converted")
    assert [content.mime is None for content in contents] == [index == place for index in range(3)]
    assert code in str(contents[place].missing) and "in words" in str(contents[place].missing)


def test_a_warning_is_no_content() -> None:
    """ErrorBatchProcessingStopped: not processed, because of an item before it (ResponseClass Warning)."""
    body = answers("GetItem", mail("a"), mail("b")).replace(
        '"Success"><m:ResponseCode>NoError', '"Warning"><m:ResponseCode>ErrorBatchProcessingStopped', 1
    )
    first, second = EwsOrigin(always(body)).contents(BOX, items("a", "b"), way="converted")
    assert first.mime is None and "ErrorBatchProcessingStopped" in str(first.missing)
    assert second.mime
