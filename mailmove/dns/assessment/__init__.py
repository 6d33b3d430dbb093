"""Assess a domain's mail by its public DNS, and give advice."""
