"""Prefect tasks: stages, waits and what they share. `tasks/runbook.py` is their order."""
