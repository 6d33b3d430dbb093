"""The source: an Exchange server by EWS and PowerShell."""
