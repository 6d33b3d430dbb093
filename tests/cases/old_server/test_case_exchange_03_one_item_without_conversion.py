"""GetItem for two, one of them ErrorMimeContentConversionFailed."""

from __future__ import annotations

from recorded_ews import BOX, always, answers, items, mail

from blocks.exchange.ews.copy_source import EwsOrigin


def test_the_other_is_copied_and_this_one_is_named_at_once() -> None:
    ews = always(answers("GetItem", mail("a"), "ErrorMimeContentConversionFailed"))
    first, second = EwsOrigin(ews).contents(BOX, items("a", "b"), way="converted")
    assert first.mime == "U3ViamVjdDogYQ0KDQphDQo="
    assert second.mime is None and "ErrorMimeContentConversionFailed: in words" in str(second.missing)
    assert (ews.asked, ews.slept) == (1, [])
