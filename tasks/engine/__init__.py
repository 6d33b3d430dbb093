"""Prefect's inside: what Mailmove relies on beyond the public, documented API. The bottom layer of `tasks`."""
