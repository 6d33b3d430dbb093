"""Readers of other services' answers, on spoiled ones: a MailmoveError, or all that was in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import playing
import pytest
from reader import Reader
from readers_of_acme import ACME_NAMES, acme_readers
from readers_of_device_code import DEVICE_CODE_NAMES, device_code_readers
from readers_of_http import HTTP_NAMES, aws_readers, web_readers
from readers_of_rpc import RPC_NAMES, rpc_readers
from readers_of_smtp import SMTP_NAMES, smtp_readers
from readers_of_zones import ZONE_NAMES, zone_readers

NAMES = (*HTTP_NAMES, *SMTP_NAMES, *ACME_NAMES, *RPC_NAMES, *DEVICE_CODE_NAMES, *ZONE_NAMES)
WORLDS = (aws_readers, web_readers, smtp_readers, acme_readers, rpc_readers, device_code_readers, zone_readers)
pytestmark = pytest.mark.timeout(60 + playing.MUTATIONS)


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, Reader]]:
    with ExitStack() as stack:
        made = [reader for some in WORLDS for reader in stack.enter_context(some())]
        yield {reader.name: reader for reader in made}


def test_every_reader_has_its_name_here(readers: dict[str, Reader]) -> None:
    assert sorted(readers) == sorted(NAMES)


@pytest.mark.parametrize("name", playing.names(dict.fromkeys(NAMES)))
def test_a_spoiled_answer_is_refused_or_read_whole(readers: dict[str, Reader], name: str) -> None:
    playing.check(readers[name])
