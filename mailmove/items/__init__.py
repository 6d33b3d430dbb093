"""Mail items: what one is, how it is identified, copied and reconciled."""
