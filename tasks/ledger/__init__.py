"""What a cutover has written down, and where."""
