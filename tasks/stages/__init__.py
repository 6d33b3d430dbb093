"""One module a stage: check, apply, verify, rollback."""
