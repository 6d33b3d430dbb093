"""Mail of the outside world: the customer's gateway, senders, and the independent accountant."""
