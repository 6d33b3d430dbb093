"""The lab's company: the same for the same seed, realistic, quick to make."""

from __future__ import annotations

import email
import time
from email.policy import default

from lab.company import make_company
from lab.item_parts import contact_parts, event_parts


def test_same_seed_same_company_and_another_seed_another() -> None:
    assert make_company(7, messages=200) == make_company(7, messages=200)
    assert make_company(7, messages=200) != make_company(8, messages=200)


def test_three_thousand_messages_are_made_quickly_and_are_not_huge() -> None:
    started = time.process_time()
    company = make_company()
    assert time.process_time() - started < 3
    items = [item for box in company.mailboxes for item in box.items.values()]
    assert sum(item.kind == "message" for item in items) == 3000
    assert sum(len(item.mime) for item in items) < 100_000_000


def test_directory_has_people_shared_mailboxes_and_public_folders() -> None:
    company = make_company(messages=10, users=20)
    kinds = [box.kind for box in company.mailboxes]
    assert (kinds.count("user"), kinds.count("shared"), kinds.count("public_folder")) == (20, 3, 2)
    addresses = [name for box in company.mailboxes for name in (box.address, *box.aliases)]
    assert len(set(addresses)) == len(addresses)
    assert all(box.legacy_exchange_dn.startswith("/o=") for box in company.mailboxes)
    assert any(not box.display_name.isascii() for box in company.mailboxes)
    assert company.admin in company.accounts


def test_every_item_parses_and_says_what_the_store_says() -> None:
    company = make_company(messages=1500)
    lost_ids = 0
    for box in company.mailboxes:
        ids = [item.message_id for item in box.items.values() if item.message_id]
        assert len(set(ids)) == len(ids)
        for item in box.items.values():
            message = email.message_from_bytes(item.mime, policy=default)
            assert str(message["Subject"]) == item.subject
            assert not [part for part in message.walk() if part.defects]
            assert str(message.get("Message-ID", "")) == item.message_id
            if item.kind == "event":
                assert event_parts(item.mime).subject == item.subject
            elif item.kind == "contact":
                assert contact_parts(item.mime).name == item.subject
            else:
                lost_ids += not item.message_id
    assert 1 <= lost_ids <= 3
