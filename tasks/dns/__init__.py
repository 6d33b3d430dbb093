"""Change zones, and check them at the authoritative servers."""
