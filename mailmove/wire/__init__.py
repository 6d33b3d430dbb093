"""Connections to strangers: deadlines of whole acts, limits of what comes in, which networks may be asked."""
