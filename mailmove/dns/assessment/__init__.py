"""What the public DNS of a domain says about its mail, and advice on it."""
