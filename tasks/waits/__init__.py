"""One module a wait: the condition that is polled."""
