"""Readers of plans and of what we stored, on spoiled ones: a MailmoveError, or all that was in them."""

from __future__ import annotations

import playing
import pytest
import readers_of_stored

READERS = {reader.name: reader for reader in readers_of_stored.READERS}
pytestmark = pytest.mark.timeout(60 + playing.MUTATIONS)


@pytest.mark.parametrize("name", playing.names(READERS))
def test_what_was_stored_and_is_spoiled_is_refused_or_read_whole(name: str) -> None:
    playing.check(READERS[name])
