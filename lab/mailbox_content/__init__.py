"""A mailbox with items of every class, made from a seed: for tests of the mover and for the nights."""
