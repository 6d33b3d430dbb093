"""Ask name servers and read their answers."""
