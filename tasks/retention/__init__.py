"""What is thinned out, so that a box that waits does not fill its disk."""
