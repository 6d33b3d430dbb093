"""Reading everything that a move must know of from the old server."""

from blocks.exchange.inventory.read import read_address_book, read_delegates, read_inventory

__all__ = ["read_address_book", "read_delegates", "read_inventory"]
