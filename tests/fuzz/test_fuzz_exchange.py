"""Readers of the old server's answers, on spoiled ones: a MailmoveError, or all that was in them, or it is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import playing
import pytest
from reader import Reader
from readers_of_exchange import autodiscover_readers, client_readers, ews_readers, ntlm_readers, taped_server

NAMES = ("EWS folders", "EWS items", "EWS contents", "EWS changes", "EWS search", "EWS content",
         "EWS by NTLM", "Autodiscover")  # fmt: skip
pytestmark = pytest.mark.timeout(60 + playing.MUTATIONS)


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, Reader]]:
    with ExitStack() as stack:
        new = stack.enter_context(taped_server("14.3.123.4"))
        made = [*ews_readers(new), *client_readers(new), *ntlm_readers(new), *autodiscover_readers(new)]
        yield {reader.name: reader for reader in made}


def test_every_reader_has_its_name_here(readers: dict[str, Reader]) -> None:
    assert sorted(readers) == sorted(NAMES)


@pytest.mark.parametrize("name", playing.names(dict.fromkeys(NAMES)))
def test_a_spoiled_answer_is_refused_or_read_whole(readers: dict[str, Reader], name: str) -> None:
    playing.check(readers[name])
