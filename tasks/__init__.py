"""One file a stage: look, act, make sure, undo. `tasks/runbook.py` is the order of the night."""
