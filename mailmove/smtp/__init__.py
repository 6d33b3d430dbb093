"""SMTP: port checks, probe messages, redelivery, late senders."""
