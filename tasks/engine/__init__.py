"""What Mailmove asks of the engine that runs it: a port, and Prefect behind it."""
