"""The old server, by vendor."""
