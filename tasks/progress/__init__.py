"""Completed steps, interruptions, verification and rollback of a stage."""
