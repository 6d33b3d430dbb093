"""DNS providers, one module each."""
