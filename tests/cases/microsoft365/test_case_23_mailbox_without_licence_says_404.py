"""A mailbox that Graph does not open is not a mailbox without mail. graph-docs 5888 10745, outlook-dev-docs 1031."""

from __future__ import annotations

import pytest
from case_world import ANNA, DOMAIN, THEN, message, world

from blocks.microsoft365.answers import MailboxClosed
from mailmove.errors import Blocked
from mailmove.leavable import Leavable, LeavableKind

NOBODY = f"nobody@{DOMAIN}"


def test_a_mailbox_without_licence_cannot_be_opened() -> None:
    with world({ANNA: [message("a", "Hallo")]}, copied=True) as w:
        w.faults.set("graph.unlicensed")
        items, messages = w.target.items.changes(), w.target.messages
        for read in (
            lambda: list(messages.since(ANNA, THEN)),
            lambda: messages.find(ANNA, ["<a@b>"]),
            lambda: messages.content(ANNA, "item-00000001"),
            lambda: messages.remove(ANNA, "item-00000001"),
            lambda: items.folders(ANNA),
        ):
            with pytest.raises(MailboxClosed, match="cannot be opened") as caught:
                read()
            assert [thing.key for thing in caught.value.leaves] == [
                Leavable(kind=LeavableKind.MAILBOX, mailbox=ANNA).key
            ]


def test_where_there_is_nobody_there_is_no_mail() -> None:
    with world({ANNA: []}) as w:
        assert list(w.target.messages.since(NOBODY, THEN)) == []
        assert w.target.messages.find(NOBODY, ["<a@b>"]) == []


def test_a_user_of_another_sign_in_name_has_a_mailbox_all_the_same() -> None:
    with world({ANNA: [message("a", "Hallo")]}, copied=True) as w:
        user = w.cloud.tenant.users.pop(ANNA)
        user.upn, user.mail = f"anna.schmidt@{DOMAIN}", ANNA
        w.cloud.tenant.users[user.upn] = user
        with pytest.raises(Blocked, match=r"signs in as anna\.schmidt@"):
            list(w.target.messages.since(ANNA, THEN))


def test_an_item_that_is_gone_is_no_closed_mailbox() -> None:
    with world({ANNA: [message("a", "Hallo")]}, copied=True) as w:
        w.target.messages.remove(ANNA, "no-such-item")
        assert [item.subject for item in w.target.messages.since(ANNA, THEN)] == ["Hallo"]
