"""Copy, reconcile, redeliver and return mail items."""
