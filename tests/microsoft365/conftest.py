"""The town of these tests, open for the length of one."""

from collections.abc import Iterator

import pytest
from cloud_town import Town, opened_town


@pytest.fixture
def town() -> Iterator[Town]:
    with opened_town() as town:
        yield town
