"""The ways by which mail comes to the old server: what public DNS and open ports show of them, and what that means."""
