"""Who has which address in the two network namespaces."""

from __future__ import annotations

POSTFIX, RESOLVER = "10.77.0.1", "10.77.0.2"
NAME_SERVER, OLD, CLOUD = "10.77.0.11", "10.77.0.21", "10.77.0.31"
DOMAIN = "northwind.example"
KEY = ("mailmove-test.", "bWFpbG1vdmUtdGVzdC1rZXktb2YtMzItYnl0ZXMtISE=", "hmac-sha256")
LONGEST = 3
"""Seconds that the resolver keeps an answer, whatever its TTL says: one of those that extend TTLs."""
