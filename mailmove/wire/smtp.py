"""Python's SMTP client, which knows the act under way (`mailmove.wire.acts`)."""

from __future__ import annotations

import smtplib
import socket
from typing import Any

from mailmove.wire.acts import connected

MOST = 1_000_000
"""Bytes that a server may say in one conversation."""


class Smtp(smtplib.SMTP):
    """`smtplib.SMTP` on a socket of ours; use it within `act`."""

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        # Python's own hook for it; smtplib.SMTP_SSL and LMTP use it, too.
        return connected((host, port), timeout)
