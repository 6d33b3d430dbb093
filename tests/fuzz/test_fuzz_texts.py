"""Readers of texts and bytes, on spoiled ones: a MailmoveError or all that was in it."""

from __future__ import annotations

import playing
import pytest
import readers_of_texts

READERS = {reader.name: reader for reader in readers_of_texts.READERS}
pytestmark = pytest.mark.timeout(60 + playing.MUTATIONS)


@pytest.mark.parametrize("name", playing.names(READERS))
def test_a_spoiled_text_is_refused_or_read_whole(name: str) -> None:
    playing.check(READERS[name])
