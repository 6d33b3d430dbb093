"""Signing in at Entra ID: as an application, by a code, in a browser; and what people meet who sign in."""
