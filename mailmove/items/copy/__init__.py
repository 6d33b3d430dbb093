"""Copy mailboxes item by item, with checkpoints and rate limits."""
