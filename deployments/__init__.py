"""Where and on whose say-so the flows run. Knows them by entrypoint only (prefect.yaml)."""
