"""Items of mailboxes at Microsoft 365: read, searched, written, imported."""
