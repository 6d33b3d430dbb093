"""Firewalls, one file for each vendor."""
