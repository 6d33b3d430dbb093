"""Microsoft's published contracts, cut down to what the lab's cloud plays. `extract.py` makes the JSON files."""
