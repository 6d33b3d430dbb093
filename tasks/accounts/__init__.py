"""Partner relationship, sign-in, first passwords, address collisions."""
