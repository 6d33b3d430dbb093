"""RTF as PidTagRtfCompressed holds it, without compression (MS-OXRTFCP 2.1.3.1.1: COMPTYPE "MELA").

Every reader takes both forms, and what is not compressed cannot be compressed wrongly.
"""

from __future__ import annotations

import struct

UNCOMPRESSED = b"MELA"
_REST_OF_HEAD = 12
"""Bytes of the head that the first number counts: all but itself."""


def rtf_compressed(rtf: bytes) -> bytes:
    """rtf: '{\\rtf1 ...}', in the bytes that it says itself."""
    return struct.pack("<II4sI", len(rtf) + _REST_OF_HEAD, len(rtf), UNCOMPRESSED, 0) + rtf
