"""Readers of the shell's objects, on spoiled ones: a MailmoveError, or all that was in them, or it is named."""

from __future__ import annotations

from collections.abc import Iterator

import playing
import pytest
from reader import Reader
from readers_of_powershell import SHELL_NAMES, shell_blocks, shell_readers

pytestmark = pytest.mark.timeout(60 + playing.MUTATIONS)


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, Reader]]:
    with shell_blocks("14.3.123.4") as (server, firewall):
        yield {reader.name: reader for reader in shell_readers(server, firewall)}


def test_every_reader_has_its_name_here(readers: dict[str, Reader]) -> None:
    assert sorted(readers) == sorted(SHELL_NAMES)


@pytest.mark.parametrize("name", playing.names(dict.fromkeys(SHELL_NAMES)))
def test_a_spoiled_object_is_refused_or_read_whole(readers: dict[str, Reader], name: str) -> None:
    playing.check(readers[name])
