"""Remote PowerShell of the source server."""
