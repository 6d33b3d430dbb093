"""Readers below HTTP's usual forms, and of what `init` looks up, on spoiled answers: a MailmoveError, or all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import playing
import pytest
from reader import Reader
from readers_of_init import INIT_NAMES, init_readers
from readers_of_items import ITEM_NAMES, item_readers
from readers_of_routers import ROUTER_NAMES, router_readers
from readers_of_transfer import TRANSFER_NAMES, transfer_readers
from readers_of_wsman import WSMAN_NAMES, wsman_readers

NAMES = (*INIT_NAMES, *ITEM_NAMES, *ROUTER_NAMES, *TRANSFER_NAMES, *WSMAN_NAMES)
WORLDS = (init_readers, router_readers, transfer_readers, wsman_readers)
pytestmark = pytest.mark.timeout(60 + playing.MUTATIONS)


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, Reader]]:
    with ExitStack() as stack:
        made = [reader for some in WORLDS for reader in stack.enter_context(some())]
        yield {reader.name: reader for reader in (*made, *item_readers())}


def test_every_reader_has_its_name_here(readers: dict[str, Reader]) -> None:
    assert sorted(readers) == sorted(NAMES)


@pytest.mark.parametrize("name", playing.names(dict.fromkeys(NAMES)))
def test_a_spoiled_answer_is_refused_or_read_whole(readers: dict[str, Reader], name: str) -> None:
    playing.check(readers[name])
