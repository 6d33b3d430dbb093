"""What is waited for: one file each, with one coroutine `look_on(cutover, ledger, previous)`."""
