"""The ledger of items: every item of the source is found again at the target, or named with a reason."""
