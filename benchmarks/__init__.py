"""How fast we are beside others, measured in the same run on the same machine. No test asserts a figure."""
