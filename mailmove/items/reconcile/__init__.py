"""Compare source and target item by item, on disk."""
