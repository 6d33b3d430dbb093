"""`mailmove doctor`: is all well on this machine, at the server, and on the way to the world?"""
