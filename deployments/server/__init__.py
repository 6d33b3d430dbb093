"""One box: Prefect's server, worker and watch."""
