"""The lab's EWS, as Microsoft documents it and public clients speak it."""
