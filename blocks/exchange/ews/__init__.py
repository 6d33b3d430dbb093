"""EWS of the source server."""
