"""What the source server holds, and what follows from it."""
