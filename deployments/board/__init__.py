"""The board as a web page."""
