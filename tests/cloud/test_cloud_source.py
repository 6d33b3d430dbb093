"""How the migration service lists an old server's folder: a page after the other, while mail arrives."""

from __future__ import annotations

import ssl
from typing import Any

from lxml import etree

from lab.cloud.ews_source import EwsSource
from lab.cloud.rpc_probe import Reach
from lab.cloud.tenant import MigrationEndpoint

TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"


class Busy(EwsSource):
    """Pages of two ids, newest first; one more message arrives after each page."""

    def __init__(self) -> None:
        reach = Reach(resolver=("127.0.0.1", 53), https_port=443, trusted=ssl.create_default_context())
        super().__init__(reach, MigrationEndpoint("oa", "old", "127.0.0.1", "Basic", "admin", "secret"))
        self.held = ["4", "3", "2", "1"]

    def _ask(self, body: str) -> Any:
        start = int(body.partition('Offset="')[2].partition('"')[0])
        page = "".join(f'<t:Message><t:ItemId Id="{held}"/></t:Message>' for held in self.held[start : start + 2])
        last = str(start + 2 >= len(self.held)).lower()
        self.held.insert(0, str(len(self.held) + 1))
        names = f'xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"'
        return etree.fromstring(f'<m:RootFolder {names} IncludesLastItemInRange="{last}">{page}</m:RootFolder>')


def test_what_the_next_page_shows_again_is_one_item() -> None:
    with Busy() as source:
        listed = source.item_ids("inbox")
    assert listed == [("4", "message"), ("3", "message"), ("2", "message"), ("1", "message")]
