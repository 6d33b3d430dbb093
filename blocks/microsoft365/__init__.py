"""The target: Microsoft Graph and the Exchange admin API."""
