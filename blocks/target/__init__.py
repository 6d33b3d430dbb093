"""The customer's Microsoft 365."""
