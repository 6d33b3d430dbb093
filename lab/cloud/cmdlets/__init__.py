"""Cmdlets of Exchange Online that the lab plays."""
