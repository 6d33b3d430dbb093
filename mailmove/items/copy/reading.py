"""Read the contents of items together, and one by one where a request fails as a whole: one of them may be to blame."""

from __future__ import annotations

from collections.abc import Sequence

from mailmove.errors import MailmoveError, Refused, Throttled
from mailmove.items.copy.interfaces import Content, Origin, Way
from mailmove.items.each_folder import IN_A_ROW
from mailmove.items.item import Item


class Reading:
    """Contents of one mailbox's items, each that way."""

    def __init__(self, origin: Origin, mailbox: str, way: Way) -> None:
        self._origin, self._mailbox, self._way = origin, mailbox, way

    def contents(self, items: Sequence[Item], *, may_blame_item: bool) -> list[Content]:
        """The content of each, in order; `missing` says why there is none.

        may_blame_item: this mailbox was read before, so that a single item that fails is to blame itself. Raised: an
        error that several items in a row have, and what is refused.
        """
        try:
            return self._ask(items)
        except (Refused, Throttled):
            raise
        except MailmoveError as error:
            if len(items) == 1 and not may_blame_item:
                raise
            return self._one_by_one(items, error)

    def _ask(self, items: Sequence[Item]) -> list[Content]:
        return self._origin.contents(self._mailbox, items, way=self._way)

    def _one_by_one(self, items: Sequence[Item], first: MailmoveError) -> list[Content]:
        contents: list[Content] = []
        in_a_row = 0
        for item in items:
            try:
                contents += self._ask([item])
                in_a_row = 0
            except (Refused, Throttled):
                raise
            except MailmoveError as error:
                in_a_row += 1
                if in_a_row == IN_A_ROW:
                    raise first from error
                contents.append(Content(item, missing=f"the old server does not give it: {error.seen}"))
        return contents
