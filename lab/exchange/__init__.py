"""The old Exchange server: web services, remote shell, RPC proxy, SMTP."""
