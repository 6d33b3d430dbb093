"""Content of one item on both sides, property by property."""
