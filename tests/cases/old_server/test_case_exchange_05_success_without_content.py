"""GetItem for two, one of them a success without MimeContent, with an empty one, with one that is no base64."""

from __future__ import annotations

import pytest
from recorded_ews import BOX, ENVELOPE, RecordedEws, always, answers, items, mail

from blocks.exchange.ews.copy_source import EwsOrigin
from mailmove.errors import AnswerUnreadable


@pytest.mark.parametrize(
    "content", [None, "", "  \r\n ", "QUJDR", "QUJD=RA=", "ICAgIA0K", "QUJD===TruncatedData===", "true", "QUJDRA=="]
)
def test_the_other_is_copied_and_this_one_is_named(content: str | None) -> None:
    ews = always(answers("GetItem", mail("a"), mail("b", content)))
    first, second = EwsOrigin(ews).contents(BOX, items("a", "b"), way="converted")
    assert first.mime == "U3ViamVjdDogYQ0KDQphDQo="
    assert second.mime is None and "MimeContent" in str(second.missing)
    assert 1 < ews.asked < 50


def test_an_answer_without_an_item_and_a_contact_without_a_property() -> None:
    ews = always(answers("GetItem", "<m:Items/>"))
    with pytest.raises(AnswerUnreadable, match="GetFolder"):  # not even the mailbox's folders can be had
        EwsOrigin(ews).contents(BOX, items("a"), way="converted")
    contact = '<m:Items><t:Contact><t:ItemId Id="{}"/>{}</t:Contact></m:Items>'
    body = answers("GetItem", contact.format("a", "<t:DisplayName>Ann</t:DisplayName>"), contact.format("b", ""))
    asked = [item.model_copy(update={"kind": "contact"}) for item in items("a", "b")]
    first, second = EwsOrigin(always(body)).contents(BOX, asked, way="converted")
    assert first.fields == {"displayName": "Ann"}
    assert second.fields is None and "without a single property" in str(second.missing)


def test_answers_in_another_order_are_not_mixed_up() -> None:
    swapped = answers("GetItem", mail("b", "QjogYg=="), mail("a", "QTogYQ=="))

    def answer(request: bytes) -> tuple[int, bytes]:
        return 200, ENVELOPE.format(
            swapped if b'Id="a"' in request and b'Id="b"' in request else _one(request)
        ).encode()

    contents = EwsOrigin(RecordedEws(answer)).contents(BOX, items("a", "b"), way="converted")
    assert [content.mime for content in contents] == ["QTogYQ==", "QjogYg=="]


def _one(request: bytes) -> str:
    if b"GetFolder" in request:
        return answers("GetFolder", *['<m:Folders><t:Folder><t:FolderId Id="{}"/></t:Folder></m:Folders>'] * 11)
    return answers("GetItem", mail("a", "QTogYQ==") if b'Id="a"' in request else mail("b", "QjogYg=="))
