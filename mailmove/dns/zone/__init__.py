"""What a customer's zone holds, should hold, and how it is changed."""
