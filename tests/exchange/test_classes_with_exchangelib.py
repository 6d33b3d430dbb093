"""Items of every class of the lab's EWS as exchangelib understands them: another hand's reading of the same schema."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import exchangelib
import pytest
from exchange_world import StartServer
from exchangelib.protocol import CachingProtocol

from lab.cloud.item_stream.named_properties import APPOINTMENT, Name
from lab.mailbox_content.generator import fill

FOLDERS = ("Inbox", "Calendar", "Tasks", "Contacts")


@pytest.mark.filterwarnings(
    "ignore:Cannot convert value"
)  # zones with names of their own, which exchangelib leaves out
@pytest.mark.parametrize("version", ["8.3.83.6", "14.3.123.4"])
def test_another_client_reads_every_class(
    start_server: StartServer, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server(version, messages=1, users=1, shared=0, public_folders=0)
    box = server.company.mailboxes[0]
    server.exchange.store.mailboxes[box.address].items.clear()
    filed = fill(server.exchange.store, box.address, seed=9, count=100)
    roots = tmp_path / "root.pem"
    roots.write_text(server.authority.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(roots))
    who = server.company.admin
    config = exchangelib.Configuration(
        service_endpoint=server.exchange.ews_url,
        credentials=exchangelib.Credentials(who, server.company.accounts[who]),
        auth_type=exchangelib.BASIC,
    )
    account = exchangelib.Account(box.address, config=config, access_type="delegate", default_timezone=exchangelib.UTC)
    seen: Counter[str] = Counter()
    try:
        folders = (account.inbox, account.calendar, account.tasks, account.contacts)
        # exchangelib asks 2007 for the members of lists, which its schema does not have, as soon as
        # everything of an item or of an item attachment is wanted.
        for name, folder in zip(FOLDERS[: 3 if version.startswith("8") else 4], folders, strict=False):
            held = {item.subject.strip(): item for item in filed if item.folder == name}
            shown = folder.all()
            if version.startswith("8"):
                more = ("recurrence", "modified_occurrences") if name == "Calendar" else ()
                shown = shown.only("subject", "item_class", "attachments", *more)
            for item in shown:
                assert not isinstance(item, Exception), item
                stored = held[(item.subject if hasattr(item, "subject") else item.display_name).strip()]
                assert stored.mapi is not None and item.item_class == stored.mapi.message_class
                seen[type(item).__name__] += 1
                _attachments(item, stored.mapi, opens=not version.startswith("8"))
                if getattr(item, "recurrence", None) and stored.kind == "event":
                    seen["series"] += 1
                    _occurrences(item, stored.mapi)
                    seen["changed"] += len(item.modified_occurrences or ())
            assert len(held) == folder.all().count()
    finally:
        CachingProtocol.clear_cache()
    wanted = ["Message", "MeetingRequest", "CalendarItem", "Task", "series"]
    wanted += [] if version.startswith("8") else ["Contact", "DistributionList"]
    assert all(seen[name] for name in wanted), seen
    assert seen["changed"], "no changed occurrence was read"


def _attachments(item: Any, stored: Any, *, opens: bool) -> None:
    contents = [file.properties.value(0x3701) for file in stored.attachments if file.message is None]
    shown = [one.content for one in item.attachments or () if isinstance(one, exchangelib.FileAttachment)]
    assert shown == contents
    own_items = [one for one in item.attachments or () if isinstance(one, exchangelib.ItemAttachment)]
    inside = [one.item.subject if opens else one.name for one in own_items]
    own = [file.message for file in stored.attachments if file.message and 0x7FFB not in file.properties]
    assert inside == [message.properties.text(0x0037) for message in own]


def _occurrences(item: Any, stored: Any) -> None:
    replaced = {
        file.message.properties.moment(Name(APPOINTMENT, 0x8228)) for file in stored.attachments if file.message
    }
    assert {one.original_start for one in item.modified_occurrences or ()} == replaced
