"""Copying items ourselves: what goes where, how fast, and how far we are. The wire is in `blocks/`."""
