"""How a task runs: retries, fencing, concurrency limits, opened blocks."""
