"""The lab's Microsoft Graph v1.0."""
