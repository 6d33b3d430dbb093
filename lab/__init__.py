"""Plays a customer's whole world on loopback (the town), to rehearse and test in. No production code imports it."""
