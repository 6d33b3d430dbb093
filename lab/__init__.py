"""A small town on loopback to rehearse in. No production code knows it."""
