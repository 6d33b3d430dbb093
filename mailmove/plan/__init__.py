"""The plan of a cutover: what the administrator writes, read and checked."""
