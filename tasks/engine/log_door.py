"""Lines of the log are words like any other: what strangers put into them steers no terminal that shows the log."""

from __future__ import annotations

import logging

from mailmove.shown_text import visible


class PlainRecord(logging.LogRecord):
    """A record whose message has no control characters, whoever formats it."""

    def getMessage(self) -> str:  # its name in logging
        return visible(super().getMessage(), lines=True)


def install() -> None:
    """From here on every record of this process is such a one."""
    logging.setLogRecordFactory(PlainRecord)
