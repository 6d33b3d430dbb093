"""How fast we are beside others, measured in the same run on the same machine. Nothing here is asserted in a test."""
