"""How the flows are started and run: command line, board, server. Knows them by entrypoint only (prefect.yaml)."""
