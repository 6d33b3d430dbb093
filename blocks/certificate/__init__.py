"""Authorities that issue public certificates."""
