"""Tell people, by their channels, what happened."""
