"""`mailmove block`: blocks as code, with values from a prompt, the environment, a file, or a secret store."""
