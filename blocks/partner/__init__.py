"""The partner's own tenant at Microsoft."""
