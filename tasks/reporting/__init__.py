"""Collect what a cutover did; status and report."""
