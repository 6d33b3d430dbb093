"""Park sub-flows, poll what they wait for, resume and restart them."""
