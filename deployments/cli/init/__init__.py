"""`mailmove init`: from a domain to a plan. It finds out what anybody may know, and asks for the rest."""
